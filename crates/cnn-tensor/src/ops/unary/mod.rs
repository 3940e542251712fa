//! Functions of one element: a family that shares two loops.
//!
//! A member is a [`Unary`]: its value, its gradient, and whether the gradient is computed from the input or
//! from the output. The loops work in place where the tensor is the only holder of its buffer.

mod members;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::map;
use crate::{DType, Error, Float, Result, Tensor};

pub use members::{
    Abs, Clamp, Elu, Exp, Gelu, GeluTanh, HardSigmoid, HardSwish, LeakyRelu, Ln, LogSigmoid, Neg, Pow,
    Reciprocal, Relu, Relu6, Scale, Selu, Sigmoid, Silu, Softplus, Sqrt, Square, Tanh,
};

/// Which side of a function its gradient is computed from, and so what a tape has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The gradient reads what went in.
    Input,
    /// The gradient reads what came out.
    Output,
    /// The gradient is the same everywhere; what it is given as the kept value means nothing.
    Nothing,
}

/// A function of one element, with its gradient.
///
/// Written for one number; the loops around it are compiled for every instruction set, so methods that are
/// marked `#[inline]` and have no branches become vector code.
///
/// ```
/// use cnn_tensor::ops::unary::{self, Kept, Unary};
/// use cnn_tensor::{Float, Tensor};
///
/// struct Square;
/// impl Unary for Square {
///     const NAME: &'static str = "square";
///     const KEPT: Kept = Kept::Input;
///     fn value<F: Float>(&self, x: F) -> F { x * x }
///     fn gradient<F: Float>(&self, x: F, grad: F) -> F { (x + x) * grad }
/// }
/// # fn main() -> cnn_tensor::Result<()> {
/// let y = unary::forward(&Square, Tensor::from_slice(&[2], &[3.0f32, -4.0])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [9.0, 16.0]);
/// # Ok(()) }
/// ```
pub trait Unary: Sync {
    /// Name in error messages.
    const NAME: &'static str;
    /// What [`Unary::gradient`] is given.
    const KEPT: Kept;
    /// The function.
    fn value<F: Float>(&self, x: F) -> F;
    /// The gradient with respect to the input, from the kept value and the gradient of the output.
    fn gradient<F: Float>(&self, kept: F, grad: F) -> F;
}

/// The function of every element.
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn forward<U: Unary>(op: &U, x: Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 => map(x, |x, y| vector::forward(op, x, y)),
        DType::F64 => map(x, |x, y| {
            reference::forward::<U, f64>(op, x, y);
            Ok(())
        }),
        met => Err(check::not_compute(U::NAME, met)),
    }
}

/// The gradient of [`forward`]: `kept` is its input or its output, as [`Unary::KEPT`] says, or nothing.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::Argument`] where what [`Unary::KEPT`] asks for is not given;
/// [`Error::DType`].
pub fn backward<U: Unary>(op: &U, kept: Option<&Tensor>, grad: Tensor) -> Result<Tensor> {
    let name = match U::KEPT {
        Kept::Input => "input",
        Kept::Output => "output",
        Kept::Nothing => return forward(&Constant(op), grad),
    };
    let kept = kept.ok_or_else(|| Error::argument(U::NAME, name, "missing", "the one that was kept"))?;
    check::same_spec(U::NAME, (name, kept), ("gradient", &grad))?;
    match grad.dtype() {
        DType::F32 => {
            let kept = kept.as_slice::<f32>()?;
            map(grad, |grad, output| vector::backward(op, kept, grad, output))
        }
        DType::F64 => {
            let kept = kept.as_slice::<f64>()?;
            map(grad, |grad, output| {
                reference::backward::<U, f64>(op, kept, grad, output);
                Ok(())
            })
        }
        met => Err(check::not_compute(U::NAME, met)),
    }
}

/// The gradient of a member whose gradient reads nothing, as a function of the gradient of the output.
struct Constant<'a, U>(&'a U);

impl<U: Unary> Unary for Constant<'_, U> {
    const NAME: &'static str = U::NAME;
    const KEPT: Kept = Kept::Nothing;

    #[inline(always)]
    fn value<F: Float>(&self, grad: F) -> F {
        self.0.gradient(F::ZERO, grad)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, _nothing: F, grad: F) -> F {
        grad
    }
}

/// `max(x, 0)`. NaN stays NaN and the zero keeps its sign, as in PyTorch.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// let x = cnn_tensor::Tensor::from_slice(&[3], &[-1.0f32, 0.5, 2.0])?;
/// assert_eq!(cnn_tensor::ops::unary::relu(x)?.to_vec::<f32>()?, [0.0, 0.5, 2.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn relu(x: Tensor) -> Result<Tensor> {
    forward(&Relu, x)
}

/// The gradient of [`relu`] from its output: `grad` where the output is above zero (or NaN), else 0.
///
/// # Errors
/// As [`backward`].
pub fn relu_backward(output: &Tensor, grad: Tensor) -> Result<Tensor> {
    backward(&Relu, Some(output), grad)
}

/// Every element times `factor`; its own gradient.
///
/// # Errors
/// [`Error::DType`] unless `F32` or `F64`.
pub fn scale(x: Tensor, factor: f64) -> Result<Tensor> {
    forward(&Scale(factor), x)
}
