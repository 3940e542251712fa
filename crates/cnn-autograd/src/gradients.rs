//! [`Gradients`]: what backward returns, by parameter and by leaf variable.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::{self, AtomicU64};

use cnn_tensor::ops::reduce::{Keep, Norm};
use cnn_tensor::ops::unary::Clamp;
use cnn_tensor::{Tensor, ops};

use crate::{Result, Var};

/// Names a parameter within this process; no two parameters ever have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(u64);

impl ParameterId {
    /// An id that nothing else has.
    #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, atomic::Ordering::Relaxed))
    }
}

/// A node of a tape, over all tapes of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId {
    pub(crate) tape: u64,
    pub(crate) index: usize,
}

/// An output to differentiate, with the gradient that arrives there.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// The output.
    pub output: Var,
    /// Its gradient, of the output's shape and type.
    pub seed: Tensor,
}

/// Gradients of parameters and leaf variables.
///
/// Holds only what the outputs depend on: a parameter that the loss does not reach has no gradient, which is
/// not the same as one of zeros (an optimiser leaves it alone).
#[derive(Debug, Default)]
pub struct Gradients {
    parameters: BTreeMap<ParameterId, Tensor>,
    leaves: BTreeMap<NodeId, Tensor>,
}

impl Gradients {
    /// The gradient of a parameter.
    pub fn get(&self, id: ParameterId) -> Option<&Tensor> {
        self.parameters.get(&id)
    }

    /// The gradient of a parameter, taken out, so that nothing else holds its buffer.
    pub fn take(&mut self, id: ParameterId) -> Option<Tensor> {
        self.parameters.remove(&id)
    }

    /// The gradient of a variable made by [`crate::Ctx::variable`], or one that was observed or retained:
    /// [`crate::Ctx::observe`], [`crate::Ctx::retain_gradient`].
    pub fn of(&self, leaf: &Var) -> Option<&Tensor> {
        self.leaves.get(&leaf.id()?)
    }

    /// How many parameters have a gradient.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether no parameter has a gradient.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The gradients of parameters, in the order in which the parameters were made.
    pub fn iter(&self) -> impl Iterator<Item = (ParameterId, &Tensor)> {
        self.parameters.iter().map(|(&id, gradient)| (id, gradient))
    }

