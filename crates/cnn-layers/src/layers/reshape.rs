//! Changes of shape as layers.

use cnn_autograd::{Ctx, Var};

use crate::{Forward, Layer, Result};

/// Images as rows of features, as `torch.nn.Flatten`: channels first, so that the weights of a dense layer
/// behind it are PyTorch's. No parameters.
///
/// # Shapes
/// `[batch, spatial.., channels]` to `[batch, channels * spatial]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct Flatten;

impl Forward for Flatten {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.flatten()?)
    }
}
