//! Parts of a tensor along any axis.
//!
//! A range of the leading axis shares the buffer ([`Tensor::narrow`]); others are copied.

use std::ops::Range;

use super::check;
use super::segments::{Segment, assemble};
use crate::{Error, Result, Shape, Spec, Tensor};

/// Most parts that [`chunk_sizes`] lists: an axis of an empty tensor can be longer than any list.
const MOST_PARTS: usize = 1 << 24;

/// Shape and type of [`narrow`].
///
/// # Errors
/// As [`narrow`].
pub fn infer(x: Spec, axis: usize, range: &Range<usize>) -> Result<Spec> {
    check::axis("narrow", &x.shape, axis)?;
    if range.start > range.end || range.end > x.shape[axis] {
        let problem = format!("range {range:?} is outside axis {axis} of {}", x.shape);
        return Err(Error::shape("narrow", problem));
    }
    let mut dims = x.shape.to_vec();
    dims[axis] = range.len();
    Ok(Spec::new(Shape::new(&dims)?, x.dtype))
}

/// A range of an axis.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::narrow::narrow};
/// let x = Tensor::from_slice(&[2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(narrow(&x, 1, 1..3)?.to_vec::<f32>()?, [2.0, 3.0, 5.0, 6.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where there is no such axis or the range is outside of it.
pub fn narrow(x: &Tensor, axis: usize, range: Range<usize>) -> Result<Tensor> {
    let output = infer(x.spec(), axis, &range)?;
    if range.len() == x.shape()[axis] {
        return Ok(x.clone());
    }
    if axis == 0 {
        return x.narrow(range);
    }
    assemble(&output.shape, x.dtype(), &[Segment::of(x, axis, range.start, range.len())])
}

/// The gradient of [`narrow`]: that of the range, and zeros around it.
///
/// # Shapes
/// `grad` is what [`narrow`] makes of `shape`.
///
/// # Errors
/// [`Error::Shape`] where it is not, and as [`narrow`].
pub fn narrow_backward(grad: &Tensor, axis: usize, range: Range<usize>, shape: &[usize]) -> Result<Tensor> {
    let input = Spec::new(Shape::new(shape)?, grad.dtype());
    let output = infer(input, axis, &range)?;
    check::exactly(grad, "narrow", output.dtype, &output.shape)?;
    let inner = shape[axis + 1..].iter().product();
    let segments = [
        Segment::zeros(range.start, inner),
        Segment::whole(grad, axis),
        Segment::zeros(shape[axis] - range.end, inner),
    ];
    assemble(shape, grad.dtype(), &segments)
}

/// The tensor cut along an axis into parts of these sizes.
///
/// # Errors
/// [`Error::Shape`] where the sizes do not add up to that of the axis, or there is none.
pub fn split(x: &Tensor, sizes: &[usize], axis: usize) -> Result<Vec<Tensor>> {
    split_ranges(x.shape(), sizes, axis)?.into_iter().map(|range| narrow(x, axis, range)).collect()
}

/// The ranges that [`split`] cuts an axis into.
///
/// # Errors
/// As [`split`].
pub fn split_ranges(dims: &[usize], sizes: &[usize], axis: usize) -> Result<Vec<Range<usize>>> {
    check::axis("split", dims, axis)?;
    let mut end = 0usize;
    let mut ranges = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let start = end;
        end = end.saturating_add(size);
        ranges.push(start..end);
    }
    if end != dims[axis] {
        let problem = format!("sizes {sizes:?} add up to {end}, axis {axis} of {dims:?} has {}", dims[axis]);
        return Err(Error::shape("split", problem));
    }
    Ok(ranges)
}

/// The sizes of `count` parts of an axis, as PyTorch's `chunk` makes them: all but the last of equal size, and fewer of
/// them where that covers the axis. (Of an empty axis there is one part, PyTorch makes `count`.)
///
/// # Errors
/// [`Error::Argument`] where `count` is 0; [`Error::Shape`] where there is no such axis, or there are more parts than
/// memory lists.
pub fn chunk_sizes(dims: &[usize], count: usize, axis: usize) -> Result<Vec<usize>> {
    check::axis("chunk", dims, axis)?;
    if count == 0 {
        return Err(Error::argument("chunk", "count", count, "1 or more"));
    }
    let len = dims[axis];
    let size = len.div_ceil(count).max(1);
    let parts = len.div_ceil(size).max(1);
    if parts > MOST_PARTS {
        let problem = format!("axis {axis} of {dims:?} in {parts} parts, expected at most {MOST_PARTS}");
        return Err(Error::shape("chunk", problem));
    }
    Ok((0..parts).map(|index| size.min(len - index * size)).collect())
}

