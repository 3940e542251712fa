//! Elements in another order along their own axes: reversed, or moved around the end.

use super::check;
use super::reduce::{Keep, reduced_shape};
use super::segments::{Segment, assemble};
use crate::dtype::by_size;
use crate::parallel::for_each;
use crate::{Result, Tensor};

/// Words that one thread copies at a time, about.
const PIECE: usize = 1 << 15;

/// The tensor with the order along the given axes reversed; its own gradient.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::flip::flip};
/// let x = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(flip(&x, &[1])?.to_vec::<f32>()?, [2.0, 1.0, 4.0, 3.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where an axis is out of range or named twice.
pub fn flip(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let dims = x.shape();
    reduced_shape("flip", dims, axes, Keep::Axes)?;
    let Some(last) = axes.iter().copied().filter(|&axis| dims[axis] > 1).max() else { return Ok(x.clone()) };
    // Elements along the last axis that is reversed, of `inner` words each, are a row.
    let (inner, len) = (dims[last + 1..].iter().product::<usize>(), dims[last]);
    let row = len * inner;
    let source = |mut index: usize| {
        let (mut at, mut size) = (0, 1);
        for axis in (0..last).rev() {
            let place = index % dims[axis];
            index /= dims[axis];
            at += size * if axes.contains(&axis) { dims[axis] - 1 - place } else { place };
            size *= dims[axis];
        }
        at * row
    };
    let mut output = Tensor::stale(dims, x.dtype())?;
    if output.is_empty() {
        return Ok(output);
    }
    let rows = (PIECE / row).max(1);
    let bytes = 2 * x.bytes();
    by_size!(x.dtype(), W => {
        let x = x.words::<W>()?;
        for_each(output.words_mut::<W>()?.chunks_mut(rows * row).enumerate(), bytes, |(piece, target)| {
            for (index, target) in target.chunks_exact_mut(row).enumerate() {
                let from = &x[source(piece * rows + index)..][..row];
                match inner {
                    1 => target.iter_mut().zip(from.iter().rev()).for_each(|(y, &x)| *y = x),
                    _ => {
                        let elements = from.chunks_exact(inner).rev();
                        target.chunks_exact_mut(inner).zip(elements).for_each(|(y, x)| y.copy_from_slice(x));
                    }
                }
            }
        })?;
    });
    Ok(output)
}

/// The tensor moved along an axis by `shift` elements towards its end; those that pass it come in at the start. The
/// gradient is the same, moved back.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where there is no such axis.
pub fn roll(x: &Tensor, shift: i64, axis: usize) -> Result<Tensor> {
    check::axis("roll", x.shape(), axis)?;
    let len = x.shape()[axis];
    let shift = shift.checked_rem_euclid(len as i64).unwrap_or(0) as usize;
    if shift == 0 {
        return Ok(x.clone());
    }
    let segments = [Segment::of(x, axis, len - shift, shift), Segment::of(x, axis, 0, len - shift)];
    assemble(x.shape(), x.dtype(), &segments)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_threads_change_nothing, normal, poison, same_bits};
    use crate::{DType, Error};

    fn count(shape: &[usize]) -> Tensor {
        let values: Vec<i32> = (0..shape.iter().product::<usize>() as i32).collect();
        Tensor::from_slice(shape, &values).unwrap()
    }

    #[test]
    fn rows_columns_or_both_are_reversed() {
        let x = count(&[2, 3]);
        let values = |axes: &[usize]| flip(&x, axes).unwrap().to_vec::<i32>().unwrap();
        assert_eq!(values(&[0]), [3, 4, 5, 0, 1, 2]);
        assert_eq!(values(&[1]), [2, 1, 0, 5, 4, 3]);
        assert_eq!(values(&[1, 0]), [5, 4, 3, 2, 1, 0]);
        assert_eq!(values(&[]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(flip(&count(&[0, 3]), &[1]).unwrap().shape(), [0, 3]);
    }

    #[test]
    fn what_passes_the_end_comes_in_at_the_start() {
        let x = count(&[2, 3]);
        let values = |shift, axis| roll(&x, shift, axis).unwrap().to_vec::<i32>().unwrap();
        assert_eq!(values(1, 1), [2, 0, 1, 5, 3, 4]);
        assert_eq!(values(-1, 1), [1, 2, 0, 4, 5, 3]);
        assert_eq!(values(3, 0), [3, 4, 5, 0, 1, 2]);
        assert_eq!(values(i64::MIN, 0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(roll(&count(&[0]), 5, 0).unwrap().shape(), [0]);
    }

    #[test]
    fn wrong_axes_are_errors() {
        let x = count(&[2, 3]);
        for axes in [&[2][..], &[0, 0]] {
            assert!(matches!(flip(&x, axes), Err(Error::Shape { .. })), "{axes:?}");
        }
        assert!(matches!(roll(&x, 1, 2), Err(Error::Shape { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        let x = normal(&[300, 70, 11], 1, DType::F32).unwrap();
        assert!(same_bits(&flip(&flip(&x, &[0, 2]).unwrap(), &[0, 2]).unwrap(), &x));
        assert!(same_bits(&roll(&roll(&x, 30, 1).unwrap(), 40, 1).unwrap(), &x));
        for axes in [&[1][..], &[0, 2]] {
            assert_threads_change_nothing("flip", || vec![flip(&x, axes).unwrap()]);
        }
        assert_threads_change_nothing("roll", || vec![roll(&x, 30, 1).unwrap()]);
    }

    proptest! {
        #[test]
        fn each_element_comes_from_its_mirror_image(
            dims in prop::collection::vec(1usize..5, 1..5), chosen in any::<[bool; 5]>(), which in 0usize..10,
            shift in -7i64..7,
        ) {
            let axes: Vec<usize> = (0..dims.len()).filter(|&axis| chosen[axis]).collect();
            let x = count(&dims).to_dtype(DType::ALL[which]).unwrap();
            poison(&dims, x.dtype()).unwrap();
            let values = x.to_f64_vec().unwrap();
            let (flipped, rolled) = (flip(&x, &axes).unwrap(), roll(&x, shift, dims.len() - 1).unwrap());
            let (flipped_values, rolled_values) = (flipped.to_f64_vec().unwrap(), rolled.to_f64_vec().unwrap());
            for at in 0..values.len() {
                let (mut rest, mut mirror, mut size) = (at, 0, 1);
                for axis in (0..dims.len()).rev() {
                    let place = rest % dims[axis];
                    rest /= dims[axis];
                    mirror += size * if chosen[axis] { dims[axis] - 1 - place } else { place };
                    size *= dims[axis];
                }
                prop_assert_eq!(flipped_values[at], values[mirror]);
                let len = dims[dims.len() - 1];
                let moved = (at % len) as i64 + shift;
                let moved = at / len * len + moved.rem_euclid(len as i64) as usize;
                prop_assert_eq!(rolled_values[moved], values[at]);
            }
            prop_assert!(same_bits(&flip(&flipped, &axes).unwrap(), &x));
        }
    }
}
