//! One of two tensors, element by element, as truth values say (PyTorch's `where`).
//!
//! All three operands broadcast. Works on every element type, as words of its size.

use super::broadcast::walk::Walk;
use super::in_place::PIECE;
use super::{broadcast, check};
use crate::dtype::by_size;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Error, Result, Spec, Tensor};

/// Shape and type of [`select`].
///
/// # Errors
/// As [`select`].
pub fn infer(condition: Spec, yes: Spec, no: Spec) -> Result<Spec> {
    if condition.dtype != DType::Bool {
        return Err(Error::dtype("select", condition.dtype, DType::Bool.name()));
    }
    if no.dtype != yes.dtype {
        return Err(Error::dtype("select", no.dtype, yes.dtype.name()));
    }
    let shape = broadcast::shape("select", &yes.shape, &no.shape)?;
    Ok(Spec::new(broadcast::shape("select", &condition.shape, &shape)?, yes.dtype))
}

/// `yes` where the condition holds, else `no`. What is not taken plays no part, NaN or not.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{DType, Tensor, ops::{compare, select::select}};
/// let x = Tensor::from_slice(&[3], &[1.0f32, f32::NAN, -2.0])?;
/// let zero = Tensor::scalar(0.0f32)?;
/// let y = select(&compare::eq(&x, &x)?, &x, &zero)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 0.0, -2.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where the shapes do not broadcast; [`Error::DType`] unless the condition is `Bool` and the others are
/// of one type.
pub fn select(condition: &Tensor, yes: &Tensor, no: &Tensor) -> Result<Tensor> {
    let output = infer(condition.spec(), yes.spec(), no.spec())?;
    let walk = Walk::new(&output.shape, [condition.shape(), yes.shape(), no.shape()]);
    let mut result = Tensor::stale(&output.shape, output.dtype)?;
    let level = simd::active()?;
    let (bytes, condition) = (3 * result.bytes(), condition.as_slice::<u8>()?);
    by_size!(output.dtype, W => {
        let (yes, no) = (yes.words::<W>()?, no.words::<W>()?);
        for_each(result.words_mut::<W>()?.chunks_mut(PIECE).enumerate(), bytes, |(piece, output)| {
            level.run(Select { walk: &walk, condition, yes, no, output, start: piece * PIECE });
        })?;
    });
    Ok(result)
}

/// The gradient of one side: that of the output where the side was taken, else 0, summed over the copies that
/// broadcasting made.
///
/// # Shapes
/// `shape` is that of the side.
///
/// # Errors
/// As [`select`] and [`broadcast::sum_to`].
pub fn select_backward(condition: &Tensor, grad: &Tensor, side: Side, shape: &[usize]) -> Result<Tensor> {
    check::dtype("select", condition, DType::Bool)?;
    let zero = Tensor::zeros(&[], grad.dtype())?;
    let own = match side {
        Side::Yes => select(condition, grad, &zero)?,
        Side::No => select(condition, &zero, grad)?,
    };
    broadcast::sum_to(own, shape)
}

/// A side of [`select`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is taken where the condition holds.
    Yes,
    /// What is taken elsewhere.
    No,
}

struct Select<'a, W> {
    walk: &'a Walk<3>,
    condition: &'a [u8],
    yes: &'a [W],
    no: &'a [W],
    output: &'a mut [W],
    /// Place of the first element of `output` in the whole output.
    start: usize,
}

