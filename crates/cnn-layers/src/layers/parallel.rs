//! Branches that are joined, as in the modules of Szegedy et al. (arXiv:1409.4842).

use cnn_autograd::{Ctx, Var};

use crate::visit::{Visitor, VisitorMut};
use crate::{Error, Forward, Layer, Result};

/// How the outputs of branches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Join {
    /// One after the other along the last axis, the channels.
    Concat,
    /// Their sum.
    Sum,
    /// Their product.
    Product,
}

/// Branches that all get the input, joined; named by their index, as the members of a
/// [`Sequential`](crate::Sequential).
///
/// # Shapes
/// The branches' outputs differ in channels at most, for [`Join::Concat`]; else they broadcast.
///
/// ```
/// use cnn_layers::{Conv2d, Join, Key, Parallel, Result};
/// # fn main() -> Result<()> {
/// let key = Key::new(1);
/// let inception = Parallel::new(Join::Concat)
///     .branch(Conv2d::new(8, 4, 1, key.fold(0))?)
///     .branch(Conv2d::builder(8, 6, 3).padding(1).build(key.fold(1))?);
/// assert_eq!(inception.len(), 2);
/// # Ok(()) }
/// ```
pub struct Parallel {
    branches: Vec<Box<dyn Forward>>,
    join: Join,
}

impl Parallel {
    /// No branches yet; running without any is an error.
    pub fn new(join: Join) -> Self {
        Self { branches: Vec::new(), join }
    }

    /// One more branch, behind the others.
    #[must_use]
    pub fn branch(mut self, layer: impl Forward) -> Self {
        self.branches.push(Box::new(layer));
        self
    }

    /// Number of branches.
    pub fn len(&self) -> usize {
        self.branches.len()
    }

    /// Whether there are no branches.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }
}

impl Layer for Parallel {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        self.branches.visit(visitor);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        self.branches.visit_mut(visitor);
    }
}

impl Forward for Parallel {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        // By index, because branches without size share one address.
        let outputs = self.branches.iter().enumerate().map(|(index, branch)| {
            let x = x.clone();
            cx.scope(&index.to_string(), |cx| branch.forward(x, cx))
        });
        let outputs = outputs.collect::<Result<Vec<Var>>>()?;
        let joined = match self.join {
            Join::Concat => {
                let last = outputs.first().map_or(0, |output| output.shape().len().saturating_sub(1));
                Some(Var::concat(outputs, last)?)
            }
            Join::Sum => outputs.into_iter().map(Ok).reduce(|a, b| a?.add(b?)).transpose()?,
            Join::Product => outputs.into_iter().map(Ok).reduce(|a, b| a?.mul(b?)).transpose()?,
        };
        joined.ok_or_else(|| Error::Layer("no branches, expected 1 or more".into()))
    }
}
