//! Comparisons of elements of any type, and the logic of their truth values.
//!
//! Not differentiable: truth values do not move when numbers do.
//!
//! Operands broadcast. NaN is not equal to anything and neither above nor below it.

use super::broadcast::walk::Walk;
use super::broadcast::zip::{Pairwise, zip, zip_in_place};
use super::in_place::PIECE;
use super::{broadcast, check};
use crate::dtype::by_dtype;
use crate::parallel::for_each;
use crate::{DType, Element, Result, Tensor};

/// A relation of two elements.
trait Relation: Sync {
    const NAME: &'static str;

    fn holds<E: Element>(&self, a: E, b: E) -> bool;
}

/// A relation as the loops see it: 1 where it holds, else 0.
struct Holds<R>(R);

impl<R: Relation, E: Element> Pairwise<E, E> for Holds<R> {
    type Output = u8;

    #[inline(always)]
    fn value(&self, a: E, b: E) -> u8 {
        u8::from(self.0.holds(a, b))
    }
}

macro_rules! relation {
    ($name:ident, $text:literal, $operator:tt) => {
        struct $name;

        impl Relation for $name {
            const NAME: &'static str = $text;

            #[inline(always)]
            fn holds<E: Element>(&self, a: E, b: E) -> bool {
                a $operator b
            }
        }
    };
}

relation!(Equal, "eq", ==);
relation!(NotEqual, "ne", !=);
relation!(Below, "lt", <);
relation!(AtMost, "le", <=);
relation!(Above, "gt", >);
relation!(AtLeast, "ge", >=);

fn compare<R: Relation>(relation: R, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check::dtype(R::NAME, b, a.dtype())?;
    let shape = broadcast::shape(R::NAME, a.shape(), b.shape())?;
    let walk = Walk::new(&shape, [a.shape(), b.shape()]);
    let mut output = Tensor::stale(&shape, DType::Bool)?;
    by_dtype!(a.dtype(), E => {
        zip(&Holds(relation), &walk, a.as_slice::<E>()?, b.as_slice::<E>()?, output.as_mut_slice::<u8>()?)?;
    });
    Ok(output)
}

/// Where `a == b`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::compare};
/// let labels = Tensor::from_slice(&[3], &[7i64, 2, 7])?;
/// let sevens = compare::eq(&labels, &Tensor::scalar(7i64)?)?;
/// assert_eq!(sevens.to_vec::<u8>()?, [1, 0, 1]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the shapes do not broadcast, [`Error::DType`](crate::Error::DType)
/// where the types differ.
pub fn eq(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(Equal, a, b)
}

/// Where `a != b`: everywhere where either is NaN.
///
/// # Errors
/// As [`eq`].
pub fn ne(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(NotEqual, a, b)
}

/// Where `a < b`.
///
/// # Errors
/// As [`eq`].
pub fn lt(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(Below, a, b)
}

/// Where `a <= b`.
///
/// # Errors
/// As [`eq`].
pub fn le(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(AtMost, a, b)
}

/// Where `a > b`.
///
/// # Errors
/// As [`eq`].
pub fn gt(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(Above, a, b)
}

/// Where `a >= b`.
///
/// # Errors
/// As [`eq`].
pub fn ge(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    compare(AtLeast, a, b)
}

