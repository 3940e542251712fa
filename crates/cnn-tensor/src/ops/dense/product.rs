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

/// Products of numbers that one thread takes at a time, where matrices are small.
const SOME: usize = 1 << 16;

/// Numbers of the output whose parts are added by one thread at a time.
const ADDED: usize = 1024;

/// The right-hand matrix.
#[derive(Clone, Copy)]
pub(in crate::ops) enum Right<'a> {
    /// `depth` rows of `columns` numbers.
    Plain(&'a [f32]),
    /// Its transpose: `columns` rows of `depth` numbers.
    Transposed(&'a [f32]),
}

/// `act(bias + left right)`.
pub(in crate::ops) struct Product<'a> {
    pub(in crate::ops) left: Left<'a>,
    pub(in crate::ops) right: Right<'a>,
    pub(in crate::ops) rows: usize,
    pub(in crate::ops) depth: usize,
    pub(in crate::ops) columns: usize,
    pub(in crate::ops) bias: Option<&'a [f32]>,
    pub(in crate::ops) activation: Activation,
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
            Algorithm::Tiles { .. } => self.work() / PRODUCTS_IN_OPERATION,
            // Reading the right-hand matrix is the work.
            Algorithm::Vector | Algorithm::Dots => self.depth * self.columns,
        };
        let pieces = pieces.into_iter();
        parallel::for_each_with_memory(pieces, work, worker.scratch_len(), |piece, scratch| {
            worker.run(piece, scratch);
        })
    }
}

/// Computes `count` products of one size, each into its part of the target: all of their pieces are handed out together.
/// `products` gives those of a range; small ones are not all there at one time.
///
/// # Errors
/// As [`Product::run`].
pub(in crate::ops) fn run_all<'a, P>(
    count: usize,
    products: impl Fn(Range<usize>) -> P + Sync,
    target: &mut [f32],
) -> Result<()>
where
    P: Iterator<Item = Product<'a>>,
{
    let first = products(0..count.min(1)).next();
    let Some(first) = first.filter(|first| first.depth > 0 && !target.is_empty()) else {
        target.fill(0.0);
        return Ok(());
    };
    let level = simd::active()?;
    let tile = Tile::of(level);
    let (algorithm, len) = (first.choose(tile), first.rows * first.columns);
    if count == 1 || algorithm == Algorithm::Vector {
        let mut each = products(0..count).zip(target.chunks_exact_mut(len));
        return each.try_for_each(|(product, target)| product.run(target));
    }
    let part = part_of(first.depth);
    let parts = first.depth.div_ceil(part);
    let cut = match first.cut(algorithm, tile, parts) {
        // Other products keep the threads busy.
        Cut { by_depth: true, .. } => Cut { rows: first.rows, columns: first.columns, by_depth: false },
        cut => cut,
    };
    let work = len.saturating_mul(first.depth).saturating_mul(count) / PRODUCTS_IN_OPERATION;
    let scratch = Worker { product: &first, level, tile, part, algorithm, cut }.scratch_len();
    if cut.rows >= first.rows && cut.columns >= first.columns {
        // Some products, where they are small, and no lists of their pieces.
        let some = (SOME / len.saturating_mul(first.depth)).max(1);
        let items = target.chunks_mut(some * len).enumerate();
        return parallel::for_each_with_memory(items, work, scratch, |(item, target), scratch| {
            let start = item * some;
            let products = products(start..count.min(start + some));
            for (product, numbers) in products.zip(target.chunks_exact_mut(len)) {
                let output = Target::new(numbers, first.rows, first.columns);
                let worker = Worker { product: &product, level, tile, part, algorithm, cut };
                worker.run(Piece { row: 0, column: 0, parts: 0..parts, output }, scratch);
            }
        });
    }
    let products: Vec<_> = products(0..count).collect();
    let workers = products.iter().map(|product| Worker { product, level, tile, part, algorithm, cut });
    let workers: Vec<_> = workers.collect();
    let (mut pieces, mut owners) = (Vec::new(), Vec::new());
    for (worker, numbers) in workers.iter().zip(target.chunks_exact_mut(len)) {
        pieces_of(Target::new(numbers, first.rows, first.columns), cut, 0..parts, &mut pieces);
        owners.resize(pieces.len(), worker);
    }
    let pieces = owners.into_iter().zip(pieces);
    parallel::for_each_with_memory(pieces, work, scratch, |(worker, piece), scratch| {
        worker.run(piece, scratch);
    })
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
