//! One layer after another.

use cnn_autograd::{Ctx, Var};

use crate::visit::{Visitor, VisitorMut};
use crate::{Forward, Layer, Result};

/// Layers in a row, named by their index, as `torch.nn.Sequential`. Members without parameters count too.
///
/// ```
/// use cnn_layers::{Conv2d, Flatten, Key, MaxPool2d, Relu, Result, Sequential};
/// # fn main() -> Result<()> {
/// let key = Key::new(1);
/// let features = Sequential::new()
///     .then(Conv2d::new(3, 8, 3, key.fold(0))?)
///     .then(Relu)
///     .then(MaxPool2d::new(2)?)
///     .then(Flatten);
/// assert_eq!(features.len(), 4);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Sequential {
    members: Vec<Box<dyn Forward>>,
}

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more layer at the end.
    #[must_use]
    pub fn then(mut self, layer: impl Forward) -> Self {
        self.push(layer);
        self
    }

    /// One more layer at the end.
    pub fn push(&mut self, layer: impl Forward) {
        self.members.push(Box::new(layer));
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Layer for Sequential {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        self.members.visit(visitor);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        self.members.visit_mut(visitor);
    }
}

impl Forward for Sequential {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        // By index, because members without size share one address.
        let mut members = self.members.iter().enumerate();
        members.try_fold(x, |x, (index, layer)| cx.scope(&index.to_string(), |cx| layer.forward(x, cx)))
    }
}
