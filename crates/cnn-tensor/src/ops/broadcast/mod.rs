//! Operands of several shapes as if they had one: NumPy's rules of broadcasting.
//!
//! Shapes are aligned at their last axes; along each axis the sizes are equal, or one of them is 1 (or missing), whose
//! values then serve for the whole axis. `walk` says where the operands of a place of the output are, `zip` is the loop
//! over two of them. [`to`] makes the copies that broadcasting otherwise saves, [`sum_to`] is its gradient.

#[cfg(test)]
pub(crate) mod reference;
#[cfg(test)]
pub(crate) mod tests;
#[expect(clippy::needless_range_loop, reason = "the operands of several arrays are counted by one number")]
pub(crate) mod walk;
pub(crate) mod zip;

use crate::dtype::by_size;
use crate::ops::in_place::PIECE;
use crate::ops::reduce::{self, Keep};
use crate::parallel::for_each;
use crate::{Error, Result, Shape, Tensor};
use walk::Walk;

/// The shape that two shapes have in common.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::ops::broadcast;
/// assert_eq!(broadcast::shape("add", &[8, 1, 3], &[5, 1])?, [8, 5, 3]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where sizes differ and neither is 1; [`Error::TooLarge`].
pub fn shape(op: &'static str, left: &[usize], right: &[usize]) -> Result<Shape> {
    let rank = left.len().max(right.len());
    let mut dims = vec![0; rank];
    for (axis, dim) in dims.iter_mut().enumerate() {
        *dim = match (aligned(left, rank, axis), aligned(right, rank, axis)) {
            (1, size) | (size, 1) => size,
            (a, b) if a == b => a,
            (a, b) => {
                let problem = format!(
                    "left {left:?} and right {right:?} do not broadcast: axis {axis} of {rank} has {a} and {b}, \
                     expected equal sizes or 1"
                );
                return Err(Error::shape(op, problem));
            }
        };
    }
    Shape::new(&dims)
}

/// The tensor repeated along the axes in which `shape` is larger (PyTorch's `broadcast_to`, with its own memory).
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::broadcast};
/// let x = Tensor::from_slice(&[2, 1], &[1i64, 2])?;
/// assert_eq!(broadcast::to(&x, &[2, 3])?.to_vec::<i64>()?, [1, 1, 1, 2, 2, 2]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// Each axis of `x`, counted from the last, has the size of that of `shape`, or 1.
///
/// # Errors
/// [`Error::Shape`] where one has another; [`Error::TooLarge`].
pub fn to(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    expect_fits("broadcast_to", x.shape(), shape)?;
    if x.shape() == shape {
        return Ok(x.clone());
    }
    let mut output = Tensor::stale(shape, x.dtype())?;
    let walk = Walk::new(shape, [x.shape()]);
    let bytes = output.bytes();
    by_size!(x.dtype(), W => {
        let x = x.words::<W>()?;
        let pieces = output.words_mut::<W>()?.chunks_mut(PIECE).enumerate();
        for_each(pieces, bytes, |(piece, output)| {
            let start = piece * PIECE;
            for (run, [at]) in walk.runs(start..start + output.len()) {
                let target = &mut output[run.start - start..run.end - start];
                match walk.step(0) {
                    0 => target.fill(x[at]),
                    _ => target.copy_from_slice(&x[at..at + target.len()]),
                }
            }
        })?;
    });
    Ok(output)
}

/// The tensor repeated so often along each axis (NumPy's `tile`, PyTorch's `repeat`); more counts than axes add leading
/// axes.
///
/// # Errors
/// [`Error::Shape`] with fewer counts than axes; [`Error::TooLarge`].
pub fn repeat(x: &Tensor, counts: &[usize]) -> Result<Tensor> {
    let Some(missing) = counts.len().checked_sub(x.rank()) else {
        let problem = format!("counts {counts:?} for shape {:?}, expected one for each axis", x.shape());
        return Err(Error::shape("repeat", problem));
    };
    let mut dims = [&vec![1; missing], x.shape()].concat();
    let too_large = || Error::shape("repeat", format!("shape {:?} by {counts:?} overflows", x.shape()));
    // What the whole will be is checked before its parts are made.
    let whole: Option<Vec<usize>> =
        dims.iter().zip(counts).map(|(&dim, &count)| dim.checked_mul(count)).collect();
    let whole = Shape::new(&whole.ok_or_else(too_large)?)?;
    if whole.contains(&0) {
        return Tensor::stale(&whole, x.dtype());
    }
    let mut result = x.clone();
    for axis in (0..dims.len()).rev().filter(|&axis| counts[axis] != 1) {
        let (outer, inner) = (dims[..axis].iter().product(), dims[axis..].iter().product());
        result = to(&result.reshape(&[outer, 1, inner])?, &[outer, counts[axis], inner])?;
        dims[axis] *= counts[axis];
    }
    result.reshape(&whole)
}

/// The sum over all copies that broadcasting from `shape` made: the gradient of a broadcast operand.
///
/// # Shapes
/// `x` is what `shape` broadcasts to.
///
/// # Errors
/// [`Error::Shape`] where `shape` does not broadcast to that of `x`; [`Error::DType`] unless `F32` or `F64`.
pub fn sum_to(x: Tensor, shape: &[usize]) -> Result<Tensor> {
    expect_fits("sum_to", shape, x.shape())?;
    if x.shape() == shape {
        return Ok(x);
    }
    let rank = x.rank();
    let summed = |&axis: &usize| x.shape()[axis] != aligned(shape, rank, axis) || axis + shape.len() < rank;
    let axes: Vec<usize> = (0..rank).filter(summed).collect();
    reduce::sum_over(&x, &axes, Keep::Dropped)?.reshape(shape)
}

/// Refuses a shape that does not broadcast to `shape`.
///
/// # Errors
/// [`Error::Shape`].
pub fn expect_fits(op: &'static str, from: &[usize], shape: &[usize]) -> Result<()> {
    let rank = shape.len();
    let fits = from.len() <= rank
        && (0..rank).all(|axis| {
            let size = aligned(from, rank, axis);
            size == shape[axis] || size == 1
        });
    if fits {
        return Ok(());
    }
    Err(Error::shape(op, format!("shape {from:?} does not broadcast to {shape:?}")))
}

/// Size along an axis of `rank`, where the last axes are aligned; 1 where there is none.
fn aligned(dims: &[usize], rank: usize, axis: usize) -> usize {
    (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
}
