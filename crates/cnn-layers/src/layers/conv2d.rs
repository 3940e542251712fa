//! Two-dimensional convolution.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::{self, Conv2dOptions};
use cnn_tensor::ops::pad::PaddingMode;
use cnn_tensor::ops::window::{Padding, Padding2d};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Shape, Spec};

use crate::init::{Fans, Initializer, TorchDefault};
use crate::layer::fused;
use crate::sizes::{Pad, Pair};
use crate::{Bias, Error, FileLayout, Forward, Layer, Parameter, Result};

/// Convolution (cross-correlation) of images, as `torch.nn.Conv2d`.
///
/// # Shapes
/// `[batch, in_h, in_w, in_c]` to `[batch, out_h, out_w, out_c]`; weight `[k_h, k_w, in_c / groups, out_c]` in
/// memory, `[out_c, in_c / groups, k_h, k_w]` in files; bias `[out_c]`.
///
/// Starts as PyTorch does: weight and bias uniform within `1 / sqrt(fan_in)`.
///
/// ```
/// use cnn_layers::{Bias, Conv2d, Ctx, Forward, Key, Relu, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let conv = Conv2d::builder(3, 16, 3).stride(2).padding(1).bias(Bias::Without).build(Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 32, 32, 3], DType::F32)?);
/// assert_eq!(conv.call_act(x, Relu, &mut cx)?.shape(), [1, 16, 16, 16]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct Conv2d {
    weight: Parameter,
    bias: Option<Parameter>,
    #[layer(skip)]
    convolution: Convolution,
}

impl Conv2d {
    /// Stride 1, no padding, with bias.
    ///
    /// # Errors
    /// As [`Conv2dBuilder::build`].
    pub fn new(in_channels: usize, out_channels: usize, kernel: impl Into<Pair>, key: Key) -> Result<Self> {
        Self::builder(in_channels, out_channels, kernel).build(key)
    }

    /// With further settings.
    pub fn builder(in_channels: usize, out_channels: usize, kernel: impl Into<Pair>) -> Conv2dBuilder {
        let convolution = Convolution {
            kernel: kernel.into().into(),
            options: Conv2dOptions::default(),
            padding: Padding::Sides(Padding2d::default()),
            mode: PaddingMode::ZEROS,
        };
        Conv2dBuilder { in_channels, out_channels, convolution, bias: Bias::With }
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// Vertical and horizontal distance between windows.
    pub fn stride(&self) -> [usize; 2] {
        self.convolution.options.stride
    }

    /// What is around the image.
    pub fn padding(&self) -> Padding {
        self.convolution.padding
    }

    /// What the padding is made of.
    pub fn padding_mode(&self) -> PaddingMode {
        self.convolution.mode
    }

    /// Vertical and horizontal distance between the taps of a window.
    pub fn dilation(&self) -> [usize; 2] {
        self.convolution.options.dilation
    }

    /// Number of groups that channels fall into.
    pub fn groups(&self) -> usize {
        self.convolution.options.groups
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
        Ok(self.convolution.run(x, weight, bias, activation)?)
    }
}

impl Forward for Conv2d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// A convolution without its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Convolution {
    kernel: [usize; 2],
    /// Without the padding, which may depend on the input.
    options: Conv2dOptions,
    padding: Padding,
    mode: PaddingMode,
}

impl Convolution {
    pub(super) fn options(&self) -> &Conv2dOptions {
        &self.options
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }

    pub(super) fn mode(&self) -> PaddingMode {
        self.mode
    }

    /// Zeros are part of the convolution; other padding is put around the image before it.
    pub(super) fn run(
        &self,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        activation: Activation,
    ) -> cnn_autograd::Result<Var> {
        let Conv2dOptions { stride, dilation, .. } = self.options;
        let padding = match *x.shape() {
            [_, in_h, in_w, _] => {
                self.padding.around("conv2d", [in_h, in_w], [self.kernel, stride, dilation])?
            }
            // The convolution itself says what is wrong.
            _ => Padding2d::default(),
        };
        if self.mode == PaddingMode::ZEROS || padding == Padding2d::default() {
            return x.conv2d_act(weight, bias, activation, &Conv2dOptions { padding, ..self.options });
        }
        x.pad(padding, self.mode)?.conv2d_act(weight, bias, activation, &self.options)
    }
}

/// Settings of a [`Conv2d`].
#[derive(Debug, Clone, Copy)]
pub struct Conv2dBuilder {
    in_channels: usize,
    out_channels: usize,
    convolution: Convolution,
    bias: Bias,
}

