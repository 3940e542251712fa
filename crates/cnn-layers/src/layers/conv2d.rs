//! Two-dimensional convolution.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::{self, Conv2dOptions};
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
    options: Conv2dOptions,
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
        let (kernel, options) = (kernel.into(), Conv2dOptions::default());
        Conv2dBuilder { in_channels, out_channels, kernel, options, bias: Bias::With }
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// Stride, padding, dilation and groups.
    pub fn options(&self) -> &Conv2dOptions {
        &self.options
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
        Ok(x.conv2d_act(weight, bias, activation, &self.options)?)
    }
}

impl Forward for Conv2d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// Settings of a [`Conv2d`].
#[derive(Debug, Clone, Copy)]
pub struct Conv2dBuilder {
    in_channels: usize,
    out_channels: usize,
    kernel: Pair,
    options: Conv2dOptions,
    bias: Bias,
}

impl Conv2dBuilder {
    /// Distance between windows: one number for both axes, or `[vertical, horizontal]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.options.stride = stride.into().into();
        self
    }

    /// Zeros around the image: one number for all sides, `[vertical, horizontal]`, or a `Padding2d`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Pad>) -> Self {
        self.options.padding = padding.into().0;
        self
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.options.dilation = dilation.into().into();
        self
    }

    /// Number of groups that channels fall into; as many as input channels makes it depthwise.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
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
        let Self { in_channels, out_channels, kernel, options, bias } = self;
        let groups = options.groups;
        for (name, size) in [("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)]
        {
            if size == 0 {
                return Err(Error::argument("Conv2d", name, size, "1 or more"));
            }
        }
        for (name, channels) in [("in_channels", in_channels), ("out_channels", out_channels)] {
            if !channels.is_multiple_of(groups) {
                return Err(Error::argument(
                    "Conv2d",
                    name,
                    channels,
                    format!("a multiple of the {groups} groups"),
                ));
            }
        }
        let shape = [kernel.vertical, kernel.horizontal, in_channels / groups, out_channels];
        check_fits(&shape, in_channels, &options)?;
        // Within bounds, because the shape of the weight is.
        let taps = kernel.vertical * kernel.horizontal;
        let fans = Fans { fan_in: in_channels / groups * taps, fan_out: out_channels * taps };
        let weight = initializer.tensor(&shape, fans, key.fold_str("weight"))?;
        if weight.shape() != shape {
            return Err(Error::argument(
                "Conv2d",
                "initial weight",
                weight.shape_value(),
                format!("{shape:?}"),
            ));
        }
        let bias = match bias {
            Bias::With => Some(TorchDefault.tensor(&[out_channels], fans, key.fold_str("bias"))?),
            Bias::Without => None,
        };
        Ok(Conv2d {
            weight: Parameter::new(weight, FileLayout::Conv),
            bias: bias.map(|bias| Parameter::new(bias, FileLayout::AsIs)),
            options,
        })
    }
}

/// Tries the options on the smallest image that holds a window, so that none is refused for its options later.
fn check_fits(weight: &[usize; 4], in_channels: usize, options: &Conv2dOptions) -> Result<()> {
    let extent = |axis: usize, name| {
        let taps =
            weight[axis].checked_sub(1).ok_or_else(|| Error::argument("Conv2d", "kernel", 0, "1 or more"))?;
        let extent = taps.checked_mul(options.dilation[axis]).and_then(|size| size.checked_add(1));
        extent.ok_or_else(|| Error::argument("Conv2d", name, weight[axis], "a window that does not overflow"))
    };
    let image = [1, extent(0, "kernel height")?, extent(1, "kernel width")?, in_channels];
    let image = Spec::new(Shape::new(&image)?, DType::F32);
    conv2d::infer(image, Spec::new(Shape::new(weight)?, DType::F32), options)?;
    Ok(())
}
