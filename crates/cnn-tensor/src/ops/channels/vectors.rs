//! Loops over the vectors of a piece; the last of a group may be a partial one.

use std::ops::Range;

use super::Cut;
use crate::simd::{Isa, MOST_LANES};

/// How many lanes of a vector are read and written: one body serves whole vectors and partial ones.
///
/// Vectors come `N` at a time, so that slices are cut, and their lengths checked, once for all of them.
pub(crate) trait Width<I: Isa>: Copy {
    /// The numbers at the start of the slice; what further lanes hold does not matter.
    fn load<const N: usize>(self, isa: I, source: &[f32]) -> [I::F32; N];
    /// Writes to the start of the slice.
    fn store<const N: usize>(self, isa: I, values: [I::F32; N], target: &mut [f32]);
    /// Numbers of each vector that count.
    fn lanes(self) -> usize;
    /// The same number in the lanes that count, zero in the others.
    fn splat(self, isa: I, value: f32) -> I::F32;
}

/// All lanes.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

/// The first lanes of one vector.
#[derive(Clone, Copy)]
pub(crate) struct Part(pub(crate) usize);

impl<I: Isa> Width<I> for Whole {
    #[inline(always)]
    fn load<const N: usize>(self, isa: I, source: &[f32]) -> [I::F32; N] {
        let source = &source[..N * I::LANES];
        let mut values = [isa.splat(0.0); N];
        for vector in 0..N {
            values[vector] = isa.load(&source[vector * I::LANES..]);
        }
        values
    }

    #[inline(always)]
    fn store<const N: usize>(self, isa: I, values: [I::F32; N], target: &mut [f32]) {
        let target = &mut target[..N * I::LANES];
        for vector in 0..N {
            isa.store(values[vector], &mut target[vector * I::LANES..]);
        }
    }

    #[inline(always)]
    fn lanes(self) -> usize {
        I::LANES
    }

    #[inline(always)]
    fn splat(self, isa: I, value: f32) -> I::F32 {
        isa.splat(value)
    }
}

impl<I: Isa> Width<I> for Part {
    #[inline(always)]
    fn load<const N: usize>(self, isa: I, source: &[f32]) -> [I::F32; N] {
        [isa.load_partial(&source[..self.0]); N]
    }

    #[inline(always)]
    fn store<const N: usize>(self, isa: I, values: [I::F32; N], target: &mut [f32]) {
        isa.store_partial(values[0], &mut target[..self.0]);
    }

    #[inline(always)]
    fn lanes(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn splat(self, isa: I, value: f32) -> I::F32 {
        isa.load_partial(&[value; MOST_LANES][..self.0])
    }
}

/// What is done to each vector of a piece.
pub(crate) trait Step<I: Isa> {
    /// What the numbers of `N` vectors of columns share.
    type Columns<const N: usize>: Copy;

    /// That of the columns from `column` on.
    fn columns<W: Width<I>, const N: usize>(&self, isa: I, width: W, column: usize) -> Self::Columns<N>;

    /// Works on the `N` vectors from `at` on, which are in those columns.
    fn step<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, at: usize, columns: &Self::Columns<N>);
}

impl Cut {
    /// Calls `step` for each vector of a range of numbers, which begins with a row, in order, so that what is not in the
    /// cache is fetched ahead.
    #[inline(always)]
    pub(crate) fn each_vector<I: Isa>(&self, isa: I, range: Range<usize>, step: &mut impl Step<I>) {
        let Range { mut start, end: last } = range;
        if I::REGISTERS > 16 && self.group == 8 * I::LANES && start + self.group <= last {
            // What the columns share stays in registers for all groups.
            let columns = step.columns::<_, 8>(isa, Whole, 0);
            while start + self.group <= last {
                step.step(isa, Whole, start, &columns);
                start += self.group;
            }
        }
        while start < last {
            let end = self.group.min(last - start);
            let mut column = 0;
            while column + 4 * I::LANES <= end {
                let columns = step.columns::<_, 4>(isa, Whole, column);
                step.step(isa, Whole, start + column, &columns);
                column += 4 * I::LANES;
            }
            while column + I::LANES <= end {
                let columns = step.columns::<_, 1>(isa, Whole, column);
                step.step(isa, Whole, start + column, &columns);
                column += I::LANES;
            }
            if column < end {
                let width = Part(end - column);
                let columns = step.columns::<_, 1>(isa, width, column);
                step.step(isa, width, start + column, &columns);
            }
            start += end;
        }
    }
}