    /// As [`Gradients::iter`], to change: clipping, say.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ParameterId, &mut Tensor)> {
        self.parameters.iter_mut().map(|(&id, gradient)| (id, gradient))
    }

    /// Adds the gradients of another pass: another micro-batch of the same step.
    ///
    /// # Errors
    /// Where one parameter has gradients of two shapes.
    pub fn accumulate(&mut self, other: Gradients) -> Result<()> {
        for (id, gradient) in other.parameters {
            add_to(self.parameters.entry(id), gradient)?;
        }
        for (id, gradient) in other.leaves {
            add_to(self.leaves.entry(id), gradient)?;
        }
        Ok(())
    }

    /// Multiplies every gradient by a number: one over the number of micro-batches, say.
    ///
    /// # Errors
    /// Where a kernel fails.
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        let scale = |gradient| ops::unary::scale(gradient, factor);
        self.leaves.values_mut().try_for_each(|gradient| change(gradient, scale))?;
        self.change_parameters(scale)
    }

    fn change_parameters(&mut self, with: impl Fn(Tensor) -> cnn_tensor::Result<Tensor>) -> Result<()> {
        self.parameters.values_mut().try_for_each(|gradient| change(gradient, &with))
    }

    /// The length of all gradients of parameters together, as of one vector. Not finite where a gradient is not, or where
    /// a single one is too long for its type.
    ///
    /// # Errors
    /// Where a kernel fails.
    pub fn norm(&self) -> Result<f64> {
        let mut squares = 0.0;
        for (_, gradient) in self.iter() {
            let axes: Vec<usize> = (0..gradient.rank()).collect();
            let norm = ops::reduce::norm_over(gradient, &axes, Norm::L2, Keep::Dropped)?.item()?;
            squares += norm * norm;
        }
        Ok(squares.sqrt())
    }

    /// Scales all gradients by one factor, so that [`Gradients::norm`] is at most `limit`; what it was before. As
    /// `torch.nn.utils.clip_grad_norm_` (Pascanu et al., arXiv:1211.5063): the factor is `limit / (norm + 1e-6)`, and a
    /// norm that is not finite makes every gradient so, which the caller has to judge.
    ///
    /// ```
    /// use cnn_autograd::{Gradients, ParameterId, Result};
    /// use cnn_tensor::Tensor;
    /// # fn main() -> Result<()> {
    /// let (a, b) = (ParameterId::new(), ParameterId::new());
    /// let mut gradients = Gradients::default();
    /// gradients.insert(a, Tensor::from_slice(&[1], &[3.0f32])?);
    /// gradients.insert(b, Tensor::from_slice(&[2], &[0.0f32, -4.0])?);
    /// assert_eq!(gradients.clip_norm(1.0)?, 5.0);
    /// assert!((gradients.get(a).unwrap().item()? - 0.6).abs() < 1e-6);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An [`Argument`](cnn_tensor::Error::Argument) error unless `limit` is above zero; where a kernel fails.
    pub fn clip_norm(&mut self, limit: f64) -> Result<f64> {
        expect_limit("clip_norm", limit)?;
        let norm = self.norm()?;
        let factor = limit / (norm + 1e-6);
        // A factor that is not a number, of a norm that is none, is applied.
        if !matches!(factor.partial_cmp(&1.0), Some(Ordering::Greater | Ordering::Equal)) {
            self.change_parameters(|gradient| ops::unary::scale(gradient, factor))?;
        }
        Ok(norm)
    }

    /// Bounds each number of each gradient: those beyond `-limit` and `limit` become these. As
    /// `torch.nn.utils.clip_grad_value_`.
    ///
    /// # Errors
    /// As [`Gradients::clip_norm`].
    pub fn clip_value(&mut self, limit: f64) -> Result<()> {
        expect_limit("clip_value", limit)?;
        let clamp = Clamp { least: -limit, most: limit };
        self.change_parameters(|gradient| ops::unary::forward(&clamp, gradient))
    }

    /// Gives a parameter this gradient; what it had before. A set of gradients is also a direction in which
    /// parameters may move.
    pub fn insert(&mut self, id: ParameterId, gradient: Tensor) -> Option<Tensor> {
        self.parameters.insert(id, gradient)
    }

    pub(crate) fn set_leaf(&mut self, id: NodeId, gradient: Tensor) {
        self.leaves.insert(id, gradient);
    }
}

/// A function of a gradient, in its own buffer where nothing else holds it.
fn change(gradient: &mut Tensor, with: impl Fn(Tensor) -> cnn_tensor::Result<Tensor>) -> Result<()> {
    let spec = gradient.spec();
    *gradient = with(std::mem::replace(gradient, spec.into()))?;
    Ok(())
}

fn expect_limit(op: &'static str, limit: f64) -> Result<()> {
    if limit > 0.0 {
        return Ok(());
    }
    Err(cnn_tensor::Error::argument(op, "limit", limit, "a number above 0").into())
}

fn add_to<K: Ord>(entry: std::collections::btree_map::Entry<'_, K, Tensor>, gradient: Tensor) -> Result<()> {
    use std::collections::btree_map::Entry;
    match entry {
        Entry::Vacant(vacant) => {
            vacant.insert(gradient);
        }
        Entry::Occupied(mut present) => {
            let spec = present.get().spec();
            let sum = std::mem::replace(present.get_mut(), spec.into());
            present.insert(sum_of(sum, gradient)?);
        }
    }
    Ok(())
}

/// The sum of two gradients, in the buffer of one that nobody else holds, so that nothing is copied on write.
pub(crate) fn sum_of(mut first: Tensor, mut second: Tensor) -> cnn_tensor::Result<Tensor> {
    if !first.is_unique() && second.is_unique() {
        std::mem::swap(&mut first, &mut second);
    }
    ops::binary::add(first, &second)
}
