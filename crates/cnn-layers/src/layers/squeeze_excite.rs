//! Squeeze and excitation (Hu, Shen and Sun, arXiv:1709.01507): a factor for each channel, made of the whole image.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::random::Key;

use crate::{Conv2d, Error, Forward, Layer, Relu, Result, Sigmoid};

/// Multiplies each channel by a number from 0 to 1 that two small dense layers make of the means of all channels, as
/// `torchvision.ops.SqueezeExcitation`, with its keys.
///
/// # Shapes
/// `[batch, height, width, channels]`, unchanged.
///
/// ```
/// use cnn_layers::{Ctx, Forward, HardSigmoid, Key, Result, SqueezeExcite};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let squeeze = SqueezeExcite::builder(16, 4).gate(HardSigmoid).build(Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::full(&[2, 7, 7, 16], 0.5, DType::F32)?);
/// assert_eq!(squeeze.call(x, &mut cx)?.shape(), [2, 7, 7, 16]);
/// # Ok(()) }
/// ```
#[derive(Layer)]
pub struct SqueezeExcite {
    fc1: Conv2d,
    activation: Box<dyn Forward>,
    fc2: Conv2d,
    #[layer(rename = "scale_activation")]
    gate: Box<dyn Forward>,
}

impl SqueezeExcite {
    /// With ReLU in between and a sigmoid at the end.
    ///
    /// # Errors
    /// As [`SqueezeExciteBuilder::build`].
    pub fn new(channels: usize, squeezed: usize, key: Key) -> Result<Self> {
        Self::builder(channels, squeezed).build(key)
    }

    /// With further settings; there are `squeezed` channels in between.
    pub fn builder(channels: usize, squeezed: usize) -> SqueezeExciteBuilder {
        SqueezeExciteBuilder { channels, squeezed, activation: Box::new(Relu), gate: Box::new(Sigmoid) }
    }
}

impl Forward for SqueezeExcite {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let squeezed = x.clone().global_average_pool2d()?;
        let hidden = self.fc1.call(squeezed, cx)?;
        let hidden = self.activation.call(hidden, cx)?;
        let factors = self.fc2.call(hidden, cx)?;
        Ok(x.gate(self.gate.call(factors, cx)?)?)
    }
}

/// Settings of a [`SqueezeExcite`].
pub struct SqueezeExciteBuilder {
    channels: usize,
    squeezed: usize,
    activation: Box<dyn Forward>,
    gate: Box<dyn Forward>,
}

impl SqueezeExciteBuilder {
    /// What follows the first dense layer.
    #[must_use]
    pub fn activation(mut self, activation: impl Forward) -> Self {
        self.activation = Box::new(activation);
        self
    }

    /// What makes the factors of what the second dense layer gives: torchvision's `scale_activation`.
    #[must_use]
    pub fn gate(mut self, gate: impl Forward) -> Self {
        self.gate = Box::new(gate);
        self
    }

    /// The layer, with PyTorch's starting values.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are no channels on one side; out of memory.
    pub fn build(self, key: Key) -> Result<SqueezeExcite> {
        let Self { channels, squeezed, activation, gate } = self;
        for (name, size) in [("channels", channels), ("squeezed", squeezed)] {
            if size == 0 {
                return Err(Error::argument("SqueezeExcite", name, size, "1 or more"));
            }
        }
        Ok(SqueezeExcite {
            fc1: Conv2d::new(channels, squeezed, 1, key.fold_str("fc1"))?,
            activation,
            fc2: Conv2d::new(squeezed, channels, 1, key.fold_str("fc2"))?,
            gate,
        })
    }
}
