//! The loops for `f32` over an axis that is not the last: many columns side by side.
//!
//! A first pass makes two numbers for each column (its maximum and its sum, say), a second one writes the output row by
//! row from them. Both are cut into contiguous pieces, so that the threads share one block of few long columns
//! too; for that the exponentials are computed twice.

use super::rows::EXP;
use super::{Columns, Scale};
use crate::Result;
use crate::math::ln;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, exp};

/// Columns that are folded at a time.
const STRIP: usize = 64;

/// Rows whose sum is taken in single precision.
const BLOCK: usize = 64;

/// Numbers in a piece, about.
const PIECE: usize = 1 << 13;

pub(super) fn forward(scale: Scale, x: Source<'_, f32>, output: &mut [f32], columns: Columns) -> Result<()> {
    let folds = match x {
        Source::InPlace => Folds::new(scale, Read::Input(output), columns)?,
        Source::Other(x) => Folds::new(scale, Read::Input(x), columns)?,
    };
    let level = simd::active()?;
    let (inner, piece) = (columns.inner, columns.piece());
    for_each(output.chunks_mut(piece).enumerate(), EXP * folds.numbers, |(index, rows)| {
        x.bring(index * piece, rows);
        level.run(Forward { scale, rows, first: index * piece / inner, folds: &folds, columns });
    })
}

pub(super) fn backward(
    scale: Scale,
    output: &[f32],
    grad: Source<'_, f32>,
    result: &mut [f32],
    columns: Columns,
) -> Result<()> {
    let folds = match grad {
        Source::InPlace => Folds::new(scale, Read::Gradient { grad: result, output }, columns)?,
        Source::Other(grad) => Folds::new(scale, Read::Gradient { grad, output }, columns)?,
    };
    let level = simd::active()?;
    let (inner, piece) = (columns.inner, columns.piece());
    let pieces = result.chunks_mut(piece).zip(output.chunks(piece)).enumerate();
    for_each(pieces, EXP * folds.numbers, |(index, (rows, output))| {
        grad.bring(index * piece, rows);
        level.run(Backward { scale, rows, output, first: index * piece / inner, folds: &folds, columns });
    })
}

impl Columns {
    /// Numbers in a piece of the second pass: whole rows.
    fn piece(self) -> usize {
        self.inner * (PIECE / self.inner).max(1)
    }

    /// Most columns in a piece of the first pass, where a block has more.
    fn wide_piece(self) -> usize {
        STRIP * (PIECE / self.len / STRIP).max(1)
    }
}

/// What the first pass reads.
#[derive(Clone, Copy)]
enum Read<'a> {
    Input(&'a [f32]),
    Gradient { grad: &'a [f32], output: &'a [f32] },
}

/// What the second pass reads of each column.
struct Folds {
    /// The maximum, forward; nothing, backward.
    shifts: Vec<f32>,
    /// Forward the reciprocal of the sum of the exponentials, or the sum's logarithm; backward the sum of the gradients, or of their products
    /// with the output.
    sums: Vec<f32>,
    /// Numbers of the tensor.
    numbers: usize,
}

impl Folds {
    fn new(scale: Scale, read: Read<'_>, columns: Columns) -> Result<Self> {
        let level = simd::active()?;
        let numbers = match read {
            Read::Input(x) => x.len(),
            Read::Gradient { grad, .. } => grad.len(),
        };
        let count = numbers / columns.len;
        let (mut shifts, mut sums) = (vec![0.0; count], vec![0.0; count]);
        // Pieces are some whole blocks, or parts of one.
        let blocks = (PIECE / columns.block()).max(1);
        let outer = columns.inner * blocks;
        let inner = if blocks > 1 { outer } else { columns.wide_piece() };
        let mut pieces = Vec::with_capacity(count.div_ceil(outer) * outer.div_ceil(inner));
        for (index, (shifts, sums)) in shifts.chunks_mut(outer).zip(sums.chunks_mut(outer)).enumerate() {
            let parts = shifts.chunks_mut(inner).zip(sums.chunks_mut(inner)).enumerate();
            pieces.extend(parts.map(|(part, folds)| (index * outer + part * inner, folds)));
        }
        for_each(pieces.into_iter(), EXP * numbers, |(first, (shifts, sums))| {
            level.run(Fold { scale, read, columns, first, shifts, sums });
        })?;
        Ok(Self { shifts, sums, numbers })
    }

    /// The numbers of the columns that a row crosses.
    #[inline(always)]
    fn of_row(&self, row: usize, columns: Columns) -> (&[f32], &[f32]) {
        let first = row / columns.len * columns.inner;
        (&self.shifts[first..first + columns.inner], &self.sums[first..first + columns.inner])
    }
}

/// The first pass over some columns.
struct Fold<'a> {
    scale: Scale,
    read: Read<'a>,
    columns: Columns,
    /// Number of the first column.
    first: usize,
    shifts: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { scale, read, columns, first, shifts, sums } = self;
        let Columns { len, inner } = columns;
        let mut done = 0;
        while done < sums.len() {
            let (block, column) = ((first + done) / inner, (first + done) % inner);
            let width = STRIP.min(inner - column).min(sums.len() - done);
            let start = block * columns.block() + column;
            let (shifts, sums) = (&mut shifts[done..done + width], &mut sums[done..done + width]);
            let strip = Strip { start, len, inner };
            match (read, scale) {
                (Read::Input(x), _) => {
                    shifts.fill(f32::NEG_INFINITY);
                    for row in 0..len {
                        for (most, &x) in shifts.iter_mut().zip(strip.row(x, row)) {
                            *most = if x > *most { x } else { *most };
                        }
                    }
                    strip.sum(isa, sums, &Exponentials { x, most: shifts });
                    match scale {
                        Scale::Probability => sums.iter_mut().for_each(|sum| *sum = 1.0 / *sum),
                        Scale::Logarithm => sums.iter_mut().for_each(|sum| *sum = ln(*sum)),
                    }
                }
                (Read::Gradient { grad, output }, Scale::Probability) => {
                    strip.sum(isa, sums, &Products { grad, output });
                }
                (Read::Gradient { grad, .. }, Scale::Logarithm) => strip.sum(isa, sums, &Numbers { grad }),
            }
            done += width;
        }
    }
}

