//! Pooling over windows of an image, and over the whole of it.

use std::marker::PhantomData;

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::pool2d::{self, PaddingCounts, Pool2dOptions};
use cnn_tensor::ops::window::Rounding;
use cnn_tensor::{DType, Shape, Spec};

use crate::sizes::{Pad, Pair};
use crate::{Error, Forward, Layer, Result};

/// The maximum of each window, as `torch.nn.MaxPool2d`. No parameters.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
///
/// ```
/// use cnn_layers::{Ctx, Forward, MaxPool2d, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let pool = MaxPool2d::builder(3).stride(2).padding(1).build()?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 112, 112, 64], DType::F32)?);
/// assert_eq!(pool.call(x, &mut cx)?.shape(), [1, 56, 56, 64]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct MaxPool2d {
    #[layer(skip)]
    options: Pool2dOptions,
}

/// The mean of each window, as `torch.nn.AvgPool2d`. No parameters.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AvgPool2d {
    #[layer(skip)]
    options: Pool2dOptions,
}

/// The mean of each channel over the image, as `torch.nn.AdaptiveAvgPool2d(1)`. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, 1, 1, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct GlobalAvgPool2d;

impl MaxPool2d {
    /// Windows that tile the image.
    ///
    /// # Errors
    /// As [`Pool2dBuilder::build`].
    pub fn new(kernel: impl Into<Pair>) -> Result<Self> {
        Self::builder(kernel).build()
    }

    /// With further settings; the stride is the kernel's size until it is set.
    pub fn builder(kernel: impl Into<Pair>) -> Pool2dBuilder<Self> {
        Pool2dBuilder::new(kernel.into())
    }

    /// Window, stride, padding, dilation and rounding.
    pub fn options(&self) -> &Pool2dOptions {
        &self.options
    }
}

impl AvgPool2d {
    /// Windows that tile the image.
    ///
    /// # Errors
    /// As [`Pool2dBuilder::build`].
    pub fn new(kernel: impl Into<Pair>) -> Result<Self> {
        Self::builder(kernel).build()
    }

    /// With further settings; the stride is the kernel's size until it is set.
    pub fn builder(kernel: impl Into<Pair>) -> Pool2dBuilder<Self> {
        Pool2dBuilder::new(kernel.into())
    }

    /// Window, stride, padding, rounding and what padding counts for.
    pub fn options(&self) -> &Pool2dOptions {
        &self.options
    }
}

impl Forward for MaxPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.max_pool2d(self.options)?)
    }
}

impl Forward for AvgPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.average_pool2d(self.options)?)
    }
}

impl Forward for GlobalAvgPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.global_average_pool2d()?)
    }
}

/// Settings of a [`MaxPool2d`] or an [`AvgPool2d`].
#[derive(Debug, Clone, Copy)]
pub struct Pool2dBuilder<P> {
    options: Pool2dOptions,
    pool: PhantomData<P>,
}

impl<P> Pool2dBuilder<P> {
    fn new(kernel: Pair) -> Self {
        Self { options: Pool2dOptions::new(kernel.into()), pool: PhantomData }
    }

    /// Distance between windows.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.options.stride = stride.into().into();
        self
    }

    /// Padding around the image; it never is a maximum.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pad>) -> Self {
        self.options.padding = padding.into().0;
        self
    }

    /// What happens to a window that does not fit whole: `Rounding::Ceil` is PyTorch's `ceil_mode=True`.
    #[must_use]
    pub fn rounding(mut self, rounding: Rounding) -> Self {
        self.options.rounding = rounding;
        self
    }

    fn check(
        &self,
        layer: &'static str,
        infer: impl FnOnce(Spec, &Pool2dOptions) -> cnn_tensor::Result<Spec>,
    ) -> Result<()> {
        let Pool2dOptions { kernel, dilation, .. } = self.options;
        let extent = |axis: usize| {
            let taps = kernel[axis].checked_sub(1);
            let taps = taps.ok_or_else(|| Error::argument(layer, "kernel", 0, "1 or more"))?;
            let extent = taps.checked_mul(dilation[axis]).and_then(|size| size.checked_add(1));
            extent.ok_or_else(|| {
                Error::argument(layer, "kernel", kernel[axis], "a window that does not overflow")
            })
        };
        let image = Spec::new(Shape::new(&[1, extent(0)?, extent(1)?, 1])?, DType::F32);
        infer(image, &self.options)?;
        Ok(())
    }
}

impl Pool2dBuilder<MaxPool2d> {
    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.options.dilation = dilation.into().into();
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window.
    pub fn build(self) -> Result<MaxPool2d> {
        self.check("MaxPool2d", pool2d::max_infer)?;
        Ok(MaxPool2d { options: self.options })
    }
}

impl Pool2dBuilder<AvgPool2d> {
    /// Whether an average counts the padding: `Excluded` is PyTorch's `count_include_pad=False`.
    #[must_use]
    pub fn padding_counts(mut self, padding_counts: PaddingCounts) -> Self {
        self.options.padding_counts = padding_counts;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window.
    pub fn build(self) -> Result<AvgPool2d> {
        self.check("AvgPool2d", pool2d::average_infer)?;
        Ok(AvgPool2d { options: self.options })
    }
}
