//! Two sums down each column of a block, in registers.
//!
//! A block is walked in strips of some vectors of columns. Where a group has several strips, each goes down a
//! few groups at a time, so that memory is read nearly in order.

use std::ops::Range;

use super::Cut;
use super::vectors::{Part, Whole, Width};
use crate::simd::Isa;

/// Numbers that all strips of columns together go over before the first goes on: half of a small level-1 cache.
const WINDOW: usize = 1 << 12;

/// What the numbers of the input add to the two sums of their column.
pub(crate) trait Terms<I: Isa> {
    /// Adds the numbers of the `N` vectors from `at` on; `centres` are those of their columns.
    fn add<W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        at: usize,
        centres: &[I::F32; N],
        sums: &mut [[I::F32; N]; 2],
    );
}

/// The sums of the columns of a group, and what they are measured from.
pub(crate) struct Sums {
    cut: Cut,
    /// One number for each column, which the terms are given.
    pub(crate) centre: Vec<f32>,
    sums: [Vec<f32>; 2],
}

impl Sums {
    /// Room for the columns of a group, with the given centres.
    #[inline(always)]
    pub(crate) fn new(cut: Cut, centre: Vec<f32>) -> Self {
        Self { cut, centre, sums: [vec![0.0; cut.group], vec![0.0; cut.group]] }
    }

    /// Makes the centres those of the channels.
    #[inline(always)]
    pub(crate) fn centre_on(&mut self, channels: &[f64]) {
        for row in self.centre.chunks_exact_mut(self.cut.channels) {
            row.iter_mut().zip(channels).for_each(|(centre, &value)| *centre = value as f32);
        }
    }

    /// Adds the sums of the terms over `range`, which begins with a row, to those of the channels.
    #[inline(always)]
    pub(crate) fn add<I: Isa>(
        &mut self,
        isa: I,
        range: Range<usize>,
        terms: &mut impl Terms<I>,
        totals: [&mut [f64]; 2],
    ) {
        let group = self.cut.group;
        // Two sums and a centre for each of eight vectors take 24 registers, of four 12.
        let strip = if I::REGISTERS > 16 { 8 * I::LANES } else { 4 * I::LANES };
        let window = match group <= strip {
            true => range.len().max(1),
            false => group * (WINDOW / group).max(4),
        };
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + window);
            // All strips go down the whole groups; the rows of a group that is not full come last.
            let rest = (end - start) % group;
            self.down(isa, start..end - rest, group, terms);
            if rest > 0 {
                self.down(isa, end - rest..end, rest, terms);
            }
            start = end;
        }
        for (sums, totals) in self.sums.iter().zip(totals) {
            self.cut.fold(sums, totals);
        }
    }

    /// Adds the first `columns` columns of the groups that begin in the range.
    #[inline(always)]
    fn down<I: Isa>(&mut self, isa: I, range: Range<usize>, columns: usize, terms: &mut impl Terms<I>) {
        let mut column = 0;
        while I::REGISTERS > 16 && column + 8 * I::LANES <= columns {
            self.strip::<I, _, 8>(isa, Whole, range.clone(), column, terms);
            column += 8 * I::LANES;
        }
        while column + 4 * I::LANES <= columns {
            self.strip::<I, _, 4>(isa, Whole, range.clone(), column, terms);
            column += 4 * I::LANES;
        }
        while column + I::LANES <= columns {
            self.strip::<I, _, 1>(isa, Whole, range.clone(), column, terms);
            column += I::LANES;
        }
        if column < columns {
            self.strip::<I, _, 1>(isa, Part(columns - column), range, column, terms);
        }
    }

    /// Adds the columns of `N` vectors.
    #[inline(always)]
    fn strip<I: Isa, W: Width<I>, const N: usize>(
        &mut self,
        isa: I,
        width: W,
        range: Range<usize>,
        column: usize,
        terms: &mut impl Terms<I>,
    ) {
        let [first, second] = &mut self.sums;
        let (first, second) = (&mut first[column..], &mut second[column..]);
        let centres = width.load::<N>(isa, &self.centre[column..]);
        let mut sums = [width.load::<N>(isa, first), width.load::<N>(isa, second)];
        let mut at = range.start + column;
        while at < range.end {
            terms.add(isa, width, at, &centres, &mut sums);
            at += self.cut.group;
        }
        width.store(isa, sums[0], first);
        width.store(isa, sums[1], second);
    }
}
