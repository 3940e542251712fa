//! Accumulation of outer products. See the chapter in [`super`].

use crate::simd::{Isa, Kernel, choose};

/// Pixels that follow each other at a constant pitch in both inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Offset of the first pixel on the side of the rows.
    pub(crate) input: usize,
    /// Offset of the first pixel on the side of the columns.
    pub(crate) grad: usize,
    /// Pixels.
    pub(crate) pixels: usize,
}

/// Pixels that a caller should put into one block: each block is summed on its own and then added to the target, so
/// that the sum over a whole batch stays exact to the last digits.
pub(crate) const BLOCK_PIXELS: usize = 512;

/// Pixels before its use that a pixel is asked for.
const AHEAD: usize = 16;

/// Whether sums replace what the target holds or are added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// They replace it.
    Fresh,
    /// They are added.
    Continue,
}

/// `target[r][k] (+)= sum over pixels p of input[p + rows[r]] * grad[p + k]`.
pub(crate) struct OuterBlock<'a> {
    /// Source of the rows.
    pub(crate) input: &'a [f32],
    /// Distance between the pixels of a run in `input`.
    pub(crate) input_pitch: usize,
    /// Offset of each row from its pixel.
    pub(crate) rows: &'a [usize],
    /// Source of the columns, beginning at the first column.
    pub(crate) grad: &'a [f32],
    /// Distance between the pixels of a run in `grad`.
    pub(crate) grad_pitch: usize,
    /// Number of columns.
    pub(crate) columns: usize,
    /// The pixels.
    pub(crate) runs: &'a [Run],
    /// Where the sums go: one row of `target_pitch` numbers for each of `rows`, beginning at the first column.
    pub(crate) target: &'a mut [f32],
    /// Distance between the rows of the target.
    pub(crate) target_pitch: usize,
    /// What becomes of what the target holds.
    pub(crate) begin: Begin,
}

impl Kernel for OuterBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        self.check();
        let width = 2 * I::LANES;
        // Rows in blocks of nearly equal size: 9 rows are 5 and 4, not 8 and 1.
        let blocks = self.rows.len().div_ceil(I::OUTER_ROWS);
        for block in 0..blocks {
            let first = block * self.rows.len() / blocks;
            let rows = (block + 1) * self.rows.len() / blocks - first;
            for column in (0..self.columns).step_by(width) {
                let columns = (self.columns - column).min(width);
                if columns > I::LANES {
                    // SAFETY: `check` has shown that all rows, columns and runs are inside their slices.
                    unsafe { sized::<I, 2>(isa, &mut self, first, rows, column, columns) };
                } else {
                    // SAFETY: as above; the columns fit one vector.
                    unsafe { sized::<I, 1>(isa, &mut self, first, rows, column, columns) };
                }
            }
        }
    }
}

impl OuterBlock<'_> {
    fn check(&self) {
        let last_row = self.rows.iter().copied().max().unwrap_or(0);
        for run in self.runs {
            assert!(run.pixels > 0, "a run has pixels");
            let end = |start: usize, pitch: usize, more: usize| {
                (run.pixels - 1).checked_mul(pitch)?.checked_add(start)?.checked_add(more)
            };
            let (input, grad) =
                (end(run.input, self.input_pitch, last_row), end(run.grad, self.grad_pitch, self.columns));
            assert!(input.is_some_and(|last| last < self.input.len()));
            assert!(grad.is_some_and(|end| end <= self.grad.len()));
        }
        let rows = self.rows.len();
        assert!(rows == 0 || (rows - 1) * self.target_pitch + self.columns <= self.target.len());
    }
}

/// Chooses the compiled number of rows.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn sized<I: Isa, const V: usize>(
    isa: I,
    block: &mut OuterBlock<'_>,
    first: usize,
    rows: usize,
    column: usize,
    columns: usize,
) {
    choose!(up to 8, rows, I::OUTER_ROWS, M, {
        // SAFETY: passed on from the caller.
        unsafe { accumulate::<I, M, V>(isa, block, first, column, columns) }
    });
}

/// One register tile: rows `first .. first + M`, `columns <= V * LANES` columns from `column` on.
///
/// # Safety
/// [`OuterBlock::check`] has passed, and these rows and columns are among the block's.
#[inline(always)]
unsafe fn accumulate<I: Isa, const M: usize, const V: usize>(
    isa: I,
    block: &mut OuterBlock<'_>,
    first: usize,
    column: usize,
    columns: usize,
) {
    let lanes = |vector: usize| (columns - vector * I::LANES).min(I::LANES);
    let last_lanes = lanes(V - 1);
    let mut sums = [[isa.splat(0.0); V]; M];
    let rows: &[usize; M] = block.rows[first..first + M].try_into().unwrap_or_else(|_| unreachable!());
    // Where pixels are far apart, the processor does not see what comes.
    let ahead = block.grad_pitch * AHEAD;
    for run in block.runs {
        let input = block.input.as_ptr().wrapping_add(run.input);
        let starts = rows.map(|row| input.wrapping_add(row));
        let mut grad = block.grad.as_ptr().wrapping_add(run.grad + column);
        let mut step = 0;
        for _ in 0..run.pixels {
            let mut values = [isa.splat(0.0); V];
            for (vector, value) in values.iter_mut().enumerate() {
                let source = grad.wrapping_add(vector * I::LANES);
                *value = if vector + 1 == V && last_lanes < I::LANES {
                    // SAFETY: `check` has shown that the pixel's columns lie inside `grad`.
                    unsafe { isa.load_partial_at(source, last_lanes) }
                } else {
                    // SAFETY: as above; all lanes of this vector are columns of the block.
                    unsafe { isa.load_at(source) }
                };
            }
            for vector in 0..V {
                isa.prefetch(grad.wrapping_add(ahead + vector * I::LANES));
            }
            grad = grad.wrapping_add(block.grad_pitch);
            for row in 0..M {
                // SAFETY: `check` has shown that every row of every pixel lies inside `input`.
                let factor = isa.splat(unsafe { *starts[row].wrapping_add(step) });
                for vector in 0..V {
                    sums[row][vector] = isa.fma(factor, values[vector], sums[row][vector]);
                }
            }
            step += block.input_pitch;
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let target = &mut block.target[(first + row) * block.target_pitch + column..];
        for (vector, &sum) in sums.iter().enumerate() {
            let target = &mut target[vector * I::LANES..][..lanes(vector)];
            let sum = match block.begin {
                Begin::Fresh => sum,
                Begin::Continue => isa.add(isa.load_partial(target), sum),
            };
            isa.store_partial(sum, target);
        }
    }
}
