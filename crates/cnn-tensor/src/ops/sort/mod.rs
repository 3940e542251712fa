//! Elements in order along an axis, and where they were.
//!
//! Not differentiable: an order is made of whole numbers; take the values with `gather`, whose gradient is known.
//!
//! Sorting is stable: equal elements stay in the order in which they came, both ways. NaN is above every number, as in
//! PyTorch, and so comes last in ascending order and first in descending. -0 equals 0.
//!
//! Rows that are not contiguous are transposed first, so that there is one loop. A row is sorted as whole numbers that
//! have the order of its elements, each beside its place: comparisons of integers, without cases for NaN.

#[cfg(test)]
mod tests;

use crate::dtype::by_dtype;
use crate::ops::{check, reshape};
use crate::parallel::for_each;
use crate::{DType, Element, Error, Result, Tensor};

/// Elements that one thread sorts at a time, about.
const PIECE: usize = 1 << 12;

/// From the smallest or from the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// Elements in order, and where along the axis each was.
#[derive(Debug, Clone)]
pub struct Sorted {
    /// The elements.
    pub values: Tensor,
    /// Their places, `I64`.
    pub indices: Tensor,
}

/// The elements along an axis in order.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::sort::{sort, Order}};
/// let sorted = sort(&Tensor::from_slice(&[3], &[2.0f32, 3.0, 1.0])?, 0, Order::Descending)?;
/// assert_eq!(sorted.values.to_vec::<f32>()?, [3.0, 2.0, 1.0]);
/// assert_eq!(sorted.indices.to_vec::<i64>()?, [1, 0, 2]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where there is no such axis; [`Error::TooLarge`] where it has more than 2^32 elements.
pub fn sort(x: &Tensor, axis: usize, order: Order) -> Result<Sorted> {
    check::axis("sort", x.shape(), axis)?;
    first(x, x.shape()[axis], axis, order)
}

/// The places of the elements along an axis in order.
///
/// # Errors
/// As [`sort`].
pub fn arg_sort(x: &Tensor, axis: usize, order: Order) -> Result<Tensor> {
    Ok(sort(x, axis, order)?.indices)
}

/// The `count` largest ([`Order::Descending`]) or smallest ([`Order::Ascending`]) elements along an axis, in order; of
/// equal ones, those that come first.
///
/// # Shapes
/// The axis has `count` elements in the result.
///
/// # Errors
/// As [`sort`]; [`Error::Argument`] where the axis has fewer.
pub fn top_k(x: &Tensor, count: usize, axis: usize, order: Order) -> Result<Sorted> {
    check::axis("top_k", x.shape(), axis)?;
    if count > x.shape()[axis] {
        let met = format!("{count} of {} along axis {axis}", x.shape()[axis]);
        return Err(Error::argument("top_k", "count", met, "at most as many as there are"));
    }
    first(x, count, axis, order)
}

/// The first `count` elements along an axis, in order.
fn first(x: &Tensor, count: usize, axis: usize, order: Order) -> Result<Sorted> {
    // The axis is moved to the end and back.
    let mut axes: Vec<usize> = (0..x.rank()).filter(|&at| at != axis).collect();
    axes.push(axis);
    let mut back: Vec<usize> = (0..x.rank() - 1).collect();
    back.insert(axis, x.rank() - 1);
    let x = reshape::permute(x, &axes)?;
    let mut dims = x.shape().to_vec();
    let len = std::mem::replace(&mut dims[axes.len() - 1], count);
    if u32::try_from(len).is_err() {
        return Err(Error::TooLarge {
            shape: format!("{:?}", x.shape()),
            reason: "rows to sort have at most 2^32",
        });
    }
    let mut values = Tensor::stale(&dims, x.dtype())?;
    let mut indices = Tensor::stale(&dims, DType::I64)?;
    if !values.is_empty() {
        by_dtype!(x.dtype(), E => {
            rows(x.as_slice::<E>()?, len, count, order, values.as_mut_slice()?, indices.as_mut_slice()?)?;
        });
    }
    Ok(Sorted { values: reshape::permute(&values, &back)?, indices: reshape::permute(&indices, &back)? })
}

/// Elements that have an order.
trait Ordered: Element {
    /// A whole number that is above another where the element is; equal where they are.
    fn rank(self) -> u64;
}

/// The order of the bits of a float as whole numbers, NaN of either sign above all.
macro_rules! ordered_float {
    ($type:ty, $bits:ty) => {
        impl Ordered for $type {
            #[inline(always)]
            fn rank(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                if self.is_nan() {
                    return u64::MAX;
                }
                let bits = self.to_bits();
                // Both zeros are the zero above all negative numbers, whose order is that of their complements.
                u64::from(if bits & SIGN == 0 { bits | SIGN } else { (!bits).wrapping_add(1) })
            }
        }
    };
}

macro_rules! ordered_integer {
    ($($type:ty)+) => {
        $(impl Ordered for $type {
            #[inline(always)]
            fn rank(self) -> u64 {
                (i64::from(self) as u64) ^ (1 << 63)
            }
        })+
    };
}

ordered_float!(f32, u32);
ordered_float!(f64, u64);
ordered_float!(half::f16, u16);
ordered_float!(half::bf16, u16);
ordered_integer!(u8 i8 u16 i32 i64);

fn rows<E: Ordered>(
    x: &[E],
    len: usize,
    count: usize,
    order: Order,
    values: &mut [E],
    indices: &mut [i64],
) -> Result<()> {
    let rows = (PIECE / len).max(1);
    // Sorting takes some steps for each element and each doubling of the row.
    let cost = x.len().saturating_mul(len.ilog2() as usize + 1);
    let pieces =
        x.chunks(rows * len).zip(values.chunks_mut(rows * count).zip(indices.chunks_mut(rows * count)));
    for_each(pieces, cost, |(x, (values, indices))| {
        let mut keys: Vec<(u64, u32)> = Vec::with_capacity(len);
        let outputs = values.chunks_exact_mut(count).zip(indices.chunks_exact_mut(count));
        for (x, (values, indices)) in x.chunks_exact(len).zip(outputs) {
            keys.clear();
            keys.extend(x.iter().zip(0..).map(|(&x, at)| match order {
                Order::Ascending => (x.rank(), at),
                Order::Descending => (!x.rank(), at),
            }));
            // Keys differ at least in their place, which makes any sort a stable one.
            if count < len && count > 0 {
                keys.select_nth_unstable(count - 1);
            }
            keys[..count].sort_unstable();
            for ((value, index), &(_, at)) in values.iter_mut().zip(indices).zip(&keys) {
                (*value, *index) = (x[at as usize], i64::from(at));
            }
        }
    })
}
