//! Layer normalisation (Ba, Kiros and Hinton, arXiv:1607.06450).

use cnn_autograd::{Ctx, Var};

use super::normalisation::Learnt;
use crate::sizes::{Affine, Bias, LastAxes};
use crate::{Error, Forward, Layer, Parameter, Result};

/// Normalises the numbers of the last axes by their own mean and biased variance, as `torch.nn.LayerNorm`.
///
/// # Shapes
/// `[.., normalized_shape..]`, unchanged; weight and bias `normalized_shape`.
///
/// Over several axes the last one is taken for the channels, which PyTorch has first: its normalized shape
/// `[channels, height, width]` is `[height, width, channels]` here, and files hold the weight as PyTorch does.
///
/// Starts as PyTorch does: weight 1, bias 0, epsilon 1e-5.
///
/// ```
/// use cnn_layers::{Ctx, Forward, LayerNorm, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let (tokens, images) = (LayerNorm::new(64)?, LayerNorm::new([8, 6, 3])?);
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[2, 10, 64], DType::F32)?);
/// assert_eq!(tokens.call(x, &mut cx)?.shape(), [2, 10, 64]);
/// let x = cx.input(Tensor::zeros(&[2, 8, 6, 3], DType::F32)?);
/// assert_eq!(images.call(x, &mut cx)?.shape(), [2, 8, 6, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct LayerNorm {
    #[layer(flatten)]
    learnt: Learnt,
    #[layer(skip)]
    normalized_shape: Vec<usize>,
}

impl LayerNorm {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`LayerNormBuilder::build`].
    pub fn new(normalized_shape: impl Into<LastAxes>) -> Result<Self> {
        Self::builder(normalized_shape).build()
    }

    /// With further settings.
    pub fn builder(normalized_shape: impl Into<LastAxes>) -> LayerNormBuilder {
        let LastAxes(normalized_shape) = normalized_shape.into();
        LayerNormBuilder { normalized_shape, epsilon: 1e-5, affine: Affine::With, bias: Bias::With }
    }

    /// The scale, if one is learnt.
    pub fn weight(&self) -> Option<&Parameter> {
        self.learnt.weight.as_ref()
    }

    /// The shift, if one is learnt.
    pub fn bias(&self) -> Option<&Parameter> {
        self.learnt.bias.as_ref()
    }

    /// Sizes of the axes that are normalised over.
    pub fn normalized_shape(&self) -> &[usize] {
        &self.normalized_shape
    }

    /// What is added to the variance before its root is taken.
    pub fn epsilon(&self) -> f64 {
        self.learnt.epsilon
    }
}

impl Forward for LayerNorm {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        Ok(x.layer_norm(&self.normalized_shape, self.learnt.affine(cx)?)?)
    }
}

/// Settings of a [`LayerNorm`].
#[derive(Debug, Clone)]
pub struct LayerNormBuilder {
    normalized_shape: Vec<usize>,
    epsilon: f64,
    affine: Affine,
    bias: Bias,
}

impl LayerNormBuilder {
    /// Added to the variance before its root is taken.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether scale and shift are learnt: PyTorch's `elementwise_affine`.
    #[must_use]
    pub fn affine(mut self, affine: Affine) -> Self {
        self.affine = affine;
        self
    }

    /// Whether a shift is learnt where a scale is.
    #[must_use]
    pub fn bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for no axes, an axis of size zero, an epsilon that is negative or not finite; out of memory.
    pub fn build(self) -> Result<LayerNorm> {
        let Self { normalized_shape, epsilon, affine, bias } = self;
        if normalized_shape.is_empty() || normalized_shape.contains(&0) {
            let met = format!("{normalized_shape:?}");
            return Err(Error::argument(
                "LayerNorm",
                "normalized_shape",
                met,
                "one or more sizes of 1 or more",
            ));
        }
        let mut learnt = Learnt::new("LayerNorm", affine, &normalized_shape, epsilon)?;
        learnt.bias = learnt.bias.filter(|_| bias == Bias::With);
        Ok(LayerNorm { learnt, normalized_shape })
    }
}
