//! Two-dimensional convolution (cross-correlation, as in every framework) and its two gradients.
//!
//! An implicit matrix product on NHWC: no patch matrix is ever written. Forward and input gradient are one
//! kernel over rows of pixels (`rows`); the weight gradient keeps a tile of the weights in registers and lets
//! the pixels stream past it (`weights`). Where channels or groups would leave vectors half empty there are others:
//! depthwise convolution (`depthwise`), few channels in each group (`grouped`), and the gradient of an input with few
//! channels (`scatter`).

mod axis;
pub(super) mod bias;
mod depthwise;
mod geometry;
mod grouped;
mod padding;
mod panels;
mod pass;
pub mod reference;
mod rows;
mod scatter;
#[cfg(test)]
mod tests;
mod weights;

pub use geometry::{Conv2dOptions, Geometry};
use pass::Epilogue;

use std::ops::Range;

use super::activation::Activation;
use super::check;
use crate::gemm::target::Target;
use crate::simd;
use crate::{DType, Error, Float, Result, Spec, Tensor};

/// Shape and type of the output.
///
/// # Errors
/// [`Error::Shape`] where the shapes do not fit each other or the options; [`Error::Argument`] for a zero stride or
/// the like; [`Error::DType`] unless both are `F32` or both `F64`.
pub fn infer(x: Spec, weight: Spec, options: &Conv2dOptions) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(Error::dtype("conv2d", x.dtype, "f32 or f64"));
    }
    if weight.dtype != x.dtype {
        return Err(Error::dtype("conv2d weight", weight.dtype, x.dtype.name()));
    }
    let geometry = Geometry::new(&x.shape, &weight.shape, options)?;
    Ok(Spec::new(crate::Shape::new(&geometry.output_shape())?, x.dtype))
}

/// Multiply-adds of the forward pass, padding counted as if it were multiplied.
///
/// # Errors
/// As [`infer`].
pub fn multiply_adds(x: Spec, weight: Spec, options: &Conv2dOptions) -> Result<u64> {
    Ok(Geometry::new(&x.shape, &weight.shape, options)?.multiply_adds())
}

/// Convolution, with bias and activation applied as the output is stored.
///
/// `output[n, y, x, k] = act(bias[k] + sum over i, j, c of input[n, y*s_h + i*d_h - top, x*s_w + j*d_w - left, c] * weight[i, j, c, k])`
///
/// # Shapes
/// Input `[batch, in_h, in_w, in_c]`, weight `[k_h, k_w, in_c / groups, out_c]`, bias `[out_c]`; output
/// `[batch, out_h, out_w, out_c]`. An empty batch is allowed.
///
/// # Errors
/// As [`infer`]; [`Error::OutOfMemory`].
pub fn forward(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    options: &Conv2dOptions,
) -> Result<Tensor> {
    let output = infer(x.spec(), weight.spec(), options)?;
    let geometry = Geometry::new(x.shape(), weight.shape(), options)?;
    if let Some(bias) = bias {
        check::exactly(bias, "conv2d bias", x.dtype(), &[geometry.out_c])?;
    }
    if x.dtype() == DType::F64 {
        return reference::forward::<f64>(&geometry, x, weight, bias, activation);
    }
    let mut result = Tensor::stale(&output.shape, DType::F32)?;
    let bias = bias.map(Tensor::as_slice).transpose()?;
    let (x, weight) = (x.as_slice()?, weight.as_slice()?);
    let target = result.as_mut_slice()?;
    if target.is_empty() {
        return Ok(result);
    }
    match geometry.algorithm(simd::active()?.lanes()) {
        geometry::Algorithm::Depthwise => depthwise::forward(&geometry, x, weight, bias, activation, target)?,
        geometry::Algorithm::Grouped => grouped::forward(&geometry, x, weight, bias, activation, target)?,
        geometry::Algorithm::Rows => {
            let target = Target::new(target, geometry.output_pixels(), geometry.out_c);
            rows::forward(&geometry, (x, geometry.in_c), weight, bias, activation, target)?;
        }
    }
    Ok(result)
}

/// Some neighbouring channels of a batch of images `[batch, height, width, channels]`.
#[derive(Debug, Clone)]
pub struct Channels<'a> {
    /// The images.
    pub images: &'a Tensor,
    /// Their channels.
    pub range: Range<usize>,
}

