//! Two-dimensional transposed convolution, and the one along the length of sequences.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv_transpose2d::{self, ConvTranspose2dOptions};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Shape, Spec};

use super::conv1d::over_rows;
use super::conv2d::{check_groups, starting_bias, starting_weight};
use crate::init::{Fans, Initializer, TorchDefault};
use crate::layer::fused;
use crate::sizes::{Ends, Pair, Sides};
use crate::{Bias, Error, FileLayout, Forward, Layer, Parameter, Result};

/// Transposed convolution of images, as `torch.nn.ConvTranspose2d`: it makes small images large.
///
/// # Shapes
/// `[batch, in_h, in_w, in_c]` to `[batch, out_h, out_w, out_c]`, where
/// `out = (in - 1) * stride - padding + dilation * (kernel - 1) + output_padding + 1`; weight
/// `[k_h, k_w, out_c / groups, in_c]` in memory, `[in_c, out_c / groups, k_h, k_w]` in files; bias `[out_c]`.
///
/// Starts as PyTorch does: weight and bias uniform within `1 / sqrt(fan_in)`, where PyTorch counts
/// `out_c / groups * taps` as `fan_in`, from the layout in files.
///
/// ```
/// use cnn_layers::{ConvTranspose2d, Ctx, Forward, Key, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let up = ConvTranspose2d::builder(16, 8, 3).stride(2).padding(1).output_padding(1).build(Key::new(1))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 7, 7, 16], DType::F32)?);
/// assert_eq!(up.call(x, &mut cx)?.shape(), [1, 14, 14, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct ConvTranspose2d {
    weight: Parameter,
    bias: Option<Parameter>,
    #[layer(skip)]
    options: ConvTranspose2dOptions,
}

impl ConvTranspose2d {
    /// Stride 1, no padding, with bias.
    ///
    /// # Errors
    /// As [`ConvTranspose2dBuilder::build`].
    pub fn new(in_channels: usize, out_channels: usize, kernel: impl Into<Pair>, key: Key) -> Result<Self> {
        Self::builder(in_channels, out_channels, kernel).build(key)
    }

    /// With further settings.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel: impl Into<Pair>,
    ) -> ConvTranspose2dBuilder {
        let (kernel, options) = (kernel.into().into(), ConvTranspose2dOptions::default());
        ConvTranspose2dBuilder { in_channels, out_channels, kernel, options, bias: Bias::With }
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// Stride, padding, output padding, dilation and groups.
    pub fn options(&self) -> &ConvTranspose2dOptions {
        &self.options
    }

    /// [`Forward::call`] with the activation applied in the pass that adds the bias.
    ///
    /// # Errors
    /// Where the input does not fit, with the layer's path.
    pub fn call_act(&self, x: Var, activation: impl Into<Activation>, cx: &mut Ctx) -> Result<Var> {
        fused(self, activation.into(), cx, |activation, cx| self.run(x, activation, cx))
    }

    fn run(&self, x: Var, activation: Activation, cx: &mut Ctx) -> Result<Var> {
        let weight = self.weight.var(cx)?;
        let bias = self.bias.as_ref().map(|bias| bias.var(cx)).transpose()?;
        Ok(x.conv_transpose2d_act(weight, bias, activation, &self.options)?)
    }
}

impl Forward for ConvTranspose2d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// Settings of a [`ConvTranspose2d`].
#[derive(Debug, Clone, Copy)]
pub struct ConvTranspose2dBuilder {
    in_channels: usize,
    out_channels: usize,
    kernel: [usize; 2],
    options: ConvTranspose2dOptions,
    bias: Bias,
}

