//! Two-dimensional convolution (cross-correlation, as in every framework) and its two gradients.
//!
//! An implicit matrix product on NHWC: no patch matrix is ever written. Forward and input gradient are one
//! kernel over rows of pixels (`rows`); the weight gradient keeps a tile of the weights in registers and lets
//! the pixels stream past it (`weights`). Where channels or groups would leave vectors half empty there are others:
//! depthwise convolution (`depthwise`), few channels in each group (`grouped`), and the gradient of an input with few
//! channels (`scatter`).

mod axis;
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

use super::activation::Activation;
use super::check;
use crate::gemm::Tile;
use crate::simd;
use crate::{DType, Error, Result, Spec, Tensor};

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
    match geometry.algorithm(lanes()?) {
        geometry::Algorithm::Depthwise => depthwise::forward(&geometry, x, weight, bias, activation, target)?,
        geometry::Algorithm::Grouped => grouped::forward(&geometry, x, weight, bias, activation, target)?,
        geometry::Algorithm::Rows => rows::forward(&geometry, x, weight, bias, activation, target)?,
    }
    Ok(result)
}

/// Gradient with respect to the input; also the forward pass of a transposed convolution.
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
    let geometry = Geometry::new(input_shape, weight.shape(), options)?;
    grad_output.expect_compute("conv2d gradient of the input")?;
    check::exactly(grad_output, "conv2d gradient of the input", weight.dtype(), &geometry.output_shape())?;
    if weight.dtype() == DType::F64 {
        return reference::grad_input::<f64>(&geometry, grad_output, weight);
    }
    let mut result = Tensor::stale(input_shape, DType::F32)?;
    let (grad, weight) = (grad_output.as_slice()?, weight.as_slice()?);
    let target = result.as_mut_slice()?;
    if geometry.scatters(lanes()?) {
        scatter::grad_input(&geometry, grad, weight, target)?;
        return Ok(result);
    }
    match geometry.algorithm(lanes()?) {
        geometry::Algorithm::Depthwise => depthwise::grad_input(&geometry, grad, weight, target)?,
        geometry::Algorithm::Grouped => grouped::grad_input(&geometry, grad, weight, target)?,
        geometry::Algorithm::Rows => rows::grad_input(&geometry, grad, weight, target)?,
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
    match geometry.algorithm(lanes()?) {
        geometry::Algorithm::Depthwise => depthwise::grad_weight(&geometry, x, grad, target)?,
        geometry::Algorithm::Grouped => grouped::grad_weight(&geometry, x, grad, target)?,
        geometry::Algorithm::Rows => weights::grad_weight(&geometry, x, grad, target)?,
    }
    Ok(result)
}

/// Numbers in a vector of the instruction set that is used.
fn lanes() -> Result<usize> {
    Ok(Tile::of(simd::active()?).columns / 2)
}
