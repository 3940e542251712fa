//! Changes of shape as layers.

use cnn_autograd::{Ctx, Var};

use cnn_tensor::Shape;

use crate::{Error, Forward, Layer, Result};

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

/// The same elements in the order of memory, channels last, under another shape, batch aside. No parameters.
///
/// # Shapes
/// `[batch, ..]` to `[batch, shape..]`, of the same number of elements.
#[derive(Debug, Clone, PartialEq, Eq, Layer)]
pub struct Reshape {
    #[layer(skip)]
    shape: Shape,
}

impl Reshape {
    /// To this shape, without the batch.
    ///
    /// # Errors
    /// For too many axes or a size that overflows.
    pub fn new(shape: &[usize]) -> Result<Self> {
        Ok(Self { shape: Shape::new(shape)? })
    }
}

impl Forward for Reshape {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        let batch = x.shape().first().copied().into_iter();
        let shape: Vec<usize> = batch.chain(self.shape.iter().copied()).collect();
        Ok(x.reshape(&shape)?)
    }
}

/// The axes in another order, as `torch.permute`. No parameters.
///
/// # Shapes
/// Axis `i` of the output is axis `axes[i]` of the input.
#[derive(Debug, Clone, PartialEq, Eq, Layer)]
pub struct Permute {
    #[layer(skip)]
    axes: Vec<usize>,
}

impl Permute {
    /// In this order, batch included: `[0, 2, 1]` exchanges length and channels of sequences.
    ///
    /// # Errors
    /// [`Error::Argument`] unless each axis is named once.
    pub fn new(axes: &[usize]) -> Result<Self> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if sorted.iter().enumerate().any(|(index, &axis)| index != axis) {
            return Err(Error::argument("Permute", "axes", format!("{axes:?}"), "each axis once"));
        }
        Ok(Self { axes: axes.to_vec() })
    }
}

impl Forward for Permute {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.permute(&self.axes)?)
    }
}