impl ConvTranspose2dBuilder {
    /// Distance between the windows of neighbouring pixels: one number for both axes, or `[vertical, horizontal]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.options.stride = stride.into().into();
        self
    }

    /// What is taken away from the sides of the output: one number, `[vertical, horizontal]`, or a `Padding2d`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Sides>) -> Self {
        self.options.padding = padding.into().0;
        self
    }

    /// What is added at the end of the output, less than stride or dilation: of the sizes that the convolution of
    /// this stride takes to one, it chooses one.
    #[must_use]
    pub fn output_padding(mut self, output_padding: impl Into<Pair>) -> Self {
        self.options.output_padding = output_padding.into().into();
        self
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.options.dilation = dilation.into().into();
        self
    }

    /// Number of groups that channels fall into.
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
    /// [`Error::Argument`] for a size of zero or groups that do not divide the channels; output padding that reaches
    /// stride and dilation; sizes that overflow; out of memory.
    pub fn build(self, key: Key) -> Result<ConvTranspose2d> {
        self.build_with(&TorchDefault, key)
    }

    /// The layer, with the weight from an initializer; the bias starts as PyTorch's.
    ///
    /// # Errors
    /// As [`ConvTranspose2dBuilder::build`]; where the initializer makes another shape.
    pub fn build_with(self, initializer: &dyn Initializer, key: Key) -> Result<ConvTranspose2d> {
        let (weight, bias) = self.parts("ConvTranspose2d", initializer, key, |shape| &shape[..])?;
        Ok(ConvTranspose2d { weight, bias, options: self.options })
    }

    /// The parameters of a layer of this name; `axes` are those of the weight's `[k_h, k_w, out_c / groups, in_c]`
    /// that it has.
    fn parts(
        &self,
        layer: &'static str,
        initializer: &dyn Initializer,
        key: Key,
        axes: impl FnOnce(&[usize; 4]) -> &[usize],
    ) -> Result<(Parameter, Option<Parameter>)> {
        let &Self { in_channels, out_channels, kernel, options, bias } = self;
        check_groups(layer, [in_channels, out_channels], options.groups)?;
        if kernel.contains(&0) {
            return Err(Error::argument(layer, "kernel", 0, "1 or more"));
        }
        let group_out = out_channels / options.groups;
        let shape = [kernel[0], kernel[1], group_out, in_channels];
        check_fits(layer, &shape, &options)?;
        // Within bounds, because the shape of the weight is.
        let taps = kernel[0] * kernel[1];
        let fans = Fans { fan_in: group_out * taps, fan_out: in_channels * taps };
        let weight = starting_weight(layer, initializer, axes(&shape), fans, key)?;
        let bias = starting_bias(bias, out_channels, fans, key)?;
        Ok((Parameter::new(weight, FileLayout::ConvTransposed), bias))
    }
}

/// Tries the options on an image that padding leaves something of, so that none is refused for its options later.
fn check_fits(layer: &'static str, weight: &[usize; 4], options: &ConvTranspose2dOptions) -> Result<()> {
    let padding = options.padding;
    let taken = [padding.top.checked_add(padding.bottom), padding.left.checked_add(padding.right)];
    let [Some(height), Some(width)] = taken.map(|taken| taken?.checked_add(1)) else {
        return Err(Error::argument(layer, "padding", format!("{padding:?}"), "sides that do not overflow"));
    };
    let image = Spec::new(Shape::new(&[1, height, width, weight[3]])?, DType::F32);
    conv_transpose2d::infer(image, Spec::new(Shape::new(weight)?, DType::F32), options)?;
    Ok(())
}

/// Transposed convolution of sequences, as `torch.nn.ConvTranspose1d`.
///
/// # Shapes
/// `[batch, in_length, in_c]` to `[batch, out_length, out_c]`, with the length of [`ConvTranspose2d`]'s sides; weight
/// `[kernel, out_c / groups, in_c]` in memory, `[in_c, out_c / groups, kernel]` in files; bias `[out_c]`.
#[derive(Debug, Clone, Layer)]
pub struct ConvTranspose1d {
    weight: Parameter,
    bias: Option<Parameter>,
    #[layer(skip)]
    options: ConvTranspose2dOptions,
}

