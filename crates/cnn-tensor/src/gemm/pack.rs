//! Packing the right-hand matrix into panels of two vectors, in the order in which the kernels read it.

use crate::simd::{Isa, Kernel, MOST_LANES};

/// Numbers by which a transposition asks for its source in advance: more rows are read side by side than the
/// processor foresees. Chosen by the gradients of the input of the dense cases in the kernel bench.
const AHEAD: usize = 64;

/// Rows by which a copy asks for its source in advance. Chosen by the dense case 1024 cubed.
const ROWS_AHEAD: usize = 4;

/// Fills panels, one after the other, with the elements `source[at(row) + column * step]`, zeros after the last column.
pub(crate) struct PackPanels<'a, A> {
    /// The numbers.
    pub(crate) source: &'a [f32],
    /// Where each row begins.
    pub(crate) at: A,
    /// Distance between neighbouring columns.
    pub(crate) step: usize,
    /// Number of rows.
    pub(crate) depth: usize,
    /// Number of columns.
    pub(crate) columns: usize,
    /// Where the panels go: `depth` rows of two vectors each.
    pub(crate) target: &'a mut [f32],
}

impl<A: Fn(usize) -> usize> Kernel for PackPanels<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        if self.step == 1 { self.rows(isa) } else { self.transposed(isa) }
    }
}

impl<A: Fn(usize) -> usize> PackPanels<'_, A> {
    /// Rows lie as the panels want them.
    #[inline(always)]
    fn rows<I: Isa>(self, isa: I) {
        let width = 2 * I::LANES;
        for row in 0..self.depth {
            let source = &self.source[(self.at)(row)..][..self.columns];
            let panels = self.target.chunks_exact_mut(self.depth * width);
            // Rows are too far apart for the processor to foresee them.
            let ahead = (self.at)((row + ROWS_AHEAD).min(self.depth - 1)).wrapping_sub((self.at)(row));
            for (columns, panel) in source.chunks(width).zip(panels) {
                let next = columns.as_ptr().wrapping_add(ahead);
                isa.prefetch(next);
                isa.prefetch(next.wrapping_add(I::LANES));
                let target = &mut panel[row * width..][..width];
                if columns.len() == width {
                    isa.store(isa.load(columns), target);
                    isa.store(isa.load(&columns[I::LANES..]), &mut target[I::LANES..]);
                } else {
                    target[..columns.len()].copy_from_slice(columns);
                    target[columns.len()..].fill(0.0);
                }
            }
        }
    }

    /// Blocks of rows that begin next to each other are transposed in registers, others number by number.
    #[inline(always)]
    fn transposed<I: Isa>(self, isa: I) {
        let (lanes, width) = (I::LANES, 2 * I::LANES);
        let panels = self.target.chunks_exact_mut(self.depth * width);
        for (panel, first) in panels.zip((0..self.columns).step_by(width)) {
            let valid = (self.columns - first).min(width);
            for row in (0..self.depth).step_by(lanes) {
                let rows = (self.depth - row).min(lanes);
                let start = (self.at)(row) + first * self.step;
                let block = &mut panel[row * width..][..rows * width];
                let neighbours = (1..rows).all(|next| (self.at)(row + next) == (self.at)(row) + next);
                let whole = if rows == lanes && neighbours { valid / lanes * lanes } else { 0 };
                for column in (0..whole).step_by(lanes) {
                    let source =
                        &self.source[start + column * self.step..][..(lanes - 1) * self.step + lanes];
                    let target = &mut block[column..][..(lanes - 1) * width + lanes];
                    for line in source.iter().step_by(self.step) {
                        isa.prefetch(std::ptr::from_ref(line).wrapping_add(AHEAD));
                    }
                    // SAFETY: the slices hold `lanes` rows of `lanes` numbers at these pitches, and do not overlap.
                    unsafe { isa.transpose_at(source.as_ptr(), self.step, target.as_mut_ptr(), width) };
                }
                if neighbours {
                    for column in (whole..width).step_by(lanes) {
                        let columns = valid.saturating_sub(column).min(lanes);
                        let source = &self.source[(start + column * self.step).min(self.source.len())..];
                        part(isa, source, self.step, columns, rows, &mut block[column..]);
                    }
                    continue;
                }
                for (index, target) in block.chunks_exact_mut(width).enumerate() {
                    let start = (self.at)(row + index) + first * self.step;
                    for (column, target) in target[..valid].iter_mut().enumerate() {
                        *target = self.source[start + column * self.step];
                    }
                    target[valid..].fill(0.0);
                }
            }
        }
    }
}

