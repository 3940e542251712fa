//! The two register kernels that all matrix work runs on: dense layers and every convolution but the depthwise.
//!
//! [`rows`] multiplies rows by a packed panel of columns: a register tile holds `ROWS` outputs by two vectors, each
//! step broadcasts one number of each row and multiplies it by two vectors of the panel. Where a row begins is
//! looked up in a table, once per segment of contiguous numbers, so that an image needs no patch matrix: the
//! segments of an output pixel are the pixels under its window, and a segment in the padding reads zeros.
//! It computes forward passes and gradients of inputs.
//!
//! [`outer`] accumulates outer products: a register tile holds a block of the weights, and pixels stream past it.
//! It computes gradients of weights.
//!
//! Both are safe to call: tables are checked when they are built, slices when a block starts.
//! The accumulation order of each output number is fixed by the sizes of its own sum, never by tiling.

pub(crate) mod outer;
mod pack;
pub(crate) mod rows;

pub(crate) use pack::{PackedColumns, pack};

use crate::simd::{Isa, Kernel, Level};

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
