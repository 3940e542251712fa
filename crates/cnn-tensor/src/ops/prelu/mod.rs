//! The parametric rectifier: `x` above zero, else a learnt slope times `x`. He et al., arXiv:1502.01852.
//!
//! There is one slope for all, or one for each channel. At zero the gradient is the slope, as in PyTorch.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::map;
use crate::{DType, Error, Result, Spec, Tensor};

const OP: &str = "prelu";

/// `x` above zero, else `weight * x`.
///
/// # Shapes
/// Input `[.., channels]`, weight `[1]` or `[channels]`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::prelu};
/// let x = Tensor::from_slice(&[1, 3], &[-2.0f32, -2.0, 2.0])?;
/// let weight = Tensor::from_slice(&[3], &[0.5f32, 0.25, 0.25])?;
/// assert_eq!(prelu::forward(x, &weight)?.to_vec::<f32>()?, [-1.0, -0.5, 2.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] for a weight of another shape; [`Error::DType`].
pub fn forward(x: Tensor, weight: &Tensor) -> Result<Tensor> {
    infer(x.spec(), weight.spec())?;
    match x.dtype() {
        DType::F32 => {
            let weight = weight.as_slice()?;
            map(x, |x, output| vector::forward(x, weight, output))
        }
        _ => {
            let weight = weight.as_slice::<f64>()?;
            map(x, |x, output| {
                reference::forward(x, weight, output);
                Ok(())
            })
        }
    }
}

/// The gradient of [`forward`] with respect to the input.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where input and gradient differ.
pub fn grad_input(x: &Tensor, weight: &Tensor, grad: Tensor) -> Result<Tensor> {
    infer(x.spec(), weight.spec())?;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    match x.dtype() {
        DType::F32 => {
            let (x, weight) = (x.as_slice()?, weight.as_slice()?);
            map(grad, |grad, output| vector::grad_input(x, weight, grad, output))
        }
        _ => {
            let (x, weight) = (x.as_slice::<f64>()?, weight.as_slice::<f64>()?);
            map(grad, |grad, output| {
                reference::grad_input(x, weight, grad, output);
                Ok(())
            })
        }
    }
}

/// The gradient of [`forward`] with respect to a weight of this shape: the sums of `grad * x` where `x` is not above zero.
///
/// # Errors
/// As [`grad_input`].
pub fn grad_weight(x: &Tensor, weight: Spec, grad: &Tensor) -> Result<Tensor> {
    infer(x.spec(), weight)?;
    check::same_spec(OP, ("input", x), ("gradient", grad))?;
    let mut output = Tensor::stale(&weight.shape, weight.dtype)?;
    match x.dtype() {
        DType::F32 => vector::grad_weight(x.as_slice()?, grad.as_slice()?, output.as_mut_slice()?)?,
        _ => reference::grad_weight(x.as_slice::<f64>()?, grad.as_slice()?, output.as_mut_slice()?),
    }
    Ok(output)
}

/// Shape and type of the output.
///
/// # Errors
/// As [`forward`].
pub fn infer(x: Spec, weight: Spec) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if weight.dtype != x.dtype {
        return Err(Error::dtype(OP, weight.dtype, x.dtype.name()));
    }
    let channels = x.shape.last().copied().unwrap_or(1);
    if weight.shape == [1] || weight.shape == [channels] {
        return Ok(x);
    }
    let problem = format!("weight {} for input {}, expected [1] or [{channels}]", weight.shape, x.shape);
    Err(Error::shape(OP, problem))
}

/// The function of one number.
#[inline(always)]
fn value<F: crate::Float>(x: F, slope: F) -> F {
    if x > F::ZERO { x } else { slope * x }
}

/// The gradient of the input.
#[inline(always)]
fn to_input<F: crate::Float>(x: F, slope: F, grad: F) -> F {
    if x > F::ZERO { grad } else { slope * grad }
}

/// What an element adds to the gradient of its slope.
#[inline(always)]
fn to_slope<F: crate::Float>(x: F, grad: F) -> F {
    if x > F::ZERO { F::ZERO } else { grad * x }
}
