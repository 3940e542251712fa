//! Rows at a constant distance times panels of columns: the kernel of dense products.
//!
//! A register tile holds `ROWS` outputs by two vectors. Each step broadcasts one number of each row and multiplies it
//! by two vectors of a panel. Neighbouring rows, and neighbouring numbers of a row, may be any distance apart, so that
//! a matrix and its transpose are read where they lie; a panel is a copy ([`super::pack`]) or columns of the
//! right-hand matrix itself.

use super::Start;
use super::target::Target;
use crate::ops::activation::Activation;
use crate::simd::{Isa, Kernel, choose, each};

/// The left-hand matrix: number `(row, k)` is `data[row * self.row + k * self.step]`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    /// The numbers.
    pub(crate) data: &'a [f32],
    /// Distance between rows.
    pub(crate) row: usize,
    /// Distance between the numbers of a row.
    pub(crate) step: usize,
}

impl<'a> Left<'a> {
    /// The matrix without its first rows and the first numbers of each row.
    pub(crate) fn from(self, row: usize, step: usize) -> Self {
        Self { data: &self.data[row * self.row + step * self.step..], ..self }
    }
}

/// The right-hand matrix, in panels of two vectors.
#[derive(Clone, Copy)]
pub(crate) struct RightPanels<'a> {
    /// The numbers.
    pub(crate) data: &'a [f32],
    /// Distance between the first numbers of neighbouring panels.
    pub(crate) panel_step: usize,
    /// Distance between neighbouring rows of a panel.
    pub(crate) pitch: usize,
    /// What follows the last column.
    pub(crate) after: After,
}

/// What follows the last column of the right-hand matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Numbers that fill its last vector and may be read.
    Filling,
    /// Something else.
    Nothing,
}

/// `output = act(start + left right)`.
pub(crate) struct TileProduct<'a> {
    /// Left-hand matrix; as many rows as the output.
    pub(crate) left: Left<'a>,
    /// Numbers in each row of the left-hand matrix, and rows of the right-hand one.
    pub(crate) depth: usize,
    /// Right-hand matrix; as many columns as the output.
    pub(crate) right: RightPanels<'a>,
    /// What the sums start from.
    pub(crate) start: Start<'a>,
    /// Applied before storing.
    pub(crate) activation: Activation,
    /// Where the sums go.
    pub(crate) output: Target<'a>,
}

impl Kernel for TileProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let (rows, columns) = (self.output.rows(), self.output.columns());
        if rows == 0 || columns == 0 {
            return;
        }
        self.check::<I>(rows, columns);
        let width = 2 * I::LANES;
        // Tiles of nearly equal size: 16 rows are 8 and 8, not 14 and 2.
        let tiles = rows.div_ceil(I::ROWS);
        for tile in 0..tiles {
            let first = tile * rows / tiles;
            let rows = (tile + 1) * rows / tiles - first;
            for column in (0..columns).step_by(width) {
                let columns = (columns - column).min(width);
                let place = Place { first, column, columns };
                if columns > I::LANES {
                    // SAFETY: `check` has shown that all rows and columns of the output are inside the matrices, and
                    // these are some of them.
                    unsafe { sized::<I, 2>(isa, &mut self, rows, place) };
                } else {
                    // SAFETY: as above; the columns fit one vector.
                    unsafe { sized::<I, 1>(isa, &mut self, rows, place) };
                }
            }
        }
    }
}

impl TileProduct<'_> {
    fn check<I: Isa>(&self, rows: usize, columns: usize) {
        let Some(last_step) = self.depth.checked_sub(1) else { return };
        let left = || {
            let row = (rows - 1).checked_mul(self.left.row)?;
            row.checked_add(last_step.checked_mul(self.left.step)?)
        };
        assert!(left().is_some_and(|last| last < self.left.data.len()));
        let width = 2 * I::LANES;
        let panel_end = |panel: usize, columns: usize| {
            let start = panel.checked_mul(self.right.panel_step)?;
            start.checked_add(last_step.checked_mul(self.right.pitch)?)?.checked_add(columns)
        };
        let inside = |end: Option<usize>| end.is_some_and(|end| end <= self.right.data.len());
        let last_panel = (columns - 1) / width;
        let in_last = columns - last_panel * width;
        assert!(inside(panel_end(
            last_panel,
            match self.right.after {
                After::Filling => in_last.next_multiple_of(I::LANES),
                After::Nothing => in_last,
            }
        )));
        assert!(last_panel == 0 || inside(panel_end(last_panel - 1, width)));
        if let Start::Bias(bias) = self.start {
            assert!(bias.len() >= columns);
        }
    }
}

