//! The register kernels that all matrix work runs on: dense layers, and every convolution but the depthwise and the
//! grouped ones with few channels.
//!
//! [`patches`] multiplies what output pixels see by a packed panel of columns: a register tile holds up to `ROWS`
//! outputs by two vectors, each step broadcasts one number of each row and multiplies it by two vectors of the panel.
//! Forward convolution and the gradient of its input run on it.
//!
//! [`product`] is the same tile for rows at a constant distance, of a matrix or its transpose: all three products of
//! dense layers. Where so few rows are multiplied that reading the other matrix is the work, [`vector`] reads it in
//! the order of its memory, and [`dots`] a transposed one.
//!
//! [`outer`] accumulates outer products: a register tile holds a block of the weights, and pixels stream past it.
//! It computes gradients of convolution weights.
//!
//! All are safe to call: slices are checked when a block starts, and the loops check nothing.
//! The accumulation order of each output number is fixed by the sizes of its own sum, never by tiling.

#[expect(clippy::needless_range_loop, reason = "arrays of registers are indexed by constants")]
pub(crate) mod dots;
pub(crate) mod outer;
mod pack;
#[expect(clippy::needless_range_loop, reason = "arrays of registers are indexed by constants")]
pub(crate) mod patches;
#[expect(clippy::needless_range_loop, reason = "arrays of registers are indexed by constants")]
pub(crate) mod product;
pub(crate) mod target;
pub(crate) mod vector;

pub(crate) use pack::{CopyLines, PackPanels};

use crate::simd::{Isa, Kernel, Level};

/// What a sum starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What the output holds: the sum over an earlier part of the depth.
    Output,
}

/// The register tile of an instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Rows.
    pub(crate) rows: usize,
    /// Columns: two vectors.
    pub(crate) columns: usize,
}

impl Tile {
    /// The tile that `level` multiplies with.
    pub(crate) fn of(level: Level) -> Self {
        struct Ask;
        impl Kernel for Ask {
            type Output = Tile;

            #[inline(always)]
            fn run<I: Isa>(self, _: I) -> Tile {
                Tile { rows: I::ROWS, columns: 2 * I::LANES }
            }
        }
        level.run(Ask)
    }
}
