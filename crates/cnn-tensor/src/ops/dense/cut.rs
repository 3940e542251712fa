//! How a product is computed and how it is cut into pieces of work: functions of its sizes and the register tile.

use super::product::{Product, Right};
use crate::gemm::Tile;

/// Longest part of the depth that is summed at once: two panels of it, and a tile's rows, stay in the nearest caches.
/// Chosen by the dense cases 1024 cubed and 64 x 128 x 9216 of the kernel bench.
const DEPTH: usize = 384;

/// A part of the depth is a multiple of this, so that all vector paths begin at its start.
const DEPTH_UNIT: usize = 16;

/// Most columns of a packed block whose depth is [`DEPTH`], so that it stays in the second-level cache. Chosen by the
/// case 2048 cubed.
const COLUMNS: usize = 512;

/// Most rows of a piece, so that large products have pieces for all threads. Chosen by the case 2048 cubed.
const ROWS: usize = 512;

/// Fewest rows for which packing the right-hand matrix pays. Chosen by the cases 64 x 128 x 9216 and 256 cubed.
const PACKED_ROWS: usize = 128;

/// Fewest rows for which it pays where columns lie a multiple of [`CONFLICT`] apart.
const PACKED_ROWS_IN_CONFLICT: usize = 32;

/// Fewest columns for which copying rows of the left-hand matrix, or packing the right-hand one, pays.
const WIDE_COLUMNS: usize = 64;

/// Rows that lie a multiple of this many numbers apart fall into so few sets of the nearest cache that the rows of a
/// tile displace each other.
const CONFLICT: usize = 512;

/// The same for the columns of a transposed left-hand matrix, all of which a tile reads, where the tile has few rows and
/// so needs each line sooner. Chosen by the gradient of the weight at 256 cubed on AVX2.
const CONFLICT_OF_COLUMNS: usize = 128;

/// Fewest rows of a tile that is spared that.
const MANY_TILE_ROWS: usize = 12;

/// Most rows for which dot products are faster than transposing the right-hand matrix. Chosen by the gradients of
/// the input at batch 1, 4 and 8.
const DOT_ROWS: usize = 4;

/// Numbers of the right-hand matrix from which on one row is multiplied by it in the order of its memory; where the
/// second-level cache holds it, tiles are faster. Chosen by the cases 1 x 1000 x 2048 and the dense layers of LeNet.
const VECTOR_NUMBERS: usize = 1 << 18;

/// Least depth for which copying rows of the left-hand matrix pays.
const COPIED_DEPTH: usize = 8;

/// Products in a piece that is worth a thread's attention.
const PIECE: usize = 1 << 20;

/// Pieces of a small product, each worth a thread's attention.
const FEW_PIECES: usize = 4;

/// Products in a piece of a large product: large pieces pack less, many share evenly between threads.
const LARGE_PIECE: usize = 1 << 26;

/// Most pieces that a product is cut into for the sake of threads.
const MANY_PIECES: usize = 16;

/// Numbers that are read in a piece that is worth a thread's attention, where reading is the work.
const PIECE_NUMBERS: usize = 1 << 17;

/// Products that take as long as writing a number of the output.
const WRITING: usize = PIECE / PIECE_NUMBERS;

/// Most numbers of an output that is summed in parts of the depth by several threads.
const PARTS_OUTPUT: usize = 1 << 15;

/// How a product is computed. All but `Dots` add the products of each sum in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// One row, the right-hand matrix in the order of its memory.
    Vector,
    /// Few rows, one dot product for each number of the output.
    Dots,
    /// Register tiles.
    Tiles {
        /// Whether the right-hand matrix is packed.
        packed: bool,
        /// Whether rows of the left-hand matrix are copied to where they do not displace each other.
        copied: bool,
    },
}

/// The sizes of the pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Rows of the output.
    pub(super) rows: usize,
    /// Columns of the output.
    pub(super) columns: usize,
    /// Whether each part of the depth is a piece.
    pub(super) by_depth: bool,
}

