//! One piece of a product: a window of the output, all parts of the depth or one.

use std::ops::Range;

use super::cut::{Algorithm, Cut};
use super::product::{Product, Right};
use crate::gemm::dots::Dots;
use crate::gemm::product::{After, Left, RightPanels, TileProduct};
use crate::gemm::target::Target;
use crate::gemm::vector::VectorProduct;
use crate::gemm::{CopyLines, PackPanels, Start, Tile};
use crate::ops::activation::Activation;
use crate::simd::{LINE, Level};

/// Rows of a transposed left-hand matrix that are copied at a time: whole lines of cache, and whole tiles of the widest
/// instruction set. Chosen by the gradient of the weight at 1024 cubed in the kernel bench.
const COPIED_ROWS: usize = 112;

/// A window of the output.
pub(super) struct Piece<'a> {
    /// Its first row.
    pub(super) row: usize,
    /// Its first column.
    pub(super) column: usize,
    /// The parts of the depth that are summed.
    pub(super) parts: Range<usize>,
    pub(super) output: Target<'a>,
}

/// What all pieces of a product share.
pub(super) struct Worker<'a> {
    pub(super) product: &'a Product<'a>,
    pub(super) level: Level,
    pub(super) tile: Tile,
    /// Numbers in each part of the depth but the last.
    pub(super) part: usize,
    pub(super) algorithm: Algorithm,
    pub(super) cut: Cut,
}

/// One part of the depth of a piece.
struct Part<'a> {
    left: Left<'a>,
    /// The right-hand matrix from the piece's first column and the part's first row on.
    right: Right<'a>,
    depth: usize,
    start: Start<'a>,
    activation: Activation,
}

impl Worker<'_> {
    /// Numbers that [`Worker::run`] needs to pack into.
    pub(super) fn scratch_len(&self) -> usize {
        let depth = self.part.min(self.product.depth);
        let columns = self.cut.columns.min(self.product.columns).next_multiple_of(self.tile.columns);
        match self.algorithm {
            Algorithm::Vector | Algorithm::Dots => 0,
            Algorithm::Tiles { packed, copied } => {
                let left = if copied { self.copied_rows() * (depth + LINE) } else { 0 };
                (if packed { depth * columns } else { 0 }) + left
            }
        }
    }

    /// Rows of the left-hand matrix that are copied at a time: a tile, where rows are contiguous.
    fn copied_rows(&self) -> usize {
        if self.product.left.step == 1 { self.tile.rows } else { COPIED_ROWS }
    }

    /// Computes a piece; the scratch is [`Worker::scratch_len`] numbers long.
    pub(super) fn run(&self, piece: Piece<'_>, scratch: &mut [f32]) {
        let Piece { row, column, parts, mut output } = piece;
        let product = self.product;
        if let (Algorithm::Dots, Right::Transposed(right)) = (self.algorithm, product.right) {
            let right = &right[column * product.depth..];
            return self.level.run(Dots { left: product.left, depth: product.depth, right, output });
        }
        for part in parts.clone() {
            let first = part * self.part;
            let depth = (product.depth - first).min(self.part);
            // A piece that holds only a part leaves the activation to who adds the parts.
            let complete = parts.start == 0 && first + depth == product.depth;
            let part = Part {
                left: product.left.from(row, first),
                right: match product.right {
                    Right::Plain(data) => Right::Plain(&data[first * product.columns + column..]),
                    Right::Transposed(data) => Right::Transposed(&data[column * product.depth + first..]),
                },
                depth,
                start: match product.bias {
                    Some(bias) if part == 0 => Start::Bias(&bias[column..]),
                    _ if part == parts.start => Start::Zero,
                    _ => Start::Output,
                },
                activation: if complete { product.activation } else { Activation::Identity },
            };
            match (self.algorithm, part.right) {
                (Algorithm::Tiles { packed, copied }, _) => {
                    self.tiles(&part, packed, copied, output.reborrow(), scratch);
                }
                (_, Right::Plain(right)) => self.vector(&part, right, output.row(0)),
                // The algorithms are chosen so that this does not occur.
                _ => unreachable!("one row times a transposed matrix is dot products"),
            }
        }
    }

    fn vector(&self, part: &Part<'_>, right: &[f32], output: &mut [f32]) {
        self.level.run(VectorProduct {
            left: &part.left.data[..part.depth],
            right,
            pitch: self.product.columns,
            start: part.start,
            activation: part.activation,
            output,
        });
    }

    fn tiles(&self, part: &Part<'_>, packed: bool, copied: bool, output: Target<'_>, scratch: &mut [f32]) {
        let (rows, columns, depth) = (output.rows(), output.columns(), part.depth);
        let width = self.tile.columns;
        let packed_len = if packed { columns.next_multiple_of(width) * depth } else { 0 };
        let (panels, copy) = scratch.split_at_mut(packed_len);
        let right = match part.right {
            Right::Plain(data) if !packed => {
                RightPanels { data, panel_step: width, pitch: self.product.columns, after: After::Nothing }
            }
            right => {
                self.pack(right, depth, columns, panels);
                RightPanels { data: panels, panel_step: depth * width, pitch: width, after: After::Filling }
            }
        };
        let Part { start, activation, .. } = *part;
        if !copied {
            return self.level.run(TileProduct { left: part.left, depth, right, start, activation, output });
        }
        let blocks = rows.div_ceil(self.copied_rows());
        let mut below = output;
        for block in 0..blocks {
            let first = block * rows / blocks;
            let count = (block + 1) * rows / blocks - first;
            let (output, after) = below.split_rows(count);
            below = after;
            let left = self.copy(part.left.from(first, 0), count, depth, copy);
            self.level.run(TileProduct { left, depth, right, start, activation, output });
        }
    }

    fn pack(&self, right: Right<'_>, depth: usize, columns: usize, target: &mut [f32]) {
        match right {
            Right::Plain(source) => {
                let at = |row| row * self.product.columns;
                self.level.run(PackPanels { source, at, step: 1, depth, columns, target });
            }
            Right::Transposed(source) => {
                let step = self.product.depth;
                self.level.run(PackPanels { source, at: |row| row, step, depth, columns, target });
            }
        }
    }

    /// Copies some rows of the left-hand matrix.
    fn copy<'s>(&self, source: Left<'_>, rows: usize, depth: usize, scratch: &'s mut [f32]) -> Left<'s> {
        let block = self.copied_rows();
        let target = &mut *scratch;
        match source.step {
            1 => {
                // A line longer than the depth, so that rows fall into different sets of the cache.
                let (distance, next, pitch) = (source.row, block * source.row, depth + LINE);
                let source = source.data;
                self.level.run(CopyLines { source, distance, lines: rows, len: depth, next, target, pitch });
                Left { data: scratch, row: pitch, step: 1 }
            }
            distance => {
                let source = source.data;
                let copy = CopyLines {
                    source,
                    distance,
                    lines: depth,
                    len: rows,
                    next: block,
                    target,
                    pitch: block,
                };
                self.level.run(copy);
                Left { data: scratch, row: 1, step: block }
            }
        }
    }
}
