//! Local response normalisation (Krizhevsky, Sutskever and Hinton, 2012).

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::local_response_norm::Options;

use crate::{Forward, Layer, Result};

/// Divides each number by a power of the mean square of its neighbours in the other channels, as
/// `torch.nn.LocalResponseNorm`. No parameters.
///
/// # Shapes
/// `[batch, .., channels]`, unchanged.
///
/// Starts as PyTorch does: alpha 1e-4, beta 0.75, k 1.
///
/// ```
/// use cnn_layers::{Ctx, Forward, LocalResponseNorm, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let norm = LocalResponseNorm::new(5)?.k(2.0)?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::full(&[1, 2, 2, 8], 0.5, DType::F32)?);
/// assert_eq!(norm.call(x, &mut cx)?.shape(), [1, 2, 2, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct LocalResponseNorm {
    #[layer(skip)]
    options: Options,
}

impl LocalResponseNorm {
    /// Over windows of `size` channels.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn new(size: usize) -> Result<Self> {
        Self::of(Options { size, ..Options::default() })
    }

    /// With another factor of the mean square.
    ///
    /// # Errors
    /// Where it is negative or not finite.
    pub fn alpha(self, alpha: f64) -> Result<Self> {
        Self::of(Options { alpha, ..self.options })
    }

    /// With another power.
    ///
    /// # Errors
    /// Where it is not finite.
    pub fn beta(self, beta: f64) -> Result<Self> {
        Self::of(Options { beta, ..self.options })
    }

    /// With another number added to the mean square.
    ///
    /// # Errors
    /// Where it is negative or not finite.
    pub fn k(self, k: f64) -> Result<Self> {
        Self::of(Options { k, ..self.options })
    }

    fn of(options: Options) -> Result<Self> {
        options.check()?;
        Ok(Self { options })
    }

    /// All settings.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl Forward for LocalResponseNorm {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.local_response_norm(self.options)?)
    }
}