macro_rules! logic {
    ($(#[$doc:meta])* $function:ident, $name:ident, $text:literal, $operator:tt) => {
        struct $name;

        impl Pairwise<u8, u8> for $name {
            type Output = u8;

            #[inline(always)]
            fn value(&self, a: u8, b: u8) -> u8 {
                a $operator b
            }
        }

        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Shape`](crate::Error::Shape) where the shapes do not broadcast,
        /// [`Error::DType`](crate::Error::DType) unless both are `Bool`.
        pub fn $function(a: Tensor, b: &Tensor) -> Result<Tensor> {
            combine($text, &$name, a, b)
        }
    };
}

logic!(
    /// Where both hold.
    and, And, "and", &
);
logic!(
    /// Where either holds.
    or, Or, "or", |
);
logic!(
    /// Where one holds and the other does not.
    xor, Xor, "xor", ^
);

fn combine(
    name: &'static str,
    op: &impl Pairwise<u8, u8, Output = u8>,
    mut a: Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    check::dtype(name, &a, DType::Bool)?;
    check::dtype(name, b, DType::Bool)?;
    let shape = broadcast::shape(name, a.shape(), b.shape())?;
    let walk = Walk::new(&shape, [a.shape(), b.shape()]);
    let b = b.as_slice()?;
    if shape == *a.shape() && a.is_unique() {
        zip_in_place(op, &walk, b, a.as_mut_slice()?)?;
        return Ok(a);
    }
    let mut output = Tensor::stale(&shape, DType::Bool)?;
    zip(op, &walk, a.as_slice()?, b, output.as_mut_slice()?)?;
    Ok(output)
}

/// Where it does not hold.
///
/// # Errors
/// [`Error::DType`](crate::Error::DType) unless `Bool`.
pub fn not(mut a: Tensor) -> Result<Tensor> {
    check::dtype("not", &a, DType::Bool)?;
    let bytes = a.bytes();
    for_each(a.as_mut_slice::<u8>()?.chunks_mut(PIECE), bytes, |truths| {
        truths.iter_mut().for_each(|truth| *truth ^= 1);
    })?;
    Ok(a)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Error;
    use crate::ops::broadcast::reference::place;
    use crate::testing::{assert_threads_change_nothing, normal, on_each_level, poison};

    type Comparison = fn(&Tensor, &Tensor) -> Result<Tensor>;

    type OfDoubles = fn(f64, f64) -> bool;

    /// Each comparison and what it says of doubles.
    const ALL: [(Comparison, OfDoubles); 6] = [
        (eq, |a, b| a == b),
        (ne, |a, b| a != b),
        (lt, |a, b| a < b),
        (le, |a, b| a <= b),
        (gt, |a, b| a > b),
        (ge, |a, b| a >= b),
    ];

    fn truths(x: Result<Tensor>) -> Vec<u8> {
        let x = x.unwrap();
        assert_eq!(x.dtype(), DType::Bool);
        x.to_vec().unwrap()
    }

    #[test]
    fn nan_equals_nothing_and_zeros_are_equal() {
        let nan = f32::NAN;
        let a = Tensor::from_slice(&[4], &[nan, nan, 0.0, f32::INFINITY]).unwrap();
        let b = Tensor::from_slice(&[4], &[nan, 1.0, -0.0, f32::INFINITY]).unwrap();
        on_each_level(|_| {
            assert_eq!(truths(eq(&a, &b)), [0, 0, 1, 1]);
            assert_eq!(truths(ne(&a, &b)), [1, 1, 0, 0]);
            assert_eq!(truths(lt(&a, &b)), [0, 0, 0, 0]);
            assert_eq!(truths(ge(&a, &b)), [0, 0, 1, 1]);
        });
    }

    #[test]
    fn whole_numbers_beyond_the_precision_of_doubles_are_told_apart() {
        let a = Tensor::scalar(i64::MAX).unwrap();
        assert_eq!(truths(gt(&a, &Tensor::scalar(i64::MAX - 1).unwrap())), [1]);
    }

    #[test]
    fn the_four_cases_of_logic() {
        let truth = |values: &[u8]| Tensor::from_le_bytes(&[values.len()], DType::Bool, values).unwrap();
        let (a, b) = (truth(&[0, 0, 1, 1]), truth(&[0, 1, 0, 1]));
        assert_eq!(truths(and(a.clone(), &b)), [0, 0, 0, 1]);
        assert_eq!(truths(or(a.clone(), &b)), [0, 1, 1, 1]);
        assert_eq!(truths(xor(a.clone(), &b)), [0, 1, 1, 0]);
        assert_eq!(truths(not(a.clone())), [1, 1, 0, 0]);
        assert_eq!(truths(and(truth(&[0, 1, 1]), &truth(&[1]))), [0, 1, 1]);
        assert_eq!(a.to_vec::<u8>().unwrap(), [0, 0, 1, 1]);
        let byte = Tensor::scalar(1u8).unwrap();
        assert!(matches!(and(a, &byte), Err(Error::DType { .. })));
        assert!(matches!(not(byte), Err(Error::DType { .. })));
    }

    #[test]
    fn different_types_and_shapes_are_errors() {
        let x = |len, dtype| Tensor::zeros(&[len], dtype).unwrap();
        let error = eq(&x(2, DType::F32), &x(2, DType::I64)).unwrap_err().to_string();
        assert_eq!(error, "eq: element type is i64, expected f32");
        assert!(matches!(lt(&x(2, DType::U8), &x(3, DType::U8)), Err(Error::Shape { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        let (a, b) = (normal(&[300, 400], 1, DType::F32).unwrap(), normal(&[400], 2, DType::F32).unwrap());
        let (below, same) = (lt(&a, &b).unwrap(), eq(&a, &a).unwrap());
        assert_threads_change_nothing("lt", || vec![lt(&a, &b).unwrap()]);
        assert_threads_change_nothing("eq", || vec![eq(&a, &a).unwrap()]);
        assert_threads_change_nothing("not", || vec![not(below.clone()).unwrap()]);
        assert_threads_change_nothing("xor", || vec![xor(below.clone(), &same).unwrap()]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn every_type_compares_as_doubles_do(
            (dims, a_dims, b_dims) in crate::ops::broadcast::tests::shapes(), which in 0usize..10, seed in any::<u64>(),
        ) {
            let some = |dims: &[usize], seed| {
                let mut x = normal(dims, seed, DType::F32).unwrap();
                x.as_mut_slice::<f32>().unwrap().iter_mut().for_each(|x| *x = (2.0 * *x).round());
                x.to_dtype(DType::ALL[which]).unwrap()
            };
            let (a, b) = (some(&a_dims, seed), some(&b_dims, !seed));
            let (a_values, b_values) = (a.to_f64_vec().unwrap(), b.to_f64_vec().unwrap());
            for (comparison, expected) in ALL {
                poison(&dims, DType::U8).unwrap();
                for (at, truth) in truths(comparison(&a, &b)).into_iter().enumerate() {
                    let (a, b) = (a_values[place(at, &dims, &a_dims)], b_values[place(at, &dims, &b_dims)]);
                    prop_assert_eq!(truth, u8::from(expected(a, b)));
                }
            }
        }
    }
}
