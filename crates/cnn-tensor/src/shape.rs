//! Shapes: up to eight dimensions, held inline, with every size checked once at construction.

use std::fmt;
use std::ops::Deref;

use crate::{Error, Result};

/// Most dimensions that a tensor may have.
pub const MAX_RANK: usize = 8;

/// Dimensions of a tensor, outermost first. Reads as a slice of `usize`.
///
/// The product of the dimensions, times the largest element size, is known to fit in `isize`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of a scalar: no dimensions, one element.
    pub const SCALAR: Shape = Shape { dims: [0; MAX_RANK], rank: 0 };

    /// A shape of these dimensions.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with more than [`MAX_RANK`] dimensions, or where the number of bytes overflows.
    pub fn new(dims: &[usize]) -> Result<Self> {
        let too_large = |reason| Error::TooLarge { shape: format!("{dims:?}"), reason };
        if dims.len() > MAX_RANK {
            return Err(too_large("a tensor has at most 8 dimensions"));
        }
        // Zero-sized dimensions do not excuse an overflow among the others: narrowing relies on it.
        let mut size = 8usize;
        for &dim in dims {
            size = size
                .checked_mul(dim.max(1))
                .filter(|&s| s <= isize::MAX as usize / 2)
                .ok_or_else(|| too_large("its size in bytes overflows"))?;
        }
        let mut shape = Self::SCALAR;
        shape.dims[..dims.len()].copy_from_slice(dims);
        shape.rank = dims.len() as u8;
        Ok(shape)
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// Number of elements: the product of the dimensions, 1 for a scalar.
    #[expect(clippy::len_without_is_empty, reason = "a shape is not a collection of elements")]
    pub fn len(&self) -> usize {
        self.iter().product()
    }

    /// The dimensions as a slice.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank()]
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        self.dims()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        self.dims() == other
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.dims() == other
    }
}
