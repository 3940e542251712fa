//! Max and average pooling over windows of an image.
//!
//! Max-pooling keeps, for each output, where in its window the maximum was: one byte where the window has at
//! most 256 taps. That is all its gradient needs. Average pooling keeps nothing.
//! Global pooling is a window as large as the image. Adaptive pooling has windows of about equal size, as many as are
//! asked for; all else is the same.

mod geometry;
mod kernels;
mod readers;
mod reference;
#[cfg(test)]
mod tests;
mod tiled;
mod vector;

use crate::ops::check;
use crate::ops::window::{Padding2d, Rounding};
use crate::{DType, Result, Spec, Tensor};

use geometry::{Geometry, Index};

/// Whether an average counts the padding that a window covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PaddingCounts {
    /// As zeros: the divisor is the size of the window inside the padded image (PyTorch's default).
    #[default]
    Included,
    /// No: the divisor is the number of elements of the image in the window.
    Excluded,
}

/// Size, steps and borders of a pooling window, as `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2dOptions {
    /// Taps of the window.
    pub kernel: [usize; 2],
    /// Distance between the starts of neighbouring windows.
    pub stride: [usize; 2],
    /// Padding around the image; less than the window's extent on each side.
    pub padding: Padding2d,
    /// Distance between neighbouring taps; only max-pooling takes other than 1.
    pub dilation: [usize; 2],
    /// What happens to a window that does not fit whole.
    pub rounding: Rounding,
    /// The divisor of average pooling.
    pub padding_counts: PaddingCounts,
}

impl Pool2dOptions {
    /// Windows of `kernel` that tile the image: stride as the kernel, no padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self {
            kernel,
            stride: kernel,
            padding: Padding2d::all(0),
            dilation: [1, 1],
            rounding: Rounding::Floor,
            padding_counts: PaddingCounts::Included,
        }
    }
}

/// The windows of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Windows {
    /// Of one size, a stride apart.
    Sliding(Pool2dOptions),
    /// As many as this, `[vertical, horizontal]`, of about equal size: window `i` of `n` over `size` elements is from
    /// `floor(i * size / n)` to `ceil((i + 1) * size / n)`, as in PyTorch.
    Adaptive([usize; 2]),
}

impl Windows {
    /// Name of the maximum over these windows, as errors and graphs have it.
    pub fn max_name(self) -> &'static str {
        match self {
            Self::Sliding(_) => "max_pool2d",
            Self::Adaptive(_) => "adaptive_max_pool2d",
        }
    }

    /// Name of the mean over these windows.
    pub fn average_name(self) -> &'static str {
        match self {
            Self::Sliding(_) => "average_pool2d",
            Self::Adaptive(_) => "adaptive_average_pool2d",
        }
    }
}

impl From<Pool2dOptions> for Windows {
    fn from(options: Pool2dOptions) -> Self {
        Self::Sliding(options)
    }
}

/// What [`max_forward`] computes.
#[derive(Debug, Clone)]
pub struct MaxPooled {
    /// The maximum of each window.
    pub output: Tensor,
    /// Where in its window the maximum was, row by row from its first tap: `U8` where the window has at most
    /// 256 taps, else `I32`.
    pub indices: Tensor,
}

/// Shape of the pooled image; [`max_infer`] and [`average_infer`] add what only one of them asks.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where `x` is not an image or the window does not fit;
/// [`Error::Argument`](crate::Error::Argument) for a size of zero or padding as large as the window.
pub fn infer(x: Spec, windows: impl Into<Windows>) -> Result<Spec> {
    Geometry::new("pool2d", &x.shape, windows.into())?.output_spec(x.dtype)
}

/// As [`infer`], for [`max_forward`], which also bounds the window.
///
/// # Errors
/// As [`infer`]; [`Error::Argument`](crate::Error::Argument) for a window of more than 2^23 taps.
pub fn max_infer(x: Spec, windows: impl Into<Windows>) -> Result<Spec> {
    let windows = windows.into();
    Geometry::max(windows.max_name(), &x.shape, windows)?.output_spec(x.dtype)
}

/// As [`infer`], for [`average_forward`], whose windows have no gaps.
///
/// # Errors
/// As [`infer`]; [`Error::Argument`](crate::Error::Argument) for a dilation other than 1.
pub fn average_infer(x: Spec, windows: impl Into<Windows>) -> Result<Spec> {
    let windows = windows.into();
    Geometry::average(windows.average_name(), &x.shape, windows)?.output_spec(x.dtype)
}

/// Type in which [`max_forward`] keeps the positions of the maxima of an image of this shape.
///
/// # Errors
/// As [`max_infer`].
pub fn index_dtype(input: &[usize], windows: impl Into<Windows>) -> Result<DType> {
    let windows = windows.into();
    Ok(Geometry::max(windows.max_name(), input, windows)?.index_dtype())
}

