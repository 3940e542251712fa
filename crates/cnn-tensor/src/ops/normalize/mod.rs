//! Division of vectors by their Euclidean length: what lies along an axis is a vector.
//!
//! `y = x / max(sqrt(sum of x^2), epsilon)`, as `torch.nn.functional.normalize` with `p=2`. Vectors shorter than
//! epsilon are divided by epsilon, and their gradient too.

mod kernels;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::map;
use crate::{DType, Error, Result, Spec, Tensor};

const OP: &str = "normalize";

/// Checks the input; the output has its shape.
///
/// # Errors
/// [`Error::Shape`] where there is no such axis; [`Error::Argument`] for an epsilon that is negative or not finite;
/// [`Error::DType`] unless `F32` or `F64`.
pub fn infer(x: Spec, axis: usize, epsilon: f64) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if axis >= x.shape.rank() {
        return Err(Error::shape(OP, format!("input {} has no axis {axis}", x.shape)));
    }
    check::epsilon(OP, epsilon)?;
    Ok(x)
}

/// How vectors lie in memory: blocks of `len` rows of `inner` numbers, of which each column is a vector.
#[derive(Debug, Clone, Copy)]
struct Vectors {
    len: usize,
    inner: usize,
    epsilon: f64,
}

impl Vectors {
    fn new(x: &Tensor, axis: usize, epsilon: f64) -> Self {
        Self { len: x.shape()[axis], inner: x.shape()[axis + 1..].iter().product(), epsilon }
    }

    fn block(self) -> usize {
        self.len * self.inner
    }

    /// What a vector is divided by, from the sum of its squares, and whether that is its length. NaN stays NaN.
    #[inline(always)]
    fn divisor(self, squares: f64) -> (f64, bool) {
        let length = squares.sqrt();
        if length < self.epsilon || length == 0.0 { (self.epsilon, false) } else { (length, true) }
    }
}

/// Divides the vectors along an axis by their lengths, in the buffer of `x` where nobody else holds it.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::normalize};
/// let x = Tensor::from_slice(&[1, 2], &[3.0f64, 4.0])?;
/// assert_eq!(normalize::forward(x, 1, 1e-12)?.to_vec::<f64>()?, [0.6, 0.8]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`infer`].
pub fn forward(x: Tensor, axis: usize, epsilon: f64) -> Result<Tensor> {
    infer(x.spec(), axis, epsilon)?;
    let vectors = Vectors::new(&x, axis, epsilon);
    match x.dtype() {
        _ if x.is_empty() => Ok(x),
        DType::F32 => map(x, |x, output| vector::forward(vectors, x, output)),
        _ => {
            let mut output = Tensor::stale(x.shape(), x.dtype())?;
            reference::forward::<f64>(vectors, x.as_slice()?, output.as_mut_slice()?);
            Ok(output)
        }
    }
}

/// The gradient of [`forward`] with respect to its input `x`.
///
/// # Errors
/// As [`infer`]; [`Error::Shape`] and [`Error::DType`] where the gradient does not fit.
pub fn backward(x: &Tensor, axis: usize, epsilon: f64, grad: Tensor) -> Result<Tensor> {
    infer(x.spec(), axis, epsilon)?;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    let vectors = Vectors::new(x, axis, epsilon);
    match x.dtype() {
        _ if x.is_empty() => Ok(grad),
        DType::F32 => {
            let x = x.as_slice::<f32>()?;
            map(grad, |grad, result| vector::backward(vectors, x, grad, result))
        }
        _ => {
            let mut result = Tensor::stale(x.shape(), x.dtype())?;
            let (x, grad) = (x.as_slice::<f64>()?, grad.as_slice()?);
            reference::backward(vectors, x, grad, result.as_mut_slice()?);
            Ok(result)
        }
    }
}