/// Copies lines of a matrix, and asks for those that will be copied next.
pub(crate) struct CopyLines<'a> {
    /// The matrix, beginning at the first line.
    pub(crate) source: &'a [f32],
    /// Distance between lines.
    pub(crate) distance: usize,
    /// Number of lines.
    pub(crate) lines: usize,
    /// Numbers in each line.
    pub(crate) len: usize,
    /// Distance from a line to the one that will be copied in its stead next.
    pub(crate) next: usize,
    /// Where the lines go.
    pub(crate) target: &'a mut [f32],
    /// Distance between lines there.
    pub(crate) pitch: usize,
}

impl Kernel for CopyLines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for (line, target) in self.target.chunks_exact_mut(self.pitch).take(self.lines).enumerate() {
            let source = &self.source[line * self.distance..][..self.len];
            for (source, target) in source.chunks(I::LANES).zip(target.chunks_mut(I::LANES)) {
                isa.prefetch(source.as_ptr().wrapping_add(self.next));
                isa.store_partial(isa.load_partial(source), &mut target[..source.len()]);
            }
        }
    }
}

/// Transposes `columns <= LANES` runs of `rows <= LANES` numbers into `rows` vectors of a panel, zeros after the columns.
#[inline(always)]
fn part<I: Isa>(isa: I, source: &[f32], step: usize, columns: usize, rows: usize, panel: &mut [f32]) {
    let lanes = I::LANES;
    let (mut runs, mut vectors) = ([0.0; MOST_LANES * MOST_LANES], [0.0; MOST_LANES * MOST_LANES]);
    for (column, run) in runs.chunks_exact_mut(lanes).take(columns).enumerate() {
        isa.store(isa.load_partial(&source[column * step..][..rows]), run);
    }
    // SAFETY: both arrays hold LANES <= MOST_LANES rows of as many numbers.
    unsafe { isa.transpose_at(runs.as_ptr(), lanes, vectors.as_mut_ptr(), lanes) };
    for (row, vector) in vectors.chunks_exact(lanes).take(rows).enumerate() {
        isa.store(isa.load(vector), &mut panel[row * 2 * lanes..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::Tile;
    use crate::testing::on_each_level;

    /// Rows in groups whose starts are `jump` apart, columns `step` apart.
    fn check(depth: usize, columns: usize, step: usize, group: usize, jump: usize) {
        let at = |row: usize| row / group * jump + row % group * if step == 1 { columns } else { 1 };
        let len = at(depth - 1) + (columns - 1) * step + 1;
        let source: Vec<f32> = (1..=len).map(|number| number as f32).collect();
        on_each_level(|level| {
            let width = Tile::of(level).columns;
            let mut panels = vec![f32::NAN; columns.next_multiple_of(width) * depth];
            level.run(PackPanels { source: &source, at, step, depth, columns, target: &mut panels });
            for (index, &got) in panels.iter().enumerate() {
                let (row, column) = (index / width % depth, index / (width * depth) * width + index % width);
                let expected = if column < columns { source[at(row) + column * step] } else { 0.0 };
                assert_eq!(
                    got, expected,
                    "{level} {depth}x{columns} step {step}: row {row}, column {column}"
                );
            }
        });
    }

    #[test]
    fn panels_hold_the_matrix_column_block_by_column_block() {
        for (depth, columns) in [(1, 1), (3, 40), (7, 64), (5, 33)] {
            check(depth, columns, 1, 2, 3 * columns);
        }
    }

    #[test]
    fn panels_of_a_transpose_hold_whole_blocks_and_their_tails() {
        for (depth, columns) in [(1, 1), (16, 16), (16, 32), (37, 70), (64, 31), (20, 9)] {
            check(depth, columns, depth, depth, 0);
            check(depth, columns, depth + 3, depth, 0);
        }
    }

    #[test]
    fn rows_that_do_not_follow_each_other_are_packed_number_by_number() {
        for group in [1, 3, 16, 20] {
            check(50, 45, 60, group, 3000);
        }
    }
}
