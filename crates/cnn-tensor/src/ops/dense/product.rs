//! The product of two matrices that lie in memory row by row, either of them transposed.
//!
//! The depth is summed in parts of nearly equal length, each on its own, and the parts are added in order. So a
//! number of the output depends on its row, its column and the depth alone, whatever pieces the product is cut into.

use std::ops::Range;

use super::cut::{Algorithm, Cut, part_of};
use super::piece::{Piece, Worker};
use crate::gemm::Tile;
use crate::gemm::product::Left;
use crate::gemm::target::Target;
use crate::ops::activation::Activation;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Result, Tensor, parallel};

/// Products that take as long as one of the operations in which [`parallel::for_each`] counts.
const PRODUCTS_IN_OPERATION: usize = 16;

/// Numbers of the output whose parts are added by one thread at a time.
const ADDED: usize = 1024;

/// The right-hand matrix.
#[derive(Clone, Copy)]
pub(super) enum Right<'a> {
    /// `depth` rows of `columns` numbers.
    Plain(&'a [f32]),
    /// Its transpose: `columns` rows of `depth` numbers.
    Transposed(&'a [f32]),
}

/// `act(bias + left right)`.
pub(super) struct Product<'a> {
    pub(super) left: Left<'a>,
    pub(super) right: Right<'a>,
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

impl Product<'_> {
    /// Fills the output, `rows` rows of `columns` numbers.
    ///
    /// # Errors
    /// [`OutOfMemory`](crate::Error::OutOfMemory), and what the environment asks for in vain.
    pub(super) fn run(&self, target: &mut [f32]) -> Result<()> {
        if target.is_empty() || self.depth == 0 {
            // No gradient reaches the weights from an empty batch.
            target.fill(0.0);
            return Ok(());
        }
        let level = simd::active()?;
        let tile = Tile::of(level);
        let part = part_of(self.depth);
        let parts = self.depth.div_ceil(part);
        let algorithm = self.choose(tile);
        let cut = self.cut(algorithm, tile, parts);
        let worker = Worker { product: self, level, tile, part, algorithm, cut };
        if cut.by_depth {
            return self.run_by_depth(&worker, parts, target);
        }
        let whole = Target::new(target, self.rows, self.columns);
        if cut.rows >= self.rows && cut.columns >= self.columns {
            let mut scratch = Tensor::stale(&[worker.scratch_len()], DType::F32)?;
            let piece = Piece { row: 0, column: 0, parts: 0..parts, output: whole };
            worker.run(piece, scratch.as_mut_slice()?);
            return Ok(());
        }
        let mut pieces =
            Vec::with_capacity(self.rows.div_ceil(cut.rows) * self.columns.div_ceil(cut.columns));
        pieces_of(whole, cut, 0..parts, &mut pieces);
        self.share(&worker, pieces)
    }

    /// Each part of the depth is summed into a matrix of its own, the first into the output.
    fn run_by_depth(&self, worker: &Worker<'_>, parts: usize, target: &mut [f32]) -> Result<()> {
        let len = target.len();
        let mut sums = Tensor::stale(&[parts - 1, len], DType::F32)?;
        let others = sums.as_mut_slice::<f32>()?.chunks_exact_mut(len);
        let pieces = std::iter::once(&mut *target).chain(others).enumerate().map(|(part, numbers)| Piece {
            row: 0,
            column: 0,
            parts: part..part + 1,
            output: Target::new(numbers, self.rows, self.columns),
        });
        self.share(worker, pieces.collect())?;
        let sums = sums.as_slice()?;
        let chunks = target.chunks_mut(ADDED).enumerate();
        parallel::for_each(chunks, len * parts, |(index, target)| {
            let first = index * ADDED;
            worker.level.run(AddParts {
                target,
                sums: &sums[first..],
                pitch: len,
                activation: self.activation,
            });
        })
    }

    /// Hands the pieces out. Each thread that takes one borrows memory to pack into.
    fn share(&self, worker: &Worker<'_>, pieces: Vec<Piece<'_>>) -> Result<()> {
        let work = match worker.algorithm {
            Algorithm::Tiles { .. } => {
                self.rows.saturating_mul(self.depth).saturating_mul(self.columns) / PRODUCTS_IN_OPERATION
            }
            // Reading the right-hand matrix is the work.
            Algorithm::Vector | Algorithm::Dots => self.depth * self.columns,
        };
        let pieces = pieces.into_iter();
        parallel::for_each_with_memory(pieces, work, worker.scratch_len(), |piece, scratch| {
            worker.run(piece, scratch);
        })
    }
}

/// Cuts the output along rows and columns.
fn pieces_of<'t>(output: Target<'t>, cut: Cut, parts: Range<usize>, pieces: &mut Vec<Piece<'t>>) {
    let (rows, columns) = (output.rows(), output.columns());
    let mut below = output;
    for row in (0..rows).step_by(cut.rows) {
        let (mut right, after) = below.split_rows(cut.rows.min(rows - row));
        below = after;
        for column in (0..columns).step_by(cut.columns) {
            let (output, after) = right.split_columns(cut.columns.min(columns - column));
            right = after;
            pieces.push(Piece { row, column, parts: parts.clone(), output });
        }
    }
}

/// `target = act(target + sums)`, the sums one after the other.
struct AddParts<'a> {
    target: &'a mut [f32],
    /// One part's sums for the target.
    sums: &'a [f32],
    /// Distance to the next part's.
    pitch: usize,
    activation: Activation,
}

impl Kernel for AddParts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for (index, target) in self.target.chunks_mut(I::LANES).enumerate() {
            let mut sum = isa.load_partial(target);
            for first in (index * I::LANES..self.sums.len()).step_by(self.pitch) {
                sum = isa.add(sum, isa.load_partial(&self.sums[first..][..target.len()]));
            }
            isa.store_partial(self.activation.vector(isa, sum), target);
        }
    }
}
