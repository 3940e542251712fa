//! The dense (fully connected) layer.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::random::Key;

use super::conv2d::{starting_bias, starting_weight};
use crate::init::{Fans, Initializer, TorchDefault};
use crate::layer::fused;
use crate::{Bias, Error, FileLayout, Forward, Layer, Parameter, Result};

/// `x weight + bias`, as `torch.nn.Linear`.
///
/// # Shapes
/// `[.., in_features]` to `[.., out_features]`; weight `[in_features, out_features]` in memory,
/// `[out_features, in_features]` in files; bias `[out_features]`.
///
/// Starts as PyTorch does: weight and bias uniform within `1 / sqrt(in_features)`.
///
/// ```
/// use cnn_layers::{Ctx, Dense, Forward, Key, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let dense = Dense::new(4, 2, Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[3, 4], DType::F32)?);
/// assert_eq!(dense.call(x, &mut cx)?.shape(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct Dense {
    weight: Parameter,
    bias: Option<Parameter>,
}

impl Dense {
    /// With bias.
    ///
    /// # Errors
    /// As [`DenseBuilder::build`].
    pub fn new(in_features: usize, out_features: usize, key: Key) -> Result<Self> {
        Self::builder(in_features, out_features).build(key)
    }

    /// With further settings.
    pub fn builder(in_features: usize, out_features: usize) -> DenseBuilder {
        DenseBuilder { in_features, out_features, bias: Bias::With }
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// [`Forward::call`] with the activation applied as the output is stored.
    ///
    /// # Errors
    /// Where the input does not fit, with the layer's path.
    pub fn call_act(&self, x: Var, activation: impl Into<Activation>, cx: &mut Ctx) -> Result<Var> {
        fused(self, activation.into(), cx, |activation, cx| self.run(x, activation, cx))
    }

    fn run(&self, x: Var, activation: Activation, cx: &mut Ctx) -> Result<Var> {
        let weight = self.weight.var(cx)?;
        let bias = self.bias.as_ref().map(|bias| bias.var(cx)).transpose()?;
        Ok(x.dense_act(weight, bias, activation)?)
    }
}

impl Forward for Dense {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// Settings of a [`Dense`].
#[derive(Debug, Clone, Copy)]
pub struct DenseBuilder {
    in_features: usize,
    out_features: usize,
    bias: Bias,
}

impl DenseBuilder {
    /// Whether a bias is added.
    #[must_use]
    pub fn bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// The layer, with PyTorch's starting values.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size of zero; out of memory.
    pub fn build(self, key: Key) -> Result<Dense> {
        self.build_with(&TorchDefault, key)
    }

    /// The layer, with the weight from an initializer; the bias starts as PyTorch's.
    ///
    /// # Errors
    /// As [`DenseBuilder::build`]; where the initializer makes another shape.
    pub fn build_with(self, initializer: &dyn Initializer, key: Key) -> Result<Dense> {
        let Self { in_features, out_features, bias } = self;
        for (name, size) in [("in_features", in_features), ("out_features", out_features)] {
            if size == 0 {
                return Err(Error::argument("Dense", name, size, "1 or more"));
            }
        }
        let fans = Fans { fan_in: in_features, fan_out: out_features };
        let shape = [in_features, out_features];
        let weight = starting_weight("Dense", initializer, &shape, fans, key)?;
        let bias = starting_bias(bias, out_features, fans, key)?;
        Ok(Dense { weight: Parameter::new(weight, FileLayout::Matrix), bias })
    }
}