impl ConvTranspose1d {
    /// Stride 1, no padding, with bias.
    ///
    /// # Errors
    /// As [`ConvTranspose1dBuilder::build`].
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, key: Key) -> Result<Self> {
        Self::builder(in_channels, out_channels, kernel).build(key)
    }

    /// With further settings.
    pub fn builder(in_channels: usize, out_channels: usize, kernel: usize) -> ConvTranspose1dBuilder {
        ConvTranspose1dBuilder(ConvTranspose2d::builder(in_channels, out_channels, [1, kernel]))
    }

    /// The weight.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The bias, if there is one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// All settings, as those of images of one row.
    pub fn options(&self) -> &ConvTranspose2dOptions {
        &self.options
    }

    /// [`Forward::call`] with the activation applied in the pass that adds the bias.
    ///
    /// # Errors
    /// Where the input does not fit, with the layer's path.
    pub fn call_act(&self, x: Var, activation: impl Into<Activation>, cx: &mut Ctx) -> Result<Var> {
        fused(self, activation.into(), cx, |activation, cx| self.run(x, activation, cx))
    }

    fn run(&self, x: Var, activation: Activation, cx: &mut Ctx) -> Result<Var> {
        let takes = |[_, _, in_channels]: [usize; 3]| in_channels;
        let parameters = (&self.weight, &self.bias);
        over_rows("conv_transpose1d", x, takes, parameters, cx, |x, weight, bias| {
            x.conv_transpose2d_act(weight, bias, activation, &self.options)
        })
    }
}

impl Forward for ConvTranspose1d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Activation::Identity, cx)
    }
}

/// Settings of a [`ConvTranspose1d`].
#[derive(Debug, Clone, Copy)]
pub struct ConvTranspose1dBuilder(ConvTranspose2dBuilder);

impl ConvTranspose1dBuilder {
    /// Distance between the windows of neighbouring elements.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self(self.0.stride([1, stride]))
    }

    /// What is taken away from the ends of the output: one number for both, or an `Ends`.
    #[must_use]
    pub fn padding(self, padding: impl Into<Ends>) -> Self {
        let padding: cnn_tensor::ops::window::Padding2d = padding.into().into();
        Self(self.0.padding(padding))
    }

    /// What is added at the end of the output, less than stride or dilation.
    #[must_use]
    pub fn output_padding(self, output_padding: usize) -> Self {
        Self(self.0.output_padding([0, output_padding]))
    }

    /// Distance between the taps of a window.
    #[must_use]
    pub fn dilation(self, dilation: usize) -> Self {
        Self(self.0.dilation([1, dilation]))
    }

    /// Number of groups that channels fall into.
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
    /// As [`ConvTranspose2dBuilder::build`].
    pub fn build(self, key: Key) -> Result<ConvTranspose1d> {
        self.build_with(&TorchDefault, key)
    }

    /// The layer, with the weight from an initializer; the bias starts as PyTorch's.
    ///
    /// # Errors
    /// As [`ConvTranspose1dBuilder::build`]; where the initializer makes another shape.
    pub fn build_with(self, initializer: &dyn Initializer, key: Key) -> Result<ConvTranspose1d> {
        let (weight, bias) = self.0.parts("ConvTranspose1d", initializer, key, |shape| &shape[1..])?;
        Ok(ConvTranspose1d { weight, bias, options: self.0.options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cnn_tensor::Tensor;

    #[test]
    fn fans_are_counted_on_the_layout_in_files() {
        // torch.nn.init._calculate_fan_in_and_fan_out of a weight [64, 8, 3, 5]: 120 and 960.
        let zeros = |shape: &[usize], fans: Fans, _: Key| {
            assert_eq!((shape, fans), (&[3, 5, 8, 64][..], Fans { fan_in: 120, fan_out: 960 }));
            Ok(Tensor::zeros(shape, DType::F32)?)
        };
        let layer =
            ConvTranspose2d::builder(64, 16, [3, 5]).groups(2).build_with(&zeros, Key::new(1)).unwrap();
        let bound = 1.0 / 120f64.sqrt();
        let bias = layer.bias().unwrap().value().to_f64_vec().unwrap();
        let most = bias.iter().fold(0f64, |most, value| most.max(value.abs()));
        assert!(most <= bound * 1.000_001 && most > 0.5 * bound, "{most}, expected up to {bound}");
    }
}
