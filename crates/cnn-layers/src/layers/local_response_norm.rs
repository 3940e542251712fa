//! Local response normalisation (Krizhevsky, Sutskever and Hinton, 2012).

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::local_response_norm::Options;

use crate::error::named;
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
/// let norm = LocalResponseNorm::builder(5).k(2.0).build()?;
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
    /// Over windows of `size` channels, with PyTorch's settings.
    ///
    /// # Errors
    /// As [`LocalResponseNormBuilder::build`].
    pub fn new(size: usize) -> Result<Self> {
        Self::builder(size).build()
    }

    /// With further settings.
    pub fn builder(size: usize) -> LocalResponseNormBuilder {
        LocalResponseNormBuilder { options: Options { size, ..Options::default() } }
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

/// Settings of a [`LocalResponseNorm`].
#[derive(Debug, Clone, Copy)]
pub struct LocalResponseNormBuilder {
    options: Options,
}

impl LocalResponseNormBuilder {
    /// Factor of the mean square.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.options.alpha = alpha;
        self
    }

    /// The power.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.options.beta = beta;
        self
    }

    /// What is added to the mean square.
    #[must_use]
    pub fn k(mut self, k: f64) -> Self {
        self.options.k = k;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a size of zero, an alpha or k that is negative or not finite, a beta that is not finite.
    pub fn build(self) -> Result<LocalResponseNorm> {
        let options = self.options;
        options.check().map_err(|error| named("LocalResponseNorm", error))?;
        Ok(LocalResponseNorm { options })
    }
}