impl Conv2dBuilder {
    /// Distance between windows: one number for both axes, or `[vertical, horizontal]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.convolution.options.stride = stride.into().into();
        self
    }

    /// What is around the image: one number for all sides, `[vertical, horizontal]`, a `Padding2d`, or `Same` for an
    /// output of `ceil(input / stride)`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pad>) -> Self {
        self.convolution.padding = padding.into().0;
        self
    }

    /// What the padding is made of: zeros, or pixels of the image. With `PaddingMode::Reflect` it is less than the
    /// size of the image, with `PaddingMode::Circular` at most that.
    #[must_use]
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.convolution.mode = mode;
        self
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.convolution.options.dilation = dilation.into().into();
        self
    }

    /// Number of groups that channels fall into; as many as input channels makes it depthwise.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.convolution.options.groups = groups;
        self
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// The layer, with PyTorch's starting values.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size of zero or groups that do not divide the channels; sizes that overflow; out
    /// of memory.
    pub fn build(self, key: Key) -> Result<Conv2d> {
        self.build_with(&TorchDefault, key)
    }

    /// The layer, with the weight from an initializer; the bias starts as PyTorch's.
    ///
    /// # Errors
    /// As [`Conv2dBuilder::build`]; where the initializer makes another shape.
    pub fn build_with(self, initializer: &dyn Initializer, key: Key) -> Result<Conv2d> {
        let Parts { weight, bias, convolution } =
            self.parts("Conv2d", initializer, key, |shape| &shape[..])?;
        Ok(Conv2d { weight, bias, convolution })
    }

    /// What a layer of this name is made of; `axes` are those of the weight's `[k_h, k_w, in_c / groups, out_c]`
    /// that it has.
    pub(super) fn parts(
        self,
        layer: &'static str,
        initializer: &dyn Initializer,
        key: Key,
        axes: impl FnOnce(&[usize; 4]) -> &[usize],
    ) -> Result<Parts> {
        let Self { in_channels, out_channels, convolution, bias } = self;
        let Convolution { kernel, options, padding, mode } = convolution;
        check_groups(layer, [in_channels, out_channels], options.groups)?;
        let shape = [kernel[0], kernel[1], in_channels / options.groups, out_channels];
        let zeros = match padding {
            Padding::Sides(padding) if mode == PaddingMode::ZEROS => padding,
            _ => Padding2d::default(),
        };
        check_fits(layer, &shape, in_channels, &Conv2dOptions { padding: zeros, ..options })?;
        // Within bounds, because the shape of the weight is.
        let taps = kernel[0] * kernel[1];
        let fans = Fans { fan_in: in_channels / options.groups * taps, fan_out: out_channels * taps };
        let weight = starting_weight(layer, initializer, axes(&shape), fans, key)?;
        let bias = starting_bias(bias, out_channels, fans, key)?;
        Ok(Parts { weight: Parameter::new(weight, FileLayout::Conv), bias, convolution })
    }
}

/// What a convolution layer is made of.
pub(super) struct Parts {
    pub(super) weight: Parameter,
    pub(super) bias: Option<Parameter>,
    pub(super) convolution: Convolution,
}

/// Refuses channels that do not fall into so many groups.
pub(super) fn check_groups(layer: &'static str, channels: [usize; 2], groups: usize) -> Result<()> {
    let named = [("in_channels", channels[0]), ("out_channels", channels[1])];
    for (name, size) in named.into_iter().chain([("groups", groups)]) {
        if size == 0 {
            return Err(Error::argument(layer, name, size, "1 or more"));
        }
    }
    for (name, channels) in named {
        if !channels.is_multiple_of(groups) {
            let expected = format!("a multiple of the {groups} groups");
            return Err(Error::argument(layer, name, channels, expected));
        }
    }
    Ok(())
}

/// The weight that the initializer makes, which must have the shape.
pub(super) fn starting_weight(
    layer: &'static str,
    initializer: &dyn Initializer,
    shape: &[usize],
    fans: Fans,
    key: Key,
) -> Result<cnn_tensor::Tensor> {
    let weight = initializer.tensor(shape, fans, key.fold_str("weight"))?;
    if weight.shape() != shape {
        let expected = format!("{shape:?}");
        return Err(Error::argument(layer, "initial weight", weight.shape_value(), expected));
    }
    Ok(weight)
}

/// PyTorch's starting values of a bias, if there is to be one.
pub(super) fn starting_bias(bias: Bias, channels: usize, fans: Fans, key: Key) -> Result<Option<Parameter>> {
    Ok(match bias {
        Bias::With => {
            let bias = TorchDefault.tensor(&[channels], fans, key.fold_str("bias"))?;
            Some(Parameter::new(bias, FileLayout::AsIs))
        }
        Bias::Without => None,
    })
}

/// Tries the options on the smallest image that holds a window, so that none is refused for its options later.
fn check_fits(
    layer: &'static str,
    weight: &[usize; 4],
    in_channels: usize,
    options: &Conv2dOptions,
) -> Result<()> {
    let extent = |axis: usize, name| {
        let taps =
            weight[axis].checked_sub(1).ok_or_else(|| Error::argument(layer, "kernel", 0, "1 or more"))?;
        let extent = taps.checked_mul(options.dilation[axis]).and_then(|size| size.checked_add(1));
        extent.ok_or_else(|| Error::argument(layer, name, weight[axis], "a window that does not overflow"))
    };
    let image = [1, extent(0, "kernel height")?, extent(1, "kernel width")?, in_channels];
    let image = Spec::new(Shape::new(&image)?, DType::F32);
    conv2d::infer(image, Spec::new(Shape::new(weight)?, DType::F32), options)?;
    Ok(())
}
