//! Transposed convolution: the gradient of a convolution with respect to its input, as an operation of its own.
//!
//! It spreads each pixel over a window of the output, and so makes small images large. All its passes are those of
//! the convolution that it is the gradient of, on the same kernels, with the roles of the images turned: forward is
//! that one's gradient of the input, the gradient of the input its forward pass.

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::conv2d::{self, Conv2dOptions};
use super::pad::{self, PaddingMode};
use super::window::{Padding2d, Rounding, Window};
use super::{check, reduce};
use crate::{Error, Result, Shape, Spec, Tensor};

/// What a transposed convolution does besides its shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose2dOptions {
    /// Vertical and horizontal distance between the windows of neighbouring pixels.
    pub stride: [usize; 2],
    /// Rows and columns taken away from the output.
    pub padding: Padding2d,
    /// Rows and columns added at the end of the output, of the sizes that the convolution takes to one: less than
    /// stride or dilation.
    pub output_padding: [usize; 2],
    /// Vertical and horizontal distance between the taps of a window.
    pub dilation: [usize; 2],
    /// Number of groups that input and output channels fall into; each output group sees one input group.
    pub groups: usize,
}

impl Default for ConvTranspose2dOptions {
    fn default() -> Self {
        Self {
            stride: [1, 1],
            padding: Padding2d::default(),
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }
}

/// Shape and type of the output.
///
/// # Errors
/// [`Error::Shape`] where the shapes do not fit each other or the options; [`Error::Argument`] for a zero stride or
/// the like; [`Error::DType`] unless both are `F32` or both `F64`.
pub fn infer(x: Spec, weight: Spec, options: &ConvTranspose2dOptions) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if weight.dtype != x.dtype {
        return Err(Error::dtype("conv_transpose2d weight", weight.dtype, x.dtype.name()));
    }
    Ok(Spec::new(Transposed::new(&x.shape, &weight.shape, options)?.output, x.dtype))
}

/// Multiply-adds of the forward pass, what padding takes away counted as if it were computed.
///
/// # Errors
/// As [`infer`].
pub fn multiply_adds(x: Spec, weight: Spec, options: &ConvTranspose2dOptions) -> Result<u64> {
    let transposed = Transposed::new(&x.shape, &weight.shape, options)?;
    conv2d::multiply_adds(Spec::new(transposed.image, x.dtype), weight, &transposed.convolution)
}

/// Transposed convolution, with bias and activation applied as the output is stored.
///
/// Pixel `(y, x)` of the input adds `input[n, y, x, c] * weight[i, j, k, c]` to output channel `k` at
/// `(y * s_h + i * d_h - top, x * s_w + j * d_w - left)`, where that is inside the output.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::activation::Activation};
/// use cnn_tensor::ops::conv_transpose2d::{ConvTranspose2dOptions, forward};
/// let x = Tensor::from_slice(&[1, 1, 2, 1], &[1.0f32, 10.0])?;
/// let weight = Tensor::from_slice(&[1, 2, 1, 1], &[1.0f32, 2.0])?;
/// let options = ConvTranspose2dOptions { stride: [1, 2], ..ConvTranspose2dOptions::default() };
/// let y = forward(&x, &weight, None, Activation::Identity, &options)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 10.0, 20.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// Input `[batch, in_h, in_w, in_c]`, weight `[k_h, k_w, out_c / groups, in_c]`, bias `[out_c]`; output
/// `[batch, out_h, out_w, out_c]`, of the size of [`Window::transposed_size`]. An empty batch is allowed.
///
/// # Errors
/// As [`infer`]; [`Error::OutOfMemory`].
pub fn forward(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    options: &ConvTranspose2dOptions,
) -> Result<Tensor> {
    infer(x.spec(), weight.spec(), options)?;
    let transposed = Transposed::new(x.shape(), weight.shape(), options)?;
    if let Some(bias) = bias {
        check::exactly(bias, "conv_transpose2d bias", x.dtype(), &transposed.output[3..])?;
    }
    let Transposed { convolution, image, tail, .. } = &transposed;
    if *tail == Padding2d::default() {
        return conv2d::transposed(x, weight, image, convolution, (bias, activation));
    }
    let output = conv2d::grad_input(x, weight, image, convolution)?;
    let mut output = pad::forward(&output, tail, PaddingMode::ZEROS)?;
    conv2d::bias::add(&mut output, bias, activation)?;
    Ok(output)
}

/// Gradient with respect to the input, from the gradient before the activation.
///
/// # Shapes
/// As [`forward`]: gradient of the output to `input_shape`.
///
/// # Errors
/// As [`infer`], and [`Error::Shape`] where `grad_output` has not the shape of the output.
pub fn grad_input(
    grad_output: &Tensor,
    weight: &Tensor,
    input_shape: &[usize],
    options: &ConvTranspose2dOptions,
) -> Result<Tensor> {
    let input = Spec::new(Shape::new(input_shape)?, grad_output.dtype());
    let output = infer(input, weight.spec(), options)?;
    let transposed = Transposed::new(input_shape, weight.shape(), options)?;
    check::exactly(grad_output, "conv_transpose2d gradient of the input", output.dtype, &output.shape)?;
    let grad = transposed.without_tail(grad_output)?;
    conv2d::forward(&grad, weight, None, Activation::Identity, &transposed.convolution)
}