/// Up to [`STRIP`] neighbouring columns of a block.
#[derive(Clone, Copy)]
struct Strip {
    start: usize,
    len: usize,
    inner: usize,
}

impl Strip {
    /// The numbers of a row from the first column of the strip on.
    #[inline(always)]
    fn row(self, x: &[f32], row: usize) -> &[f32] {
        &x[self.start + row * self.inner..]
    }

    /// Sums of the terms down the columns.
    #[inline(always)]
    fn sum<I: Isa>(self, isa: I, sums: &mut [f32], terms: &impl Terms) {
        let mut totals = [0.0f64; STRIP];
        for block in (0..self.len).step_by(BLOCK) {
            sums.fill(0.0);
            for row in block..self.len.min(block + BLOCK) {
                terms.add(isa, self, row, sums);
            }
            totals.iter_mut().zip(&*sums).for_each(|(total, &sum)| *total += f64::from(sum));
        }
        sums.iter_mut().zip(&totals).for_each(|(sum, &total)| *sum = total as f32);
    }
}

/// What is summed down the columns. A trait, since a closure as large as `exp` might be compiled without the instruction
/// set.
trait Terms {
    /// Adds the terms of a row to the sums of its columns.
    fn add<I: Isa>(&self, isa: I, strip: Strip, row: usize, sums: &mut [f32]);
}

/// `e^(x - most)`.
struct Exponentials<'a> {
    x: &'a [f32],
    most: &'a [f32],
}

impl Terms for Exponentials<'_> {
    #[inline(always)]
    fn add<I: Isa>(&self, isa: I, strip: Strip, row: usize, sums: &mut [f32]) {
        let x = &strip.row(self.x, row)[..sums.len()];
        let parts = sums.chunks_mut(I::LANES).zip(x.chunks(I::LANES)).zip(self.most.chunks(I::LANES));
        for ((sums, x), most) in parts {
            let shifted = isa.sub(isa.load_partial(x), isa.load_partial(most));
            isa.store_partial(isa.add(isa.load_partial(sums), exp(isa, shifted)), sums);
        }
    }
}

/// `grad * output`.
struct Products<'a> {
    grad: &'a [f32],
    output: &'a [f32],
}

impl Terms for Products<'_> {
    #[inline(always)]
    fn add<I: Isa>(&self, _isa: I, strip: Strip, row: usize, sums: &mut [f32]) {
        let products = strip.row(self.grad, row).iter().zip(strip.row(self.output, row));
        for (sum, (&grad, &output)) in sums.iter_mut().zip(products) {
            *sum += grad * output;
        }
    }
}

/// `grad`.
struct Numbers<'a> {
    grad: &'a [f32],
}

impl Terms for Numbers<'_> {
    #[inline(always)]
    fn add<I: Isa>(&self, _isa: I, strip: Strip, row: usize, sums: &mut [f32]) {
        for (sum, &grad) in sums.iter_mut().zip(strip.row(self.grad, row)) {
            *sum += grad;
        }
    }
}

/// The second pass over some rows.
struct Forward<'a> {
    scale: Scale,
    rows: &'a mut [f32],
    /// Number of the first row.
    first: usize,
    folds: &'a Folds,
    columns: Columns,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for (index, row) in self.rows.chunks_exact_mut(self.columns.inner).enumerate() {
            let (shifts, sums) = self.folds.of_row(self.first + index, self.columns);
            match self.scale {
                Scale::Probability => {
                    let parts =
                        row.chunks_mut(I::LANES).zip(shifts.chunks(I::LANES)).zip(sums.chunks(I::LANES));
                    for ((x, most), factor) in parts {
                        let value = exp(isa, isa.sub(isa.load_partial(x), isa.load_partial(most)));
                        isa.store_partial(isa.mul(value, isa.load_partial(factor)), x);
                    }
                }
                Scale::Logarithm => {
                    for ((x, &most), &log_sum) in row.iter_mut().zip(shifts).zip(sums) {
                        *x = (*x - most) - log_sum;
                    }
                }
            }
        }
    }
}

/// The second pass over some rows of the gradient.
struct Backward<'a> {
    scale: Scale,
    rows: &'a mut [f32],
    output: &'a [f32],
    /// Number of the first row.
    first: usize,
    folds: &'a Folds,
    columns: Columns,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let inner = self.columns.inner;
        let rows = self.rows.chunks_exact_mut(inner).zip(self.output.chunks_exact(inner));
        for (index, (row, output)) in rows.enumerate() {
            let (_, sums) = self.folds.of_row(self.first + index, self.columns);
            match self.scale {
                Scale::Probability => {
                    for ((grad, &output), &sum) in row.iter_mut().zip(output).zip(sums) {
                        *grad = output * (*grad - sum);
                    }
                }
                Scale::Logarithm => {
                    let parts =
                        row.chunks_mut(I::LANES).zip(output.chunks(I::LANES)).zip(sums.chunks(I::LANES));
                    for ((grad, output), sum) in parts {
                        let taken = isa.mul(exp(isa, isa.load_partial(output)), isa.load_partial(sum));
                        isa.store_partial(isa.sub(isa.load_partial(grad), taken), grad);
                    }
                }
            }
        }
    }
}
