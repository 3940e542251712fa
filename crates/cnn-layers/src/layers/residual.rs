//! Residual connections (He et al., arXiv:1512.03385).

use cnn_autograd::{Ctx, Var};

use crate::{Activation, Forward, Layer, Result};

/// `act(body(x) + shortcut(x))`; the shortcut is the input itself unless one is given.
///
/// # Shapes
/// Body and shortcut must give one shape. Keys: `body.*`, `shortcut.*`.
///
/// ```
/// use cnn_layers::{Conv2d, Key, Relu, Residual, Result, Sequential};
/// # fn main() -> Result<()> {
/// let key = Key::new(1);
/// let body = Sequential::new()
///     .then(Conv2d::builder(8, 16, 3).stride(2).padding(1).build(key.fold(0))?)
///     .then(Relu)
///     .then(Conv2d::builder(16, 16, 3).padding(1).build(key.fold(1))?);
/// let block = Residual::new(body)
///     .shortcut(Conv2d::builder(8, 16, 1).stride(2).build(key.fold(2))?)
///     .activation(Relu);
/// # let _ = block;
/// # Ok(()) }
/// ```
#[derive(Layer)]
pub struct Residual {
    body: Box<dyn Forward>,
    shortcut: Option<Box<dyn Forward>>,
    #[layer(skip)]
    activation: Activation,
}

impl Residual {
    /// The sum of what the body makes and its input.
    pub fn new(body: impl Forward) -> Self {
        Self { body: Box::new(body), shortcut: None, activation: Activation::Identity }
    }

    /// A layer that the input goes through on its way to the sum: a projection where the shape changes.
    #[must_use]
    pub fn shortcut(mut self, shortcut: impl Forward) -> Self {
        self.shortcut = Some(Box::new(shortcut));
        self
    }

    /// What is applied to the sum, in the same pass.
    #[must_use]
    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        self.activation = activation.into();
        self
    }
}

impl Forward for Residual {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let sum = self.body.call(x.clone(), cx)?;
        let shortcut = match &self.shortcut {
            Some(layer) => layer.call(x, cx)?,
            None => x,
        };
        Ok(sum.add_act(shortcut, self.activation)?)
    }
}
