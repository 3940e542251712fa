//! Pooling along the length of sequences: that of images of one row.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::pool2d::{PaddingCounts, Pool2dOptions};
use cnn_tensor::ops::window::{Padding, Rounding};

use super::pool2d::{AvgPool2d, MaxPool2d, Pool2dBuilder, Sliding, output_size};
use crate::sizes::{Pad, PadEnds, Pair};
use crate::{Forward, Layer, Result};

/// The maximum of each window, as `torch.nn.MaxPool1d`. No parameters.
///
/// # Shapes
/// `[batch, in_length, channels]` to `[batch, out_length, channels]`.
///
/// ```
/// use cnn_layers::{Ctx, Forward, MaxPool1d, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let pool = MaxPool1d::builder(3).stride(2).padding(1).build()?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 100, 8], DType::F32)?);
/// assert_eq!(pool.call(x, &mut cx)?.shape(), [1, 50, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct MaxPool1d {
    #[layer(skip)]
    sliding: Sliding,
}

/// The mean of each window, as `torch.nn.AvgPool1d`. No parameters.
///
/// # Shapes
/// `[batch, in_length, channels]` to `[batch, out_length, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AvgPool1d {
    #[layer(skip)]
    sliding: Sliding,
}

/// The means of as many windows as are asked for, as `torch.nn.AdaptiveAvgPool1d`. No parameters.
///
/// # Shapes
/// `[batch, in_length, channels]` to `[batch, out_length, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AdaptiveAvgPool1d {
    #[layer(skip)]
    output: usize,
}

/// The maxima of as many windows as are asked for, as `torch.nn.AdaptiveMaxPool1d`. No parameters.
///
/// # Shapes
/// `[batch, in_length, channels]` to `[batch, out_length, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AdaptiveMaxPool1d {
    #[layer(skip)]
    output: usize,
}

impl MaxPool1d {
    /// Windows and what happens at the sides, as those of images of one row; the padding is in [`MaxPool1d::padding`].
    pub fn options(&self) -> &Pool2dOptions {
        self.sliding.options()
    }

    /// What is around the input.
    pub fn padding(&self) -> Padding {
        self.sliding.padding()
    }

    /// Windows that tile the sequence.
    ///
    /// # Errors
    /// As [`Pool1dBuilder::build`].
    pub fn new(kernel: usize) -> Result<Self> {
        Self::builder(kernel).build()
    }

    /// With further settings; the stride is the kernel's size until it is set.
    pub fn builder(kernel: usize) -> Pool1dBuilder<MaxPool2d> {
        Pool1dBuilder(MaxPool2d::builder([1, kernel]))
    }
}

impl AvgPool1d {
    /// Windows and what happens at the sides, as those of images of one row; the padding is in [`AvgPool1d::padding`].
    pub fn options(&self) -> &Pool2dOptions {
        self.sliding.options()
    }

    /// What is around the input.
    pub fn padding(&self) -> Padding {
        self.sliding.padding()
    }

    /// Windows that tile the sequence.
    ///
    /// # Errors
    /// As [`Pool1dBuilder::build`].
    pub fn new(kernel: usize) -> Result<Self> {
        Self::builder(kernel).build()
    }

    /// With further settings; the stride is the kernel's size until it is set.
    pub fn builder(kernel: usize) -> Pool1dBuilder<AvgPool2d> {
        Pool1dBuilder(AvgPool2d::builder([1, kernel]))
    }
}

impl AdaptiveAvgPool1d {
    /// How many windows.
    pub fn output(&self) -> usize {
        self.output
    }

    /// So many windows.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn new(output: usize) -> Result<Self> {
        output_size("AdaptiveAvgPool1d", Pair::from(output))?;
        Ok(Self { output })
    }
}

impl AdaptiveMaxPool1d {
    /// How many windows.
    pub fn output(&self) -> usize {
        self.output
    }

    /// So many windows.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn new(output: usize) -> Result<Self> {
        output_size("AdaptiveMaxPool1d", Pair::from(output))?;
        Ok(Self { output })
    }
}

impl Forward for MaxPool1d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.as_images("max_pool1d", |x| {
            let options = self.sliding.over("max_pool1d", x.shape())?;
            x.max_pool2d(options)
        })?)
    }
}

impl Forward for AvgPool1d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.as_images("average_pool1d", |x| {
            let options = self.sliding.over("average_pool1d", x.shape())?;
            x.average_pool2d(options)
        })?)
    }
}

impl Forward for AdaptiveAvgPool1d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.as_images("adaptive_average_pool1d", |x| x.adaptive_average_pool2d([1, self.output]))?)
    }
}

impl Forward for AdaptiveMaxPool1d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.as_images("adaptive_max_pool1d", |x| x.adaptive_max_pool2d([1, self.output]))?)
    }
}

/// Settings of a [`MaxPool1d`] or an [`AvgPool1d`].
#[derive(Debug, Clone, Copy)]
pub struct Pool1dBuilder<P>(Pool2dBuilder<P>);

impl<P> Pool1dBuilder<P> {
    /// Distance between windows.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self(self.0.stride([1, stride]))
    }

    /// Padding at the ends, as for images: one number for both, an `Ends`, or `Same`.
    #[must_use]
    pub fn padding(self, padding: impl Into<PadEnds>) -> Self {
        Self(self.0.padding(Pad(padding.into().0)))
    }

    /// What happens to a window that does not fit whole: `Rounding::Ceil` is PyTorch's `ceil_mode=True`.
    #[must_use]
    pub fn rounding(self, rounding: Rounding) -> Self {
        Self(self.0.rounding(rounding))
    }
}

impl Pool1dBuilder<MaxPool2d> {
    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(self, dilation: usize) -> Self {
        Self(self.0.dilation([1, dilation]))
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window from its first tap to its last; PyTorch takes up to half of
    /// the kernel.
    pub fn build(self) -> Result<MaxPool1d> {
        Ok(MaxPool1d { sliding: self.0.max("MaxPool1d")? })
    }
}

impl Pool1dBuilder<AvgPool2d> {
    /// Whether an average counts the padding: `Excluded` is PyTorch's `count_include_pad=False`.
    #[must_use]
    pub fn padding_counts(self, padding_counts: PaddingCounts) -> Self {
        Self(self.0.padding_counts(padding_counts))
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window from its first tap to its last; PyTorch takes up to half of
    /// the kernel.
    pub fn build(self) -> Result<AvgPool1d> {
        Ok(AvgPool1d { sliding: self.0.average("AvgPool1d")? })
    }
}
