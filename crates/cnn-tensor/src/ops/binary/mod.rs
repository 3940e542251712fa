//! Functions of two tensors of one shape, element by element.
//!
//! The first tensor's buffer takes the result where nobody else holds it. There is no broadcasting: what the
//! shapes say is what is combined, and a bias belongs to the operation that adds it.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::activation::Activation;
use crate::ops::check;
use crate::ops::in_place::{Source, map};
use crate::ops::unary::{Relu, Unary};
use crate::{DType, Float, Result, Tensor};

/// `a + b`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::binary};
/// let a = Tensor::from_slice(&[2], &[1.0f32, 2.0])?;
/// assert_eq!(binary::add(a.clone(), &a)?.to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the shapes differ, [`Error::DType`](crate::Error::DType) where
/// the types differ or are not `F32` or `F64`.
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

/// `a += b`; where another tensor shares the buffer of `a`, that tensor is left alone.
///
/// # Errors
/// As [`add`]; `a` is then unchanged.
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

macro_rules! binary {
    ($name:ident, $text:literal, $operator:tt) => {
        struct $name;

        impl Binary for $name {
            const NAME: &'static str = $text;

            #[inline(always)]
            fn value<F: Float>(&self, a: F, b: F) -> F {
                a $operator b
            }
        }
    };
}

binary!(Add, "add", +);
binary!(Sub, "sub", -);
binary!(Mul, "mul", *);

/// A function of the sum.
struct OfSum<U>(U);

impl<U: Unary> Binary for OfSum<U> {
    const NAME: &'static str = "add_act";

    #[inline(always)]
    fn value<F: Float>(&self, a: F, b: F) -> F {
        self.0.value(a + b)
    }
}

fn combine<B: Binary>(op: &B, a: Tensor, b: &Tensor) -> Result<Tensor> {
    check::same_spec(B::NAME, ("left", &a), ("right", b))?;
    match a.dtype() {
        DType::F32 => {
            let b = b.as_slice::<f32>()?;
            map(a, |a, output| vector::combine(op, a, b, output))
        }
        DType::F64 => {
            let b = b.as_slice::<f64>()?;
            map(a, |a, output| {
                reference::combine(op, a, b, output);
                Ok(())
            })
        }
        met => Err(check::not_compute(B::NAME, met)),
    }
}