/// Where a tile lies in the output: its first row, its first column, how many columns.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    column: usize,
    columns: usize,
}

/// Chooses the compiled number of rows.
///
/// # Safety
/// As [`multiply`], for `rows` rows.
#[inline(always)]
unsafe fn sized<I: Isa, const V: usize>(isa: I, product: &mut TileProduct<'_>, rows: usize, place: Place) {
    choose!(up to 14, rows, I::ROWS, M, {
        // SAFETY: passed on from the caller.
        unsafe { multiply::<I, M, V>(isa, product, place) }
    });
}

/// One register tile: `M` rows by `V` vectors.
///
/// # Safety
/// [`TileProduct::check`] has passed; the `M` rows from `place.first` and the columns at `place` are among the
/// output's, the columns begin a panel, and there are more than `(V - 1) * LANES` and at most `V * LANES` of them.
#[inline(always)]
unsafe fn multiply<I: Isa, const M: usize, const V: usize>(
    isa: I,
    product: &mut TileProduct<'_>,
    place: Place,
) {
    let Place { first, column, columns } = place;
    let panel = column / (2 * I::LANES) * product.right.panel_step;
    let mut right = product.right.data.as_ptr().wrapping_add(panel);
    let last_lanes = columns - (V - 1) * I::LANES;
    let whole = last_lanes == I::LANES || product.right.after == After::Filling;
    let lanes = |vector: usize| if vector + 1 == V { last_lanes } else { I::LANES };
    let left = product.left.data.as_ptr().wrapping_add(first * product.left.row);
    let mut starts = [left; M];
    for (row, start) in starts.iter_mut().enumerate() {
        *start = left.wrapping_add(row * product.left.row);
    }

    let mut sums = [[isa.splat(0.0); V]; M];
    if let Start::Bias(bias) = product.start {
        for vector in 0..V {
            let start = isa.load_partial(&bias[column + vector * I::LANES..][..lanes(vector)]);
            for row in &mut sums {
                row[vector] = start;
            }
        }
    }
    let mut offset = 0;
    for _ in 0..product.depth {
        // Where panels lie in the matrix itself, its rows are too far apart for the processor to foresee the next panel.
        for vector in 0..V {
            isa.prefetch(right.wrapping_add(product.right.panel_step + vector * I::LANES));
        }
        let mut values = [isa.splat(0.0); V];
        for (vector, value) in values.iter_mut().enumerate() {
            let source = right.wrapping_add(vector * I::LANES);
            *value = if vector + 1 < V || whole {
                // SAFETY: `check` has shown that the panel's vectors end inside the data, whole where this says so.
                unsafe { isa.load_at(source) }
            } else {
                // SAFETY: as above; only the lanes that are columns are read.
                unsafe { isa.load_partial_at(source, last_lanes) }
            };
        }
        right = right.wrapping_add(product.right.pitch);
        for row in 0..M {
            // SAFETY: `check` has shown that the last number of the last row lies inside the left-hand matrix.
            let factor = isa.splat(unsafe { *starts[row].wrapping_add(offset) });
            for vector in 0..V {
                sums[row][vector] = isa.fma(factor, values[vector], sums[row][vector]);
            }
        }
        offset += product.left.step;
    }

    each!(up to 14, M, ROW, {
        let target = product.output.row_start(first + ROW).wrapping_add(column);
        for vector in 0..V {
            let target = target.wrapping_add(vector * I::LANES);
            let mut sum = sums[ROW][vector];
            // A later part of the depth is summed on its own and then added: long sums stay exact to the last digits.
            if let Start::Output = product.start {
                // SAFETY: the row's columns belong to the output.
                sum = isa.add(unsafe { isa.load_partial_at(target, lanes(vector)) }, sum);
            }
            let sum = product.activation.vector(isa, sum);
            // SAFETY: as above.
            unsafe { isa.store_partial_at(sum, target, lanes(vector)) };
        }
    });
}
