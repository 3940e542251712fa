//! Sums, means, maxima: many elements to few.
//!
//! How a reduction is cut into pieces depends on the shape only, and the pieces are combined in order, so
//! that the bits do not depend on the number of threads.
//!
//! Functions whose names end in `_over` reduce the axes that they are given; `cut` lays their loops out, `fold` runs
//! them, `over` says what is folded and `arg` finds places. The others reduce all axes, or those that their names say.

mod arg;
mod cut;
mod fold;
mod over;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

pub use arg::{arg_max_over, arg_min_over};
pub use cut::{Keep, reduced_shape};
pub use over::{
    Norm, Variance, all_over, any_over, extreme_over_backward, extreme_shape, l2_over_backward, max_over,
    mean_over, min_over, norm_over, prod_over, sum_over, var_over, var_over_backward,
};

use crate::ops::check;
use crate::{DType, Error, Result, Tensor};

/// The sum of all elements, a scalar; 0 where there are none.
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn sum(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 => Tensor::scalar(vector::sum(x.as_slice()?)? as f32),
        DType::F64 => Tensor::scalar(reference::sum(x.as_slice::<f64>()?)),
        met => Err(check::not_compute("sum", met)),
    }
}

/// The mean of all elements, a scalar; NaN where there are none, as in PyTorch.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::reduce};
/// let x = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 6.0])?;
/// assert_eq!(reduce::mean(&x)?.item()?, 3.0);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn mean(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 => Tensor::scalar((vector::sum(x.as_slice()?)? / x.len() as f64) as f32),
        DType::F64 => Tensor::scalar(reference::sum(x.as_slice::<f64>()?) / x.len() as f64),
        met => Err(check::not_compute("mean", met)),
    }
}

/// The sums over all axes but the last: the gradient of a bias.
///
/// # Shapes
/// `[.., channels]` to `[channels]`.
///
/// # Errors
/// [`Error::Shape`] for a scalar; [`Error::DType`] unless `F32` or `F64`.
pub fn sum_leading(x: &Tensor) -> Result<Tensor> {
    let channels = last_axis("sum_leading", x)?;
    let mut output = Tensor::stale(&[channels], x.dtype())?;
    match x.dtype() {
        DType::F32 => vector::sum_leading(x.as_slice()?, output.as_mut_slice()?)?,
        DType::F64 => reference::sum_leading(x.as_slice::<f64>()?, output.as_mut_slice()?),
        met => return Err(check::not_compute("sum_leading", met)),
    }
    Ok(output)
}

/// Where along the last axis the largest element is: the first on ties; NaN counts as larger than any
/// number, as in PyTorch.
///
/// # Shapes
/// `[.., n]` to `[..]`, as `I64`.
///
/// # Errors
/// [`Error::Shape`] for a scalar or where the last axis is empty; [`Error::DType`] unless `F32` or `F64`.
pub fn arg_max(x: &Tensor) -> Result<Tensor> {
    let last = last_axis("arg_max", x)?;
    if last == 0 {
        return Err(Error::shape("arg_max", format!("the last axis of {:?} is empty", x.shape())));
    }
    let mut output = Tensor::stale(&x.shape()[..x.rank() - 1], DType::I64)?;
    match x.dtype() {
        DType::F32 => arg::places_of(&arg::Above, x.as_slice::<f32>()?, last, 1, output.as_mut_slice()?)?,
        DType::F64 => arg::places_of(&arg::Above, x.as_slice::<f64>()?, last, 1, output.as_mut_slice()?)?,
        met => return Err(check::not_compute("arg_max", met)),
    }
    Ok(output)
}

/// Whether no element is NaN or infinite.
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn is_finite(x: &Tensor) -> Result<bool> {
    match x.dtype() {
        DType::F32 => vector::is_finite(x.as_slice()?),
        DType::F64 => Ok(reference::is_finite(x.as_slice::<f64>()?)),
        met => Err(check::not_compute("is_finite", met)),
    }
}

/// The largest of `|a - b|`, as a double; NaN where a difference is NaN, 0 where there are no elements.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::DType`].
pub fn max_abs_difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    check::same_spec("max_abs_difference", ("left", a), ("right", b))?;
    match a.dtype() {
        DType::F32 => vector::max_abs_difference(a.as_slice()?, b.as_slice()?),
        DType::F64 => Ok(reference::max_abs_difference(a.as_slice::<f64>()?, b.as_slice()?)),
        met => Err(check::not_compute("max_abs_difference", met)),
    }
}

fn last_axis(op: &'static str, x: &Tensor) -> Result<usize> {
    x.shape()
        .last()
        .copied()
        .ok_or_else(|| Error::shape(op, "input [] is a scalar, expected at least one axis"))
}