/// As [`forward`], from a range of channels to a range of the channels of `output`: a network that splits and
/// concatenates along channels needs no copy for it. Convolutions with one or a few channels in each group, and those
/// in `F64`, make one all the same.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::ops::conv2d::{Channels, Conv2dOptions, forward_channels};
/// use cnn_tensor::{DType, Tensor, ops::activation::Activation};
/// // The second of two channels, doubled, goes to the first of two.
/// let images = Tensor::from_slice(&[1, 1, 2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
/// let mut output = Tensor::zeros(&[1, 1, 2, 2], DType::F32)?;
/// let double = Tensor::from_slice(&[1, 1, 1, 1], &[2.0f32])?;
/// let x = Channels { images: &images, range: 1..2 };
/// let options = Conv2dOptions::default();
/// forward_channels(&x, &double, None, Activation::Identity, &options, (&mut output, 0..1))?;
/// assert_eq!(output.to_vec::<f32>()?, [4.0, 0.0, 8.0, 0.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// As [`forward`], with as many channels as the ranges have.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where a range is not one of its images, or the output has another shape;
/// [`Error::DType`] where its type is another.
pub fn forward_channels(
    x: &Channels<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    options: &Conv2dOptions,
    (output, to): (&mut Tensor, Range<usize>),
) -> Result<()> {
    let dtype = x.images.dtype();
    let pitch = channels_of("input", x.images, &x.range)?;
    let out_pitch = channels_of("output", output, &to)?;
    let mut shape = x.images.shape().to_vec();
    shape[3] = x.range.len();
    infer(Spec::new(crate::Shape::new(&shape)?, dtype), weight.spec(), options)?;
    let geometry = Geometry::new(&shape, weight.shape(), options)?;
    if let Some(bias) = bias {
        check::exactly(bias, "conv2d bias", dtype, &[geometry.out_c])?;
    }
    let mut expected = geometry.output_shape();
    if to.len() != expected[3] {
        return Err(Error::shape(
            "conv2d",
            format!("output channels {to:?}, expected {} of them", expected[3]),
        ));
    }
    expected[3] = out_pitch;
    check::exactly(output, "conv2d output", dtype, &expected)?;
    let in_place =
        dtype == DType::F32 && geometry.algorithm(simd::active()?.lanes()) == geometry::Algorithm::Rows;
    if !in_place {
        let x = copied(x, &shape)?;
        let result = forward(&x, weight, bias, activation, options)?;
        return match dtype {
            DType::F32 => put::<f32>(&result, output, to),
            _ => put::<f64>(&result, output, to),
        };
    }
    if geometry.batch == 0 {
        return Ok(());
    }
    let bias = bias.map(Tensor::as_slice).transpose()?;
    let weight = weight.as_slice()?;
    let source = x.images.as_slice::<f32>()?.get(x.range.start..).unwrap_or_default();
    let whole = Target::new(output.as_mut_slice()?, geometry.output_pixels(), out_pitch);
    let target = whole.split_columns(to.start).1.split_columns(to.len()).0;
    rows::forward(&geometry, (source, pitch), weight, bias, activation, target)
}

/// The number of channels of `images`, of which `range` must be some.
fn channels_of(name: &str, images: &Tensor, range: &Range<usize>) -> Result<usize> {
    match *images.shape() {
        [_, _, _, channels] if range.start <= range.end && range.end <= channels => Ok(channels),
        ref met => Err(Error::shape(
            "conv2d",
            format!(
                "channels {range:?} of {name} {met:?}, expected a range of the channels of [batch, height, width, channels]"
            ),
        )),
    }
}

/// The channels as a tensor of their own.
fn copied(x: &Channels<'_>, shape: &[usize]) -> Result<Tensor> {
    fn take<E: Float>(x: &Channels<'_>, result: &mut Tensor) -> Result<()> {
        let (range, channels) = (x.range.clone(), x.images.shape()[3].max(1));
        let pixels = result.as_mut_slice::<E>()?.chunks_exact_mut(range.len().max(1));
        for (to, from) in pixels.zip(x.images.as_slice::<E>()?.chunks_exact(channels)) {
            to.copy_from_slice(&from[range.clone()]);
        }
        Ok(())
    }
    let mut result = Tensor::stale(shape, x.images.dtype())?;
    match x.images.dtype() {
        DType::F32 => take::<f32>(x, &mut result)?,
        _ => take::<f64>(x, &mut result)?,
    }
    Ok(result)
}

