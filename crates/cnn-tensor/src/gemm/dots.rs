//! A few rows times a transposed matrix that is read once, from front to back: one dot product for each output.
//!
//! Both factors of a dot product are contiguous, so lanes run along the depth, and the lanes of each sum are added at
//! its end. Some sums share each vector of the left-hand row.

use super::product::Left;
use super::target::Target;
use crate::simd::{Isa, Kernel};

/// Outputs of one row that are summed side by side, and sums of each that are added at the end: enough chains to
/// hide the latency of an addition, and few rows of the right-hand matrix, which then stay in the nearest cache for
/// the next row of the left-hand one. Chosen by the gradient of the input at 1 and 4 x 1000 x 2048 in the kernel bench.
const SUMS: usize = 4;
const CHAINS: usize = 2;

/// `output = left right^T`.
pub(crate) struct Dots<'a> {
    /// Left-hand matrix, rows contiguous; as many as the output's.
    pub(crate) left: Left<'a>,
    /// Numbers in each row of both matrices.
    pub(crate) depth: usize,
    /// Right-hand matrix: one row of `depth` numbers for each column of the output.
    pub(crate) right: &'a [f32],
    /// Where the sums go.
    pub(crate) output: Target<'a>,
}

impl Kernel for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        assert_eq!(self.left.step, 1, "rows of the left-hand matrix are contiguous");
        let columns = self.output.columns();
        let whole = columns / SUMS * SUMS;
        for first in (0..whole).step_by(SUMS) {
            self.sums::<I, SUMS>(isa, first);
        }
        for first in whole..columns {
            self.sums::<I, 1>(isa, first);
        }
    }
}

impl Dots<'_> {
    /// `S` columns from `first` on, of all rows.
    #[inline(always)]
    fn sums<I: Isa, const S: usize>(&mut self, isa: I, first: usize) {
        let depth = self.depth;
        let mut lines: [&[f32]; S] = [&[]; S];
        for (index, line) in lines.iter_mut().enumerate() {
            *line = &self.right[(first + index) * depth..][..depth];
        }
        for row in 0..self.output.rows() {
            let left = &self.left.data[row * self.left.row..][..depth];
            let mut sums = [[isa.splat(0.0); CHAINS]; S];
            let block = CHAINS * I::LANES;
            let blocks = depth / block * block;
            for at in (0..blocks).step_by(block) {
                for chain in 0..CHAINS {
                    let at = at + chain * I::LANES;
                    // SAFETY: this vector of the row, and of the lines below, ends before `depth`, their length.
                    let value = unsafe { isa.load_at(left.as_ptr().wrapping_add(at)) };
                    for index in 0..S {
                        // SAFETY: as above.
                        let other = unsafe { isa.load_at(lines[index].as_ptr().wrapping_add(at)) };
                        sums[index][chain] = isa.fma(value, other, sums[index][chain]);
                    }
                }
            }
            for at in (blocks..depth).step_by(I::LANES) {
                let value = isa.load_partial(&left[at..]);
                for index in 0..S {
                    sums[index][0] = isa.fma(value, isa.load_partial(&lines[index][at..]), sums[index][0]);
                }
            }
            let target = &mut self.output.row(row)[first..first + S];
            for index in 0..S {
                let mut all = sums[index][0];
                for chain in 1..CHAINS {
                    all = isa.add(all, sums[index][chain]);
                }
                target[index] = isa.sum(all);
            }
        }
    }
}