/// The tensor cut along an axis into `count` parts ([`chunk_sizes`]).
///
/// # Errors
/// As [`chunk_sizes`].
pub fn chunk(x: &Tensor, count: usize, axis: usize) -> Result<Vec<Tensor>> {
    split(x, &chunk_sizes(x.shape(), count, axis)?, axis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DType;
    use crate::ops::concat::concat;
    use crate::testing::{assert_threads_change_nothing, normal, poison, same_bits};

    fn count(shape: &[usize]) -> Tensor {
        let values: Vec<i32> = (0..shape.iter().product::<usize>() as i32).collect();
        Tensor::from_slice(shape, &values).unwrap()
    }

    #[test]
    fn a_range_of_each_axis() {
        let x = count(&[2, 3, 2]);
        let values = |axis, range| narrow(&x, axis, range).unwrap().to_vec::<i32>().unwrap();
        assert_eq!(values(0, 1..2), [6, 7, 8, 9, 10, 11]);
        assert_eq!(values(1, 1..2), [2, 3, 8, 9]);
        assert_eq!(values(2, 1..2), [1, 3, 5, 7, 9, 11]);
        assert_eq!(narrow(&x, 1, 2..2).unwrap().shape(), [2, 0, 2]);
    }

    #[test]
    fn the_gradient_is_zero_around_the_range() {
        let grad = Tensor::from_slice(&[2, 1], &[5.0f32, 6.0]).unwrap();
        let back = narrow_backward(&grad, 1, 1..2, &[2, 3]).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [0.0, 5.0, 0.0, 0.0, 6.0, 0.0]);
        assert!(matches!(narrow_backward(&grad, 1, 0..2, &[2, 3]), Err(Error::Shape { .. })));
    }

    #[test]
    fn parts_are_as_in_pytorch() {
        let sizes = |len, count| chunk_sizes(&[len], count, 0).unwrap();
        assert_eq!(sizes(7, 3), [3, 3, 1]);
        assert_eq!(sizes(6, 4), [2, 2, 2]);
        assert_eq!(sizes(2, 5), [1, 1]);
        assert_eq!(sizes(0, 3), [0]);
        let parts = split(&count(&[2, 3]), &[1, 0, 2], 1).unwrap();
        assert_eq!(parts[1].shape(), [2, 0]);
        assert_eq!(parts[2].to_vec::<i32>().unwrap(), [1, 2, 4, 5]);
        assert_eq!(chunk(&count(&[5]), 2, 0).unwrap()[1].to_vec::<i32>().unwrap(), [3, 4]);
    }

    #[test]
    fn what_is_outside_is_named() {
        let x = count(&[2, 3]);
        let error = narrow(&x, 1, 2..4).unwrap_err().to_string();
        assert_eq!(error, "narrow: range 2..4 is outside axis 1 of [2, 3]");
        assert!(matches!(narrow(&x, 2, 0..1), Err(Error::Shape { .. })));
        #[expect(clippy::reversed_empty_ranges, reason = "the mistake that is tested")]
        let reversed = narrow(&x, 1, 2..1);
        assert!(matches!(reversed, Err(Error::Shape { .. })));
        let error = split(&x, &[1, 1], 1).unwrap_err().to_string();
        assert_eq!(error, "split: sizes [1, 1] add up to 2, axis 1 of [2, 3] has 3");
        assert!(matches!(split(&x, &[usize::MAX, usize::MAX], 1), Err(Error::Shape { .. })));
        assert!(matches!(chunk(&x, 0, 0), Err(Error::Argument { .. })));
        let long = Tensor::zeros(&[1 << 40, 0], DType::F32).unwrap();
        let error = chunk(&long, usize::MAX, 0).unwrap_err().to_string();
        assert!(error.contains("in 1099511627776 parts, expected at most"), "{error}");
    }

    #[test]
    fn threads_change_nothing() {
        let x = normal(&[300, 70, 11], 1, DType::F32).unwrap();
        let part = narrow(&x, 1, 3..40).unwrap();
        assert_threads_change_nothing("narrow", || vec![narrow(&x, 1, 3..40).unwrap()]);
        assert_threads_change_nothing("its gradient", || {
            vec![narrow_backward(&part, 1, 3..40, x.shape()).unwrap()]
        });
    }

    proptest! {
        #[test]
        fn parts_joined_again_are_the_whole(
            dims in prop::collection::vec(0usize..6, 1..5), at in any::<u8>(), first in any::<u8>(), which in 0usize..10,
        ) {
            let axis = usize::from(at) % dims.len();
            let x = count(&dims).to_dtype(DType::ALL[which]).unwrap();
            let first = usize::from(first) % (dims[axis] + 1);
            poison(&dims, x.dtype()).unwrap();
            let parts = split(&x, &[first, dims[axis] - first], axis).unwrap();
            prop_assert!(same_bits(&concat(&parts.iter().collect::<Vec<_>>(), axis).unwrap(), &x));
        }
    }
}
