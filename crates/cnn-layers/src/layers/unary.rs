//! Activations as layers.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;

use crate::{Forward, Layer, Result};

/// `max(x, 0)`, as `torch.nn.ReLU`. Any shape. No parameters.
///
/// Also names the activation where a layer fuses it: `conv.call_act(x, Relu, cx)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct Relu;

impl Forward for Relu {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.relu()?)
    }
}

impl From<Relu> for Activation {
    fn from(_: Relu) -> Self {
        Activation::Relu
    }
}
