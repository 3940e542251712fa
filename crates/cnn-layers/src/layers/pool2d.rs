//! Pooling over windows of an image, and over the whole of it.

use std::marker::PhantomData;

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::pool2d::{self, PaddingCounts, Pool2dOptions};
use cnn_tensor::ops::window::{Padding, Padding2d, Rounding};
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
    sliding: Sliding,
}

/// The mean of each window, as `torch.nn.AvgPool2d`. No parameters.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AvgPool2d {
    #[layer(skip)]
    sliding: Sliding,
}

/// The mean of each channel over the image, as `torch.nn.AdaptiveAvgPool2d(1)`. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, 1, 1, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct GlobalAvgPool2d;

/// The maximum of each channel over the image, as `torch.nn.AdaptiveMaxPool2d(1)`. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, 1, 1, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct GlobalMaxPool2d;

/// The means of as many windows as are asked for, as `torch.nn.AdaptiveAvgPool2d`. No parameters.
///
/// Window `i` of `n` over `size` pixels is from `floor(i * size / n)` to `ceil((i + 1) * size / n)`.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, out_h, out_w, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AdaptiveAvgPool2d {
    #[layer(skip)]
    output: [usize; 2],
}

/// The maxima of as many windows as are asked for, as `torch.nn.AdaptiveMaxPool2d`, with the windows of
/// [`AdaptiveAvgPool2d`]. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, out_h, out_w, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct AdaptiveMaxPool2d {
    #[layer(skip)]
    output: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// How many windows.
    pub fn output(&self) -> [usize; 2] {
        self.output
    }

    /// So many windows: one number for both axes, or `[vertical, horizontal]`.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn new(output: impl Into<Pair>) -> Result<Self> {
        Ok(Self { output: output_size("AdaptiveAvgPool2d", output.into())? })
    }
}

impl AdaptiveMaxPool2d {
    /// How many windows.
    pub fn output(&self) -> [usize; 2] {
        self.output
    }

    /// So many windows: one number for both axes, or `[vertical, horizontal]`.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn new(output: impl Into<Pair>) -> Result<Self> {
        Ok(Self { output: output_size("AdaptiveMaxPool2d", output.into())? })
    }
}

/// A number of windows that is not zero.
pub(super) fn output_size(layer: &'static str, output: Pair) -> Result<[usize; 2]> {
    let output: [usize; 2] = output.into();
    if output.contains(&0) {
        return Err(Error::argument(layer, "output", format!("{output:?}"), "1 or more"));
    }
    Ok(output)
}

impl Forward for AdaptiveAvgPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.adaptive_average_pool2d(self.output)?)
    }
}

impl Forward for AdaptiveMaxPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.adaptive_max_pool2d(self.output)?)
    }
}

impl Forward for GlobalMaxPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.global_max_pool2d()?)
    }
}

impl MaxPool2d {
    /// Windows and what happens at the sides, as those of images; the padding is in [`MaxPool2d::padding`].
    pub fn options(&self) -> &Pool2dOptions {
        self.sliding.options()
    }

    /// What is around the input.
    pub fn padding(&self) -> Padding {
        self.sliding.padding()
    }

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
}

impl AvgPool2d {
    /// Windows and what happens at the sides, as those of images; the padding is in [`AvgPool2d::padding`].
    pub fn options(&self) -> &Pool2dOptions {
        self.sliding.options()
    }

    /// What is around the input.
    pub fn padding(&self) -> Padding {
        self.sliding.padding()
    }

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
}

impl Forward for MaxPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        let options = self.sliding.over("max_pool2d", x.shape())?;
        Ok(x.max_pool2d(options)?)
    }
}

impl Forward for AvgPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        let options = self.sliding.over("average_pool2d", x.shape())?;
        Ok(x.average_pool2d(options)?)
    }
}

impl Forward for GlobalAvgPool2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.global_average_pool2d()?)
    }
}

/// Windows whose padding may depend on the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sliding {
    /// Without the padding.
    options: Pool2dOptions,
    padding: Padding,
}

impl Sliding {
    pub(super) fn options(&self) -> &Pool2dOptions {
        &self.options
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }

    /// The windows over an image of this shape.
    pub(super) fn over(&self, op: &'static str, image: &[usize]) -> cnn_tensor::Result<Pool2dOptions> {
        let Pool2dOptions { kernel, stride, dilation, .. } = self.options;
        let padding = match *image {
            [_, in_h, in_w, _] => self.padding.around(op, [in_h, in_w], [kernel, stride, dilation])?,
            // Pooling itself says what is wrong.
            _ => Padding2d::default(),
        };
        Ok(Pool2dOptions { padding, ..self.options })
    }

    /// Tries the options on the smallest image that holds a window, so that none is refused for its options later.
    fn check(
        &self,
        layer: &'static str,
        infer: impl FnOnce(Spec, Pool2dOptions) -> cnn_tensor::Result<Spec>,
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
        infer(image, self.over(layer, &image.shape)?)?;
        Ok(())
    }
}

/// Settings of a [`MaxPool2d`] or an [`AvgPool2d`].
#[derive(Debug, Clone, Copy)]
pub struct Pool2dBuilder<P> {
    sliding: Sliding,
    pool: PhantomData<P>,
}

impl<P> Pool2dBuilder<P> {
    fn new(kernel: Pair) -> Self {
        let options = Pool2dOptions::new(kernel.into());
        let padding = Padding::Sides(Padding2d::default());
        Self { sliding: Sliding { options, padding }, pool: PhantomData }
    }

    /// Distance between windows.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.sliding.options.stride = stride.into().into();
        self
    }

    /// Padding around the image; it never is a maximum. `Same` gives an output of `ceil(input / stride)`; what
    /// TensorFlow calls so also leaves it out of averages (`PaddingCounts::Excluded`).
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pad>) -> Self {
        self.sliding.padding = padding.into().0;
        self
    }

    /// What happens to a window that does not fit whole: `Rounding::Ceil` is PyTorch's `ceil_mode=True`.
    #[must_use]
    pub fn rounding(mut self, rounding: Rounding) -> Self {
        self.sliding.options.rounding = rounding;
        self
    }
}

impl Pool2dBuilder<MaxPool2d> {
    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.sliding.options.dilation = dilation.into().into();
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window from its first tap to its last; PyTorch takes up to half of
    /// the kernel.
    pub fn build(self) -> Result<MaxPool2d> {
        Ok(MaxPool2d { sliding: self.max("MaxPool2d")? })
    }

    /// The windows of a layer of this name.
    pub(super) fn max(self, layer: &'static str) -> Result<Sliding> {
        self.sliding.check(layer, pool2d::max_infer)?;
        Ok(self.sliding)
    }
}

impl Pool2dBuilder<AvgPool2d> {
    /// Whether an average counts the padding: `Excluded` is PyTorch's `count_include_pad=False`.
    #[must_use]
    pub fn padding_counts(mut self, padding_counts: PaddingCounts) -> Self {
        self.sliding.options.padding_counts = padding_counts;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// For a size of zero, and padding as large as the window from its first tap to its last; PyTorch takes up to half of
    /// the kernel.
    pub fn build(self) -> Result<AvgPool2d> {
        Ok(AvgPool2d { sliding: self.average("AvgPool2d")? })
    }

    /// The windows of a layer of this name.
    pub(super) fn average(self, layer: &'static str) -> Result<Sliding> {
        self.sliding.check(layer, pool2d::average_infer)?;
        Ok(self.sliding)
    }
}
