//! Softmax and its logarithm as layers.

use cnn_autograd::{Ctx, Var};

use crate::{Forward, Layer, Result};

/// An axis of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Axis {
    /// The last one: the channels of an image, the classes of logits.
    #[default]
    Last,
    /// This one, counted from the first, which is 0.
    At(usize),
}

impl Axis {
    /// The number of the axis in `x`; 0 for a scalar, which the operation then refuses.
    fn of(self, x: &Var) -> usize {
        match self {
            Self::Last => x.shape().len().saturating_sub(1),
            Self::At(axis) => axis,
        }
    }
}

/// `exp(x) / sum(exp(x))` over an axis, as `torch.nn.Softmax`. No parameters.
///
/// Channels are the last axis here, so [`Axis::Last`] is PyTorch's `dim=1` of an image.
///
/// ```
/// use cnn_layers::{Axis, Ctx, Forward, Result, Softmax};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[3, 4], DType::F32)?);
/// let y = Softmax::new(Axis::Last).call(x, &mut cx)?;
/// assert_eq!(y.value().to_vec::<f32>()?, [0.25; 12]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Softmax {
    #[layer(skip)]
    axis: Axis,
}

/// The logarithm of [`Softmax`], as `torch.nn.LogSoftmax`. No parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct LogSoftmax {
    #[layer(skip)]
    axis: Axis,
}

impl Softmax {
    /// Over an axis.
    pub fn new(axis: Axis) -> Self {
        Self { axis }
    }

    /// What it sums over.
    pub fn axis(&self) -> Axis {
        self.axis
    }
}

impl LogSoftmax {
    /// Over an axis.
    pub fn new(axis: Axis) -> Self {
        Self { axis }
    }

    /// What it sums over.
    pub fn axis(&self) -> Axis {
        self.axis
    }
}

impl Forward for Softmax {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        let axis = self.axis.of(&x);
        Ok(x.softmax(axis)?)
    }
}

impl Forward for LogSoftmax {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        let axis = self.axis.of(&x);
        Ok(x.log_softmax(axis)?)
    }
}