/// Writes `part` to these channels.
fn put<E: Float>(part: &Tensor, output: &mut Tensor, to: Range<usize>) -> Result<()> {
    let channels = output.shape()[3].max(1);
    let pixels = output.as_mut_slice::<E>()?.chunks_exact_mut(channels);
    for (pixel, from) in pixels.zip(part.as_slice::<E>()?.chunks_exact(to.len().max(1))) {
        pixel[to.clone()].copy_from_slice(from);
    }
    Ok(())
}

/// Gradient with respect to the input.
///
/// # Shapes
/// As [`forward`]: gradient of the output `[batch, out_h, out_w, out_c]` to `input_shape`.
///
/// # Errors
/// As [`infer`], and [`Error::Shape`] where `grad_output` has not the shape of the output.
pub fn grad_input(
    grad_output: &Tensor,
    weight: &Tensor,
    input_shape: &[usize],
    options: &Conv2dOptions,
) -> Result<Tensor> {
    transposed(grad_output, weight, input_shape, options, (None, Activation::Identity))
}

/// [`grad_input`] with bias and activation applied as the result is stored, or in a pass behind it: the forward pass of
/// a transposed convolution.
pub(super) fn transposed(
    grad_output: &Tensor,
    weight: &Tensor,
    input_shape: &[usize],
    options: &Conv2dOptions,
    (bias, activation): (Option<&Tensor>, Activation),
) -> Result<Tensor> {
    let geometry = Geometry::new(input_shape, weight.shape(), options)?;
    grad_output.expect_compute("conv2d gradient of the input")?;
    check::exactly(grad_output, "conv2d gradient of the input", weight.dtype(), &geometry.output_shape())?;
    if weight.dtype() == DType::F64 {
        let mut result = reference::grad_input::<f64>(&geometry, grad_output, weight)?;
        bias::add(&mut result, bias, activation)?;
        return Ok(result);
    }
    let mut result = Tensor::stale(input_shape, DType::F32)?;
    let (grad, weight) = (grad_output.as_slice()?, weight.as_slice()?);
    let target = result.as_mut_slice()?;
    if target.is_empty() {
        return Ok(result);
    }
    if geometry.scatters(simd::active()?.lanes()) {
        scatter::grad_input(&geometry, grad, weight, target)?;
        bias::add(&mut result, bias, activation)?;
        return Ok(result);
    }
    let end = Epilogue { bias: bias.map(Tensor::as_slice).transpose()?, activation };
    match geometry.algorithm(simd::active()?.lanes()) {
        geometry::Algorithm::Depthwise => depthwise::grad_input(&geometry, grad, weight, end, target)?,
        geometry::Algorithm::Grouped => grouped::grad_input(&geometry, grad, weight, end, target)?,
        geometry::Algorithm::Rows => rows::grad_input(&geometry, grad, weight, end, target)?,
    }
    Ok(result)
}

/// Gradient with respect to the weight.
///
/// # Shapes
/// As [`forward`]: the result has `weight_shape`, `[k_h, k_w, in_c / groups, out_c]`.
///
/// # Errors
/// As [`grad_input`].
pub fn grad_weight(
    x: &Tensor,
    grad_output: &Tensor,
    weight_shape: &[usize],
    options: &Conv2dOptions,
) -> Result<Tensor> {
    let geometry = Geometry::new(x.shape(), weight_shape, options)?;
    grad_output.expect_compute("conv2d gradient of the weight")?;
    check::exactly(grad_output, "conv2d gradient of the weight", x.dtype(), &geometry.output_shape())?;
    if x.dtype() == DType::F64 {
        return reference::grad_weight::<f64>(&geometry, x, grad_output);
    }
    let mut result = Tensor::stale(weight_shape, DType::F32)?;
    let (x, grad) = (x.as_slice()?, grad_output.as_slice()?);
    let target = result.as_mut_slice()?;
    if geometry.batch == 0 {
        target.fill(0.0);
        return Ok(result);
    }
    match geometry.algorithm(simd::active()?.lanes()) {
        geometry::Algorithm::Depthwise => depthwise::grad_weight(&geometry, x, grad, target)?,
        geometry::Algorithm::Grouped => grouped::grad_weight(&geometry, x, grad, target)?,
        geometry::Algorithm::Rows => weights::grad_weight(&geometry, x, grad, target)?,
    }
    Ok(result)
}
