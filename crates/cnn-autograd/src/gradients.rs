//! [`Gradients`]: what backward returns, by parameter and by leaf variable.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

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
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
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
        for gradient in self.parameters.values_mut().chain(self.leaves.values_mut()) {
            let spec = gradient.spec();
            let value = std::mem::replace(gradient, spec.into());
            *gradient = ops::unary::scale(value, factor)?;
        }
        Ok(())
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