/// The maximum of each window. The first of equal values is taken; NaN is larger than any number, and the
/// last NaN of a window is taken, as in PyTorch. Padding never wins: a window that reads nothing else, between
/// two dilated taps, is negative infinity at position 0.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::pool2d::{self, Pool2dOptions}};
/// let x = Tensor::from_slice(&[1, 2, 2, 1], &[1.0f32, 4.0, 3.0, 2.0])?;
/// let pooled = pool2d::max_forward(&x, Pool2dOptions::new([2, 2]))?;
/// assert_eq!(pooled.output.item()?, 4.0);
/// assert_eq!(pooled.indices.to_vec::<u8>()?, [1]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`max_infer`]; [`Error::DType`](crate::Error::DType) unless `F32` or `F64`.
pub fn max_forward(x: &Tensor, windows: impl Into<Windows>) -> Result<MaxPooled> {
    let windows = windows.into();
    let op = windows.max_name();
    let geometry = Geometry::max(op, x.shape(), windows)?;
    let mut output = Tensor::stale(&geometry.output_shape(), x.dtype())?;
    let mut indices = Tensor::stale(&geometry.output_shape(), geometry.index_dtype())?;
    match (x.dtype(), indices.dtype()) {
        (DType::F32, DType::U8) => max::<u8>(&geometry, x, &mut output, &mut indices)?,
        (DType::F32, _) => max::<i32>(&geometry, x, &mut output, &mut indices)?,
        (DType::F64, DType::U8) => max_f64::<u8>(&geometry, x, &mut output, &mut indices)?,
        (DType::F64, _) => max_f64::<i32>(&geometry, x, &mut output, &mut indices)?,
        (met, _) => return Err(check::not_compute(op, met)),
    }
    Ok(MaxPooled { output, indices })
}

/// The gradient of [`max_forward`] with respect to its input: each output's gradient goes to where its
/// maximum was. An index that is no position in its window, or one in the padding, sends its gradient nowhere.
///
/// # Errors
/// As [`max_infer`]; [`Error::Shape`](crate::Error::Shape) where indices or gradient do not have the shape of
/// the output.
pub fn max_backward(
    indices: &Tensor,
    grad_output: &Tensor,
    input_shape: &[usize],
    windows: impl Into<Windows>,
) -> Result<Tensor> {
    let windows = windows.into();
    let op = windows.max_name();
    let geometry = Geometry::max(op, input_shape, windows)?;
    geometry.expect_output(op, "gradient", grad_output)?;
    geometry.expect_output(op, "indices", indices)?;
    check::dtype(op, indices, geometry.index_dtype())?;
    let mut grad_input = Tensor::stale(input_shape, grad_output.dtype())?;
    match (grad_output.dtype(), indices.dtype()) {
        (DType::F32, DType::U8) => max_back::<u8>(&geometry, indices, grad_output, &mut grad_input)?,
        (DType::F32, _) => max_back::<i32>(&geometry, indices, grad_output, &mut grad_input)?,
        (DType::F64, DType::U8) => max_back_f64::<u8>(&geometry, indices, grad_output, &mut grad_input)?,
        (DType::F64, _) => max_back_f64::<i32>(&geometry, indices, grad_output, &mut grad_input)?,
        (met, _) => return Err(check::not_compute(op, met)),
    }
    Ok(grad_input)
}

/// The mean of each window; [`PaddingCounts`] says what padding means for the divisor.
///
/// # Errors
/// As [`average_infer`]; [`Error::DType`](crate::Error::DType) unless `F32` or `F64`.
pub fn average_forward(x: &Tensor, windows: impl Into<Windows>) -> Result<Tensor> {
    let windows = windows.into();
    let op = windows.average_name();
    let geometry = Geometry::average(op, x.shape(), windows)?;
    let mut output = Tensor::stale(&geometry.output_shape(), x.dtype())?;
    match x.dtype() {
        DType::F32 => vector::average(&geometry, x.as_slice()?, output.as_mut_slice()?)?,
        DType::F64 => reference::average(&geometry, x.as_slice::<f64>()?, output.as_mut_slice()?),
        met => return Err(check::not_compute(op, met)),
    }
    Ok(output)
}

/// The gradient of [`average_forward`] with respect to its input.
///
/// # Errors
/// As [`average_forward`]; [`Error::Shape`](crate::Error::Shape) where the gradient does not have the shape of
/// the output.
pub fn average_backward(
    grad_output: &Tensor,
    input_shape: &[usize],
    windows: impl Into<Windows>,
) -> Result<Tensor> {
    let windows = windows.into();
    let op = windows.average_name();
    let geometry = Geometry::average(op, input_shape, windows)?;
    geometry.expect_output(op, "gradient", grad_output)?;
    let mut grad_input = Tensor::stale(input_shape, grad_output.dtype())?;
    match grad_output.dtype() {
        DType::F32 => {
            vector::average_backward(&geometry, grad_output.as_slice()?, grad_input.as_mut_slice()?)?;
        }
        DType::F64 => {
            reference::average_backward(
                &geometry,
                grad_output.as_slice::<f64>()?,
                grad_input.as_mut_slice()?,
            );
        }
        met => return Err(check::not_compute(op, met)),
    }
    Ok(grad_input)
}

fn max<I: Index>(g: &Geometry, x: &Tensor, output: &mut Tensor, indices: &mut Tensor) -> Result<()> {
    vector::max::<I>(g, x.as_slice()?, output.as_mut_slice()?, indices.as_mut_slice()?)
}

fn max_f64<I: Index>(g: &Geometry, x: &Tensor, output: &mut Tensor, indices: &mut Tensor) -> Result<()> {
    reference::max::<f64, I>(g, x.as_slice()?, output.as_mut_slice()?, indices.as_mut_slice()?);
    Ok(())
}

fn max_back<I: Index>(g: &Geometry, indices: &Tensor, grad: &Tensor, grad_input: &mut Tensor) -> Result<()> {
    vector::max_backward::<I>(g, indices.as_slice()?, grad.as_slice()?, grad_input.as_mut_slice()?)
}

fn max_back_f64<I: Index>(
    g: &Geometry,
    indices: &Tensor,
    grad: &Tensor,
    grad_input: &mut Tensor,
) -> Result<()> {
    reference::max_backward::<f64, I>(g, indices.as_slice()?, grad.as_slice()?, grad_input.as_mut_slice()?);
    Ok(())
}