impl<W: Copy> Kernel for Select<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { walk, condition, yes, no, output, start } = self;
        let steps = [0, 1, 2].map(|operand| walk.step(operand));
        for (run, [at, yes_at, no_at]) in walk.runs(start..start + output.len()) {
            let target = &mut output[run.start - start..run.end - start];
            let len = target.len();
            if steps[0] == 0 {
                let (taken, from, step) =
                    if condition[at] != 0 { (yes, yes_at, steps[1]) } else { (no, no_at, steps[2]) };
                match step {
                    0 => target.fill(taken[from]),
                    _ => target.copy_from_slice(&taken[from..from + len]),
                }
                continue;
            }
            let pairs = target.iter_mut().zip(&condition[at..at + len]);
            match [steps[1], steps[2]] {
                [0, 0] => {
                    let (yes, no) = (yes[yes_at], no[no_at]);
                    pairs.for_each(|(y, &holds)| *y = if holds != 0 { yes } else { no });
                }
                [0, _] => {
                    let yes = yes[yes_at];
                    pairs
                        .zip(&no[no_at..no_at + len])
                        .for_each(|((y, &holds), &no)| *y = if holds != 0 { yes } else { no });
                }
                [_, 0] => {
                    let no = no[no_at];
                    pairs
                        .zip(&yes[yes_at..yes_at + len])
                        .for_each(|((y, &holds), &yes)| *y = if holds != 0 { yes } else { no });
                }
                _ => {
                    let sides = yes[yes_at..yes_at + len].iter().zip(&no[no_at..no_at + len]);
                    pairs
                        .zip(sides)
                        .for_each(|((y, &holds), (&yes, &no))| *y = if holds != 0 { yes } else { no });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::broadcast::reference::place;
    use crate::testing::{assert_threads_change_nothing, normal, poison};

    fn truth(shape: &[usize], values: &[u8]) -> Tensor {
        Tensor::from_le_bytes(shape, DType::Bool, values).unwrap()
    }

    #[test]
    fn each_side_is_taken_where_the_condition_says() {
        let (yes, no) =
            (Tensor::from_slice(&[2], &[1i64, 2]).unwrap(), Tensor::from_slice(&[2, 1], &[3i64, 4]).unwrap());
        let y = select(&truth(&[2, 2], &[1, 0, 0, 1]), &yes, &no).unwrap();
        assert_eq!((y.shape(), y.to_vec::<i64>().unwrap()), (&[2, 2][..], vec![1, 3, 4, 2]));
        let y = select(&truth(&[], &[0]), &yes, &no).unwrap();
        assert_eq!(y.to_vec::<i64>().unwrap(), [3, 3, 4, 4]);
    }

    #[test]
    fn the_gradient_of_a_side_is_zero_where_the_other_was_taken() {
        let condition = truth(&[3], &[1, 0, 1]);
        let grad = Tensor::from_slice(&[3], &[1.0f32, f32::NAN, 3.0]).unwrap();
        let back = |side, shape: &[usize]| select_backward(&condition, &grad, side, shape).unwrap();
        assert_eq!(back(Side::Yes, &[3]).to_vec::<f32>().unwrap(), [1.0, 0.0, 3.0]);
        assert_eq!(back(Side::Yes, &[]).item().unwrap(), 4.0);
        assert!(back(Side::No, &[1]).item().unwrap().is_nan());
    }

    #[test]
    fn misfits_are_errors() {
        let x = |len, dtype| Tensor::zeros(&[len], dtype).unwrap();
        let condition = truth(&[2], &[1, 0]);
        assert!(matches!(
            select(&x(2, DType::U8), &x(2, DType::U8), &x(2, DType::U8)),
            Err(Error::DType { .. })
        ));
        assert!(matches!(select(&condition, &x(2, DType::F32), &x(2, DType::F64)), Err(Error::DType { .. })));
        assert!(matches!(select(&condition, &x(3, DType::F32), &x(1, DType::F32)), Err(Error::Shape { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        let (a, b) = (normal(&[300, 400], 1, DType::F32).unwrap(), normal(&[400], 2, DType::F32).unwrap());
        let condition = crate::ops::compare::lt(&a, &b).unwrap();
        // The smaller of both, chosen.
        let smaller = crate::ops::binary::minimum(a.clone(), &b).unwrap();
        assert!(crate::testing::same_bits(&select(&condition, &a, &b).unwrap(), &smaller));
        assert_threads_change_nothing("select", || vec![select(&condition, &a, &b).unwrap()]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn each_element_is_the_one_that_the_condition_says(
            (dims, a_dims, b_dims) in crate::ops::broadcast::tests::shapes(),
            ones in any::<[bool; 5]>(), which in 0usize..10, seed in any::<u64>(),
        ) {
            let dtype = DType::ALL[which];
            let c_dims: Vec<usize> = dims.iter().zip(ones).map(|(&dim, one)| if one { 1 } else { dim }).collect();
            let some = |dims: &[usize], seed| normal(dims, seed, DType::F32).unwrap().to_dtype(dtype).unwrap();
            let (a, b) = (some(&a_dims, seed), some(&b_dims, !seed));
            let zero = Tensor::scalar(0.0f32).unwrap();
            let condition = crate::ops::compare::lt(&normal(&c_dims, seed ^ 1, DType::F32).unwrap(), &zero).unwrap();
            poison(&dims, dtype).unwrap();
            let y = select(&condition, &a, &b).unwrap();
            // The condition may have axes that neither side has.
            prop_assert_eq!(y.dtype(), dtype);
            let shape = y.shape().to_vec();
            let [a, b, y, c] = [&a, &b, &y, &condition].map(|x| x.to_f64_vec().unwrap());
            for (at, value) in y.into_iter().enumerate() {
                let expected = match c[place(at, &shape, &c_dims)] != 0.0 {
                    true => a[place(at, &shape, &a_dims)],
                    false => b[place(at, &shape, &b_dims)],
                };
                prop_assert_eq!(value, expected);
            }
        }
    }
}
