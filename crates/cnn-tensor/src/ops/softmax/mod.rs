//! Softmax and its logarithm over any axis.
//!
//! `exp(x) / sum(exp(x))`, shifted by the maximum so that nothing overflows (Bridle, 1990). Both gradients are computed
//! from the output. Over the last axis a row is worked on in vectors; over another one, neighbouring columns are.

mod columns;
mod reference;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

pub(crate) use reference::maximum;

use crate::ops::check;
use crate::ops::in_place::{map, owned};
use crate::{DType, Error, Result, Tensor};

/// Whether shares are given as they are, or their logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Probability,
    Logarithm,
}

impl Scale {
    const fn name(self) -> &'static str {
        match self {
            Self::Probability => "softmax",
            Self::Logarithm => "log_softmax",
        }
    }
}

/// `exp(x) / sum(exp(x))`, where the sum is over an axis.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::softmax::softmax};
/// let x = Tensor::from_slice(&[1, 2], &[0.0f32, 3f32.ln()])?;
/// let y = softmax(x, 1)?.to_vec::<f32>()?;
/// assert!((y[0] - 0.25).abs() < 1e-6 && (y[1] - 0.75).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where there is no such axis; [`Error::DType`] unless `F32` or `F64`.
pub fn softmax(x: Tensor, axis: usize) -> Result<Tensor> {
    forward(Scale::Probability, x, axis)
}

/// `x - ln(sum(exp(x)))`, where the sum is over an axis: the logarithm of [`softmax`], also where that is too small for a
/// number.
///
/// # Errors
/// As [`softmax`].
pub fn log_softmax(x: Tensor, axis: usize) -> Result<Tensor> {
    forward(Scale::Logarithm, x, axis)
}

/// The gradient of [`softmax`] from its output: `output * (grad - sum(grad * output))`.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ or there is no such axis; [`Error::DType`].
pub fn softmax_backward(output: &Tensor, grad: Tensor, axis: usize) -> Result<Tensor> {
    backward(Scale::Probability, output, grad, axis)
}

/// The gradient of [`log_softmax`] from its output: `grad - exp(output) * sum(grad)`.
///
/// # Errors
/// As [`softmax_backward`].
pub fn log_softmax_backward(output: &Tensor, grad: Tensor, axis: usize) -> Result<Tensor> {
    backward(Scale::Logarithm, output, grad, axis)
}

/// How the numbers of an axis lie in memory: `outer` blocks of `len` rows of `inner` numbers, of which one column is
/// what a sum goes over.
#[derive(Debug, Clone, Copy)]
struct Columns {
    len: usize,
    inner: usize,
}

impl Columns {
    fn new(op: &'static str, x: &Tensor, axis: usize) -> Result<Self> {
        let Some(&len) = x.shape().get(axis) else {
            let problem = format!("input {:?} has no axis {axis}", x.shape());
            return Err(Error::shape(op, problem));
        };
        Ok(Self { len, inner: x.shape()[axis + 1..].iter().product() })
    }

    /// Numbers in a block.
    fn block(self) -> usize {
        self.len * self.inner
    }
}

fn forward(scale: Scale, x: Tensor, axis: usize) -> Result<Tensor> {
    let columns = Columns::new(scale.name(), &x, axis)?;
    match x.dtype() {
        DType::F32 => map::<f32>(x, |x, output| match columns {
            _ if output.is_empty() => Ok(()),
            Columns { len, inner: 1 } => rows::forward(scale, x, output, len),
            _ => columns::forward(scale, x, output, columns),
        }),
        DType::F64 => {
            let mut result = owned::<f64>(x)?;
            reference::forward::<f64>(scale, result.as_mut_slice()?, columns);
            Ok(result)
        }
        met => Err(check::not_compute(scale.name(), met)),
    }
}

fn backward(scale: Scale, output: &Tensor, grad: Tensor, axis: usize) -> Result<Tensor> {
    check::same_spec(scale.name(), ("output", output), ("gradient", &grad))?;
    let columns = Columns::new(scale.name(), output, axis)?;
    match grad.dtype() {
        DType::F32 => {
            let output = output.as_slice::<f32>()?;
            map::<f32>(grad, |grad, result| match columns {
                _ if result.is_empty() => Ok(()),
                Columns { len, inner: 1 } => rows::backward(scale, output, grad, result, len),
                _ => columns::backward(scale, output, grad, result, columns),
            })
        }
        DType::F64 => {
            let output = output.as_slice::<f64>()?;
            let mut result = owned::<f64>(grad)?;
            reference::backward::<f64>(scale, output, result.as_mut_slice()?, columns);
            Ok(result)
        }
        met => Err(check::not_compute(scale.name(), met)),
    }
}
