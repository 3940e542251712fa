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

/// Repeats a body for each of the first `$rows` rows, at most fourteen, with the row as a constant.
macro_rules! each_row {
    ($rows:expr, $row:ident, $body:block) => {
        each_row!(@ $rows, $row, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $rows:expr, $row:ident, $body:block, $($index:literal)+) => {
        $(if $index < $rows {
            const $row: usize = $index;
            $body
        })+
    };
}

pub(crate) mod dots;
pub(crate) mod outer;
pub(crate) mod patches;
mod pack;
pub(crate) mod product;
pub(crate) mod rows;

pub(crate) mod target;
pub(crate) mod vector;

pub(crate) use pack::{CopyLines, PackPanels, PackedColumns, pack};

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
