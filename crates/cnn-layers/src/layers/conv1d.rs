//! Convolution along the length of sequences: that of images of one row, with a kernel of one row.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::pad::PaddingMode;
use cnn_tensor::ops::window::Padding;
use cnn_tensor::random::Key;

use super::conv2d::{Conv2d, Conv2dBuilder, Convolution, Parts};
use crate::init::{Initializer, TorchDefault};
use crate::layer::fused;
use crate::sizes::{Pad, PadEnds};
use crate::{Bias, Forward, Layer, Parameter, Result};

/// Convolution (cross-correlation) of sequences, as `torch.nn.Conv1d`.
///
/// # Shapes
/// `[batch, in_length, in_c]` to `[batch, out_length, out_c]`; weight `[kernel, in_c / groups, out_c]` in memory,
/// `[out_c, in_c / groups, kernel]` in files; bias `[out_c]`.
///
/// Starts as PyTorch does: weight and bias uniform within `1 / sqrt(fan_in)`.
///
/// ```
/// use cnn_layers::{Conv1d, Ctx, Forward, Key, Result, Same};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let conv = Conv1d::builder(2, 8, 5).stride(2).padding(Same::Upper).build(Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 99, 2], DType::F32)?);
/// assert_eq!(conv.call(x, &mut cx)?.shape(), [1, 50, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct Conv1d {
    weight: Parameter,
    bias: Option<Parameter>,
    #[layer(skip)]
    convolution: Convolution,
}

impl Conv1d {
    /// Stride 1, no padding, with bias.
    ///
    /// # Errors
    /// As [`Conv1dBuilder::build`].
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, key: Key) -> Result<Self> {
        Self::builder(in_channels, out_channels, kernel).build(key)
    }

    /// With further settings.
    pub fn builder(in_channels: usize, out_channels: usize, kernel: usize) -> Conv1dBuilder {
        Conv1dBuilder(Conv2d::builder(in_channels, out_channels, [1, kernel]))
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// Distance between windows.
    pub fn stride(&self) -> usize {
        self.convolution.options().stride[1]
    }

    /// What is at the ends: the left and the right side.
    pub fn padding(&self) -> Padding {
        self.convolution.padding()
    }

    /// What the padding is made of.
    pub fn padding_mode(&self) -> PaddingMode {
        self.convolution.mode()
    }

    /// Distance between the taps of a window.
    pub fn dilation(&self) -> usize {
        self.convolution.options().dilation[1]
    }

    /// Number of groups that channels fall into.
    pub fn groups(&self) -> usize {
        self.convolution.options().groups
    }

    /// [`Forward::call`] with the activation applied as the output is stored.
    ///
    /// # Errors
    /// Where the input does not fit, with the layer's path.
    pub fn call_act(&self, x: Var, activation: impl Into<Activation>, cx: &mut Ctx) -> Result<Var> {
        fused(self, activation.into(), cx, |activation, cx| self.run(x, activation, cx))
    }

    fn run(&self, x: Var, activation: Activation, cx: &mut Ctx) -> Result<Var> {
        let takes = |[_, group_in, _]: [usize; 3]| group_in.saturating_mul(self.groups());
        let parameters = (&self.weight, &self.bias);
        over_rows("conv1d", x, takes, parameters, cx, |x, weight, bias| {
            self.convolution.run(x, weight, bias, activation)
        })
    }
}

impl Forward for Conv1d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// An operation of sequences by that of images of one row, which `run` is given the input, the kernel and the bias for.
/// `takes` is how many channels a kernel of its shape takes.
pub(super) fn over_rows(
    op: &'static str,
    x: Var,
    takes: impl FnOnce([usize; 3]) -> usize,
    (weight, bias): (&Parameter, &Option<Parameter>),
    cx: &mut Ctx,
    run: impl FnOnce(Var, Var, Option<Var>) -> cnn_autograd::Result<Var>,
) -> Result<Var> {
    let weight = weight.var(cx)?;
    if let (&[_, _, channels], Ok(kernel)) = (x.shape(), weight.shape().try_into())
        && let takes = takes(kernel)
        && channels != takes
    {
        let met = x.shape();
        let problem = format!("input {met:?} has {channels} channels, the kernel {kernel:?} takes {takes}");
        return Err(cnn_tensor::Error::shape(op, problem).into());
    }
    let kernel = [&[1], weight.shape()].concat();
    let weight = weight.reshape(&kernel)?;
    let bias = bias.as_ref().map(|bias| bias.var(cx)).transpose()?;
    Ok(x.as_images(op, |x| run(x, weight, bias))?)
}

/// Settings of a [`Conv1d`].
#[derive(Debug, Clone, Copy)]
pub struct Conv1dBuilder(Conv2dBuilder);

impl Conv1dBuilder {
    /// Distance between windows.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self(self.0.stride([1, stride]))
    }

    /// What is at the ends: one number for both, an `Ends`, or `Same` for an output of `ceil(input / stride)`.
    #[must_use]
    pub fn padding(self, padding: impl Into<PadEnds>) -> Self {
        Self(self.0.padding(Pad(padding.into().0)))
    }

    /// What the padding is made of, as for a [`Conv2d`].
    #[must_use]
    pub fn padding_mode(self, mode: PaddingMode) -> Self {
        Self(self.0.padding_mode(mode))
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(self, dilation: usize) -> Self {
        Self(self.0.dilation([1, dilation]))
    }

    /// Number of groups that channels fall into; as many as input channels makes it depthwise.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self(self.0.groups(groups))
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn bias(self, bias: Bias) -> Self {
        Self(self.0.bias(bias))
    }

    /// The layer, with PyTorch's starting values.
    ///
    /// # Errors
    /// As `Conv2dBuilder::build`.
    pub fn build(self, key: Key) -> Result<Conv1d> {
        self.build_with(&TorchDefault, key)
    }

    /// The layer, with the weight from an initializer; the bias starts as PyTorch's.
    ///
    /// # Errors
    /// As [`Conv1dBuilder::build`]; where the initializer makes another shape.
    pub fn build_with(self, initializer: &dyn Initializer, key: Key) -> Result<Conv1d> {
        let Parts { weight, bias, convolution } =
            self.0.parts("Conv1d", initializer, key, |shape| &shape[1..])?;
        Ok(Conv1d { weight, bias, convolution })
    }
}