/// Gradient with respect to the weight, from the gradient before the activation.
///
/// # Shapes
/// As [`forward`]: the result has `weight_shape`, `[k_h, k_w, out_c / groups, in_c]`.
///
/// # Errors
/// As [`grad_input`].
pub fn grad_weight(
    x: &Tensor,
    grad_output: &Tensor,
    weight_shape: &[usize],
    options: &ConvTranspose2dOptions,
) -> Result<Tensor> {
    let weight = Spec::new(Shape::new(weight_shape)?, x.dtype());
    let output = infer(x.spec(), weight, options)?;
    let transposed = Transposed::new(x.shape(), weight_shape, options)?;
    check::exactly(grad_output, "conv_transpose2d gradient of the weight", output.dtype, &output.shape)?;
    let grad = transposed.without_tail(grad_output)?;
    conv2d::grad_weight(&grad, x, weight_shape, &transposed.convolution)
}

/// Gradient with respect to the bias, from the gradient before the activation.
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn grad_bias(grad_output: &Tensor) -> Result<Tensor> {
    reduce::sum_leading(grad_output)
}

const OP: &str = "conv_transpose2d";

/// The convolution that this one is the gradient of.
struct Transposed {
    convolution: Conv2dOptions,
    /// Its input: our output without the tail.
    image: Shape,
    /// Rows and columns at the end of our output that no window reaches.
    tail: Padding2d,
    output: Shape,
}

impl Transposed {
    fn new(x: &[usize], weight: &[usize], options: &ConvTranspose2dOptions) -> Result<Self> {
        let &ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups } = options;
        let [batch, in_h, in_w, in_c] = check::pixels(OP, x)?;
        let &[k_h, k_w, group_out_c, weight_c] = weight else {
            let problem = format!(
                "kernel {weight:?} should be [height, width, output channels / groups, input channels]"
            );
            return Err(Error::shape(OP, problem));
        };
        if groups == 0 {
            return Err(Error::argument(OP, "groups", 0, "1 or more"));
        }
        if weight_c != in_c {
            let problem = format!("input {x:?} has {in_c} channels, the kernel {weight:?} takes {weight_c}");
            return Err(Error::shape(OP, problem));
        }
        if in_c == 0 || group_out_c == 0 || !in_c.is_multiple_of(groups) {
            let problem = format!("{groups} groups do not divide the channels of {weight:?}");
            return Err(Error::shape(OP, problem));
        }
        let overflow = || Error::shape(OP, format!("sizes overflow: {weight:?} in {groups} groups"));
        let out_c = group_out_c.checked_mul(groups).ok_or_else(overflow)?;

        let axis = |axis: usize, [input, kernel, before, mut after]: [usize; 4]| {
            let ([stride, dilation], output_padding) = ([stride[axis], dilation[axis]], output_padding[axis]);
            if output_padding > 0 && output_padding >= stride.max(dilation) {
                let expected = "less than the stride or the dilation";
                return Err(Error::argument(OP, "output_padding", output_padding, expected));
            }
            let rounding = Rounding::Floor;
            let window = Window { kernel, stride, dilation, before, after, rounding };
            let output = window.transposed_size(OP, input, output_padding)?;
            let mut tail = 0;
            if output_padding >= stride {
                // One more window would fit. What is added gives back what padding takes away; beyond that no window
                // reaches.
                let back = output_padding.min(after);
                after -= back;
                tail = output_padding - back;
            }
            Ok((output, after, tail))
        };
        let (out_h, bottom, tail_h) = axis(0, [in_h, k_h, padding.top, padding.bottom])?;
        let (out_w, right, tail_w) = axis(1, [in_w, k_w, padding.left, padding.right])?;
        let image = |tail: [usize; 2]| match (out_h.checked_sub(tail[0]), out_w.checked_sub(tail[1])) {
            (Some(height @ 1..), Some(width @ 1..)) => Shape::new(&[batch, height, width, out_c]),
            _ => Err(Error::shape(OP, format!("an output of {out_h} by {out_w} is output padding alone"))),
        };
        let transposed = Self {
            convolution: Conv2dOptions {
                stride,
                padding: Padding2d { bottom, right, ..padding },
                dilation,
                groups,
            },
            image: image([tail_h, tail_w])?,
            tail: Padding2d { bottom: tail_h, right: tail_w, ..Padding2d::default() },
            output: image([0, 0])?,
        };
        let back = conv2d::Geometry::new(&transposed.image, weight, &transposed.convolution)?.output_shape();
        if back != x {
            return Err(Error::shape(
                OP,
                format!("output {} goes back to {back:?}, not to {x:?}", transposed.output),
            ));
        }
        Ok(transposed)
    }

    /// What windows reach of a gradient of the output.
    fn without_tail(&self, grad_output: &Tensor) -> Result<Tensor> {
        match self.tail == Padding2d::default() {
            true => Ok(grad_output.clone()),
            false => pad::crop(grad_output, &self.tail),
        }
    }
}
