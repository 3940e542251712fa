//! Functions of two tensors, element by element, broadcast to the shape that they have in common.
//!
//! The first tensor's buffer takes the result where nobody else holds it and it has that shape. Tensors of one shape
//! have loops of their own (`vector`, `reference`); the others share that of [`broadcast`].
//! NaN in either operand gives NaN, from `maximum` and `minimum` too, as in PyTorch.

/// A member of the family without settings, by its formula.
macro_rules! binary {
    ($name:ident, $text:literal, |$a:ident, $b:ident| $value:expr) => {
        struct $name;

        impl Binary for $name {
            const NAME: &'static str = $text;

            #[inline(always)]
            fn value<F: $crate::Float>(&self, $a: F, $b: F) -> F {
                $value
            }
        }
    };
}

mod grad;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

pub(crate) use grad::equal_as_number;
pub use grad::{Extreme, extreme_backward, pow_backward_base, pow_backward_exponent};

use crate::ops::activation::Activation;
use crate::ops::broadcast::walk::Walk;
use crate::ops::broadcast::zip::{Pairwise, zip, zip_in_place};
use crate::ops::in_place::{Source, map};
use crate::ops::unary::{Relu, Unary};
use crate::ops::{broadcast, check};
use crate::{DType, Error, Float, Result, Spec, Tensor};

/// Shape and type of the result of two operands.
///
/// # Errors
/// As [`add`].
pub fn infer(op: &'static str, a: Spec, b: Spec) -> Result<Spec> {
    if !a.dtype.is_compute() {
        return Err(check::not_compute(op, a.dtype));
    }
    if b.dtype != a.dtype {
        return Err(Error::dtype(op, b.dtype, a.dtype.name()));
    }
    Ok(Spec::new(broadcast::shape(op, &a.shape, &b.shape)?, a.dtype))
}

/// `a + b`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::binary};
/// let a = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
/// let b = Tensor::from_slice(&[2], &[10.0f32, 20.0])?;
/// assert_eq!(binary::add(a, &b)?.to_vec::<f32>()?, [11.0, 22.0, 13.0, 24.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// As [`broadcast::shape`] says.
///
/// # Errors
/// [`Error::Shape`] where the shapes do not broadcast, [`Error::DType`] where the types differ or are not `F32` or
/// `F64`.
pub fn add(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Add, a, b)
}

/// `act(a + b)` in one pass: the end of a residual block. The gradient of both is that of
/// [`activation::backward`](super::activation::backward).
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::{activation::Activation, binary}};
/// let a = Tensor::from_slice(&[2], &[1.0f32, 2.0])?;
/// let b = Tensor::from_slice(&[2], &[-3.0f32, 2.0])?;
/// assert_eq!(binary::add_act(a, &b, Activation::Relu)?.to_vec::<f32>()?, [0.0, 4.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`add`].
pub fn add_act(a: Tensor, b: &Tensor, act: Activation) -> Result<Tensor> {
    match act {
        Activation::Identity => add(a, b),
        Activation::Relu => combine(&OfSum(Relu), a, b),
    }
}

/// `a - b`.
///
/// # Errors
/// As [`add`].
pub fn sub(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Sub, a, b)
}

/// `a * b`, element by element.
///
/// # Errors
/// As [`add`].
pub fn mul(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Mul, a, b)
}

/// `a / b`; a zero divides as IEEE 754 says.
///
/// # Errors
/// As [`add`].
pub fn div(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Div, a, b)
}

/// The larger of both; NaN where either is NaN.
///
/// # Errors
/// As [`add`].
pub fn maximum(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Maximum, a, b)
}

/// The smaller of both; NaN where either is NaN.
///
/// # Errors
/// As [`add`].
pub fn minimum(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Minimum, a, b)
}

/// `a` to the power `b`, as C's `pow`: 1 where `b` is 0, NaN where `a` is below zero and `b` is not whole.
///
/// # Errors
/// As [`add`].
pub fn pow(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Pow, a, b)
}

/// `a += b`, of the same shape; where another tensor shares the buffer of `a`, that tensor is left alone.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ, [`Error::DType`]; `a` is then unchanged.
pub fn add_assign(a: &mut Tensor, b: &Tensor) -> Result<()> {
    check::same_spec("add_assign", ("left", a), ("right", b))?;
    if !a.is_unique() {
        *a = add(a.clone(), b)?;
        return Ok(());
    }
    match a.dtype() {
        DType::F32 => vector::combine(&Add, Source::InPlace, b.as_slice()?, a.as_mut_slice()?),
        DType::F64 => {
            reference::combine::<_, f64>(&Add, Source::InPlace, b.as_slice()?, a.as_mut_slice()?);
            Ok(())
        }
        met => Err(check::not_compute("add_assign", met)),
    }
}

/// A function of two elements.
trait Binary: Sync {
    const NAME: &'static str;
    fn value<F: Float>(&self, a: F, b: F) -> F;
}

binary!(Add, "add", |a, b| a + b);
binary!(Sub, "sub", |a, b| a - b);
binary!(Mul, "mul", |a, b| a * b);
binary!(Div, "div", |a, b| a / b);
// Where the second operand is NaN, the comparison is false and takes it.
binary!(Maximum, "maximum", |a, b| if (a > b) | a.is_nan() { a } else { b });
binary!(Minimum, "minimum", |a, b| if (a < b) | a.is_nan() { a } else { b });
binary!(Pow, "pow", |a, b| a.powf(b));

/// A function of the sum.
struct OfSum<U>(U);

impl<U: Unary> Binary for OfSum<U> {
    const NAME: &'static str = "add_act";

    #[inline(always)]
    fn value<F: Float>(&self, a: F, b: F) -> F {
        self.0.value(a + b)
    }
}

impl<B: Binary, F: Float> Pairwise<F, F> for B {
    type Output = F;

    #[inline(always)]
    fn value(&self, a: F, b: F) -> F {
        Binary::value(self, a, b)
    }
}

fn combine<B: Binary>(op: &B, a: Tensor, b: &Tensor) -> Result<Tensor> {
    check::dtype(B::NAME, b, a.dtype())?;
    let same = a.shape() == b.shape();
    match a.dtype() {
        DType::F32 if same => {
            let b = b.as_slice::<f32>()?;
            map(a, |a, output| vector::combine(op, a, b, output))
        }
        DType::F64 if same => {
            let b = b.as_slice::<f64>()?;
            map(a, |a, output| {
                reference::combine(op, a, b, output);
                Ok(())
            })
        }
        DType::F32 => spread::<B, f32>(op, a, b),
        DType::F64 => spread::<B, f64>(op, a, b),
        met => Err(check::not_compute(B::NAME, met)),
    }
}

/// Combines tensors of different shapes.
fn spread<B: Binary, F: Float>(op: &B, mut a: Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = broadcast::shape(B::NAME, a.shape(), b.shape())?;
    let walk = Walk::new(&shape, [a.shape(), b.shape()]);
    let b = b.as_slice::<F>()?;
    if shape == *a.shape() && a.is_unique() {
        zip_in_place(op, &walk, b, a.as_mut_slice::<F>()?)?;
        return Ok(a);
    }
    let mut output = Tensor::stale(&shape, a.dtype())?;
    zip(op, &walk, a.as_slice::<F>()?, b, output.as_mut_slice()?)?;
    Ok(output)
}