/// Numbers in each part of a depth but the last. A function of the depth alone, since it fixes the order of the sum.
pub(super) fn part_of(depth: usize) -> usize {
    depth.div_ceil(depth.div_ceil(DEPTH).max(1)).next_multiple_of(DEPTH_UNIT)
}

impl Product<'_> {
    pub(super) fn choose(&self, tile: Tile) -> Algorithm {
        let wide = self.columns >= WIDE_COLUMNS;
        let left_pitch = if self.left.step == 1 { self.left.row } else { self.left.step };
        let few = self.left.step != 1 && tile.rows < MANY_TILE_ROWS;
        let conflict = if few { CONFLICT_OF_COLUMNS } else { CONFLICT };
        let copied = wide
            && self.rows > DEPTH_UNIT
            && self.depth >= COPIED_DEPTH
            && left_pitch.is_multiple_of(conflict);
        match self.right {
            // The matrix is larger than the second-level cache: memory sets the pace.
            Right::Plain(_)
                if self.rows == 1 && self.left.step == 1 && self.depth * self.columns >= VECTOR_NUMBERS =>
            {
                Algorithm::Vector
            }
            // Transposing would cost as much as the product.
            Right::Transposed(_) if self.rows <= DOT_ROWS && self.left.step == 1 => Algorithm::Dots,
            Right::Transposed(_) => Algorithm::Tiles { packed: true, copied },
            Right::Plain(_) => {
                let enough =
                    if self.columns.is_multiple_of(CONFLICT) { PACKED_ROWS_IN_CONFLICT } else { PACKED_ROWS };
                Algorithm::Tiles { packed: wide && self.rows >= enough, copied }
            }
        }
    }

    /// What register tiles have to do, in products.
    pub(super) fn work(&self) -> usize {
        self.rows.saturating_mul(self.columns).saturating_mul(self.depth.saturating_add(WRITING))
    }

    pub(super) fn cut(&self, algorithm: Algorithm, tile: Tile, parts: usize) -> Cut {
        let Self { rows, columns, depth, .. } = *self;
        let even = |size: usize, pieces: usize, unit: usize| size.div_ceil(pieces).next_multiple_of(unit);
        let whole = Cut { rows, columns, by_depth: false };
        let work = self.work();
        let wanted = match algorithm {
            Algorithm::Tiles { .. } => {
                (work / PIECE).min(FEW_PIECES).max((work / LARGE_PIECE).min(MANY_PIECES))
            }
            Algorithm::Vector | Algorithm::Dots => (depth * columns / PIECE_NUMBERS).min(MANY_PIECES),
        };
        // The kernel of one row computes one part.
        let by_depth = algorithm == Algorithm::Vector && parts > 1;
        if wanted <= 1 || by_depth {
            return Cut { by_depth, ..whole };
        }
        match algorithm {
            Algorithm::Vector | Algorithm::Dots => {
                return Cut { columns: even(columns, wanted, tile.columns), ..whole };
            }
            Algorithm::Tiles { .. } => {}
        }
        let mut row_blocks = rows.div_ceil(ROWS);
        let mut column_blocks = columns.div_ceil(COLUMNS.max(COLUMNS * DEPTH / depth));
        if row_blocks * column_blocks < wanted && parts > 1 && rows * columns <= PARTS_OUTPUT {
            return Cut { by_depth: true, ..whole };
        }
        // The longer side is halved until there are enough pieces, or they get too small.
        while row_blocks * column_blocks < wanted {
            let block_rows = rows / row_blocks;
            if columns / column_blocks >= block_rows.max(2 * tile.columns) {
                column_blocks *= 2;
            } else if block_rows >= 4 * tile.rows {
                row_blocks *= 2;
            } else {
                break;
            }
        }
        Cut {
            rows: even(rows, row_blocks, tile.rows),
            columns: even(columns, column_blocks, tile.columns),
            by_depth: false,
        }
    }
}
