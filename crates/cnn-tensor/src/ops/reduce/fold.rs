//! The loops of reductions over axes, for any fold of numbers into one.
//!
//! Sums of a block are kept in many lanes, one or more for each column, to which whole rows are added at a time; after
//! so many additions that single precision has lost nothing to speak of, lanes are joined to totals (in double
//! precision, where they are sums). Few outputs of many numbers are cut into parts, whose totals are merged in order.

use std::ops::Range;

use super::cut::{COLUMNS, Cut};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{Element, Result};

/// Lanes that rows of few columns fill: several vectors of any instruction set.
const LANES: usize = 64;

/// Lanes of an output whose numbers lie next to each other: two of the widest vectors.
const LINE: usize = 32;

/// Lanes of an output that are left when those of several outputs are paired at once.
const FEW: usize = 8;

/// Outputs whose last lanes are paired at once: a widest vector.
const GROUP: usize = 16;

/// Rows that are added to a lane before it is joined to the total.
const BLOCK: usize = 64;

/// How many numbers become one. Mark methods `#[inline(always)]`.
pub(super) trait Fold<E>: Sync {
    /// What lanes are joined to.
    type Total: Copy + Send + Sync;
    /// Whether [`Fold::step`] reads the centre of its column.
    const CENTRED: bool = false;

    /// What a lane begins with.
    fn start(&self) -> E;
    /// A lane and a number.
    fn step(&self, lane: E, x: E, centre: E) -> E;
    /// The total of nothing.
    fn empty(&self) -> Self::Total;
    /// Two lanes.
    fn pair(&self, a: E, b: E) -> E;
    /// A total and a lane.
    fn join(&self, total: Self::Total, lane: E) -> Self::Total;
    /// The totals of two parts.
    fn merge(&self, a: Self::Total, b: Self::Total) -> Self::Total;
}

/// Fills the output with what `finish` makes of the totals. `centres` has a number for each output, where the fold
/// is centred.
pub(super) fn fold<E: Element, F: Fold<E>, O: Element>(
    fold: &F,
    cut: &Cut,
    x: &[E],
    centres: &[E],
    output: &mut [O],
    finish: impl Fn(F::Total) -> O + Sync,
) -> Result<()> {
    let level = simd::active()?;
    let finish = &finish;
    let bytes = size_of_val(x);
    if cut.parts() == 1 {
        let width = cut.columns.min(COLUMNS);
        // Groups of outputs, where their columns are few; else some of the columns of one output.
        let pieces = pieces(output, cut);
        return for_each(pieces.into_iter(), bytes, |Piece { first, column, values }| {
            level.run(Direct { fold, cut, x, centres, first, column, width, output: values, finish });
        });
    }
    let mut totals = vec![fold.empty(); cut.parts() * output.len()];
    let mut items = Vec::new();
    for (part, totals) in totals.chunks_mut(output.len()).enumerate() {
        let rows = part * cut.part..cut.all_rows.min((part + 1) * cut.part);
        for (outer, totals) in totals.chunks_mut(cut.columns).enumerate() {
            for (block, totals) in totals.chunks_mut(COLUMNS).enumerate() {
                items.push((outer, block * COLUMNS, rows.clone(), totals));
            }
        }
    }
    for_each(items.into_iter(), bytes, |(outer, column, rows, totals)| {
        level.run(Part { fold, cut, x, centres, outer, column, rows, totals });
    })?;
    for (at, y) in output.iter_mut().enumerate() {
        let parts = totals[at..].iter().step_by(cut.outer * cut.columns);
        *y = finish(parts.fold(fold.empty(), |total, &part| fold.merge(total, part)));
    }
    Ok(())
}

/// Outputs that one thread computes.
struct Piece<'a, O> {
    /// The first output, without the columns.
    first: usize,
    /// The first column.
    column: usize,
    values: &'a mut [O],
}

fn pieces<'a, O>(output: &'a mut [O], cut: &Cut) -> Vec<Piece<'a, O>> {
    if cut.columns <= COLUMNS {
        let groups = output.chunks_mut(cut.group * cut.columns).enumerate();
        return groups.map(|(group, values)| Piece { first: group * cut.group, column: 0, values }).collect();
    }
    let rows = output.chunks_mut(cut.columns).enumerate();
    let blocks = |(first, row): (usize, &'a mut [O])| {
        let blocks = row.chunks_mut(COLUMNS).enumerate();
        blocks.map(move |(block, values)| Piece { first, column: block * COLUMNS, values })
    };
    rows.flat_map(blocks).collect()
}

/// Whole outputs, finished as they are written.
struct Direct<'a, E, F, O, G> {
    fold: &'a F,
    cut: &'a Cut,
    x: &'a [E],
    centres: &'a [E],
    first: usize,
    column: usize,
    /// Most columns of a piece.
    width: usize,
    output: &'a mut [O],
    finish: &'a G,
}

impl<E: Element, F: Fold<E>, O: Element, G: Fn(F::Total) -> O> Kernel for Direct<'_, E, F, O, G> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { fold, cut, x, centres, first, column, width, output, finish } = self;
        if cut.columns == 1 && cut.rows == cut.all_rows && !F::CENTRED {
            // Without reduced axes further out, outputs follow each other.
            let len = cut.rows;
            let x = &x[first * len..][..output.len() * len];
            if len < LINE {
                // Too short for lanes. Rows do not wait for each other, so that the processor works on several.
                for (y, row) in output.iter_mut().zip(x.chunks_exact(len)) {
                    let mut lane = fold.start();
                    for &x in row {
                        lane = fold.step(lane, x, x);
                    }
                    *y = finish(fold.join(fold.empty(), lane));
                }
                return;
            }
            for (output, x) in output.chunks_mut(GROUP).zip(x.chunks(GROUP * len)) {
                let totals = lines(fold, x, len);
                output.iter_mut().zip(totals).for_each(|(y, total)| *y = finish(total));
            }
            return;
        }
        let mut lanes = Lanes::new(fold, cut, output.len().min(width));
        let mut totals = [fold.empty(); COLUMNS];
        for (index, output) in output.chunks_mut(width).enumerate() {
            let totals = &mut totals[..output.len()];
            totals.fill(fold.empty());
            lanes.add(x, centres, first + index, column, 0..cut.all_rows, totals);
            output.iter_mut().zip(totals).for_each(|(y, total)| *y = finish(*total));
        }
    }
}

/// The totals of up to [`GROUP`] rows of `len` numbers.
///
/// Lanes are paired until one is left, so that an output of few numbers costs few steps in double precision. The last
/// of these steps are taken for all rows side by side: within one of them they would leave most of a vector empty and
/// wait for each other.
#[inline(always)]
fn lines<E: Element, F: Fold<E>>(fold: &F, x: &[E], len: usize) -> [F::Total; GROUP] {
    let mut totals = [fold.empty(); GROUP];
    for at in (0..len).step_by(LINE * BLOCK) {
        let block = at..len.min(at + LINE * BLOCK);
        let mut few = [[fold.start(); FEW]; GROUP];
        for (few, row) in few.iter_mut().zip(x.chunks_exact(len)) {
            *few = line(fold, &row[block.clone()]);
        }
        for (total, few) in totals.iter_mut().zip(&few) {
            let [a, b, c, d, e, f, g, h] = *few;
            let [a, b, c, d] = [fold.pair(a, e), fold.pair(b, f), fold.pair(c, g), fold.pair(d, h)];
            *total = fold.join(*total, fold.pair(fold.pair(a, c), fold.pair(b, d)));
        }
    }
    totals
}

/// A few lanes of numbers that lie next to each other.
#[inline(always)]
fn line<E: Element, F: Fold<E>>(fold: &F, numbers: &[E]) -> [E; FEW] {
    let rows = numbers.chunks_exact(LINE);
    let rest = rows.remainder();
    let mut lanes = [fold.start(); LINE];
    for row in rows {
        for (lane, &x) in lanes.iter_mut().zip(row) {
            *lane = fold.step(*lane, x, x);
        }
    }
    if !rest.is_empty() {
        // Where a fold begins is what it leaves as it is. Whole rows alone keep lanes in registers.
        let mut last = [fold.start(); LINE];
        last[..rest.len()].copy_from_slice(rest);
        for (lane, &x) in lanes.iter_mut().zip(&last) {
            *lane = fold.step(*lane, x, x);
        }
    }
    let mut few = [fold.start(); FEW];
    for lane in 0..FEW {
        let [a, b, c, d] = [0, 1, 2, 3].map(|part| lanes[part * FEW + lane]);
        few[lane] = fold.pair(fold.pair(a, c), fold.pair(b, d));
    }
    few
}

/// Some rows of some columns of one output.
struct Part<'a, E, F: Fold<E>> {
    fold: &'a F,
    cut: &'a Cut,
    x: &'a [E],
    centres: &'a [E],
    outer: usize,
    column: usize,
    rows: Range<usize>,
    totals: &'a mut [F::Total],
}

impl<E: Element, F: Fold<E>> Kernel for Part<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { fold, cut, x, centres, outer, column, rows, totals } = self;
        Lanes::new(fold, cut, totals.len()).add(x, centres, outer, column, rows, totals);
    }
}

/// One or more lanes for each of some columns.
struct Lanes<'a, E, F> {
    fold: &'a F,
    cut: &'a Cut,
    /// Columns.
    width: usize,
    lanes: Vec<E>,
    centres: Vec<E>,
}

impl<'a, E: Element, F: Fold<E>> Lanes<'a, E, F> {
    #[inline(always)]
    fn new(fold: &'a F, cut: &'a Cut, width: usize) -> Self {
        // Rows of all columns are contiguous, so that several are added as one.
        let rows = if width == cut.columns { (LANES / width).clamp(1, cut.rows) } else { 1 };
        let centres = if F::CENTRED { vec![fold.start(); rows * width] } else { Vec::new() };
        Self { fold, cut, width, lanes: vec![fold.start(); rows * width], centres }
    }

    /// Folds some rows of an output into the totals of its columns.
    #[inline(always)]
    fn add(
        &mut self,
        x: &[E],
        centres: &[E],
        outer: usize,
        column: usize,
        rows: Range<usize>,
        totals: &mut [F::Total],
    ) {
        let Self { cut, width, .. } = *self;
        if F::CENTRED {
            let centres = &centres[outer * cut.columns + column..][..width];
            self.centres.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(centres));
        }
        let start = cut.output_start(outer) + column;
        let mut added = 0;
        let mut row = rows.start;
        while row < rows.end {
            let (block, first) = (row / cut.rows, row % cut.rows);
            let count = (cut.rows - first).min(rows.end - row);
            let at = start + cut.block_start(block) + first * cut.columns;
            if width == cut.columns {
                let numbers = &x[at..at + count * width];
                for numbers in numbers.chunks(self.lanes.len() * BLOCK) {
                    added += self.go_down(numbers);
                    added = self.flush_if(added >= BLOCK, added, totals);
                }
            } else {
                for row in 0..count {
                    self.add_row(&x[at + row * cut.columns..][..width]);
                    added = self.flush_if(added + 1 >= BLOCK, added + 1, totals);
                }
            }
            row += count;
        }
        self.flush_if(true, added, totals);
    }

    /// Adds contiguous rows; says to how many rows of lanes.
    #[inline(always)]
    fn go_down(&mut self, numbers: &[E]) -> usize {
        if self.lanes.len() == LANES && !F::CENTRED {
            let fold = self.fold;
            let rows = numbers.chunks_exact(LANES);
            let (rest, count) = (rows.remainder(), rows.len());
            // An array whose length is a constant stays in registers.
            let mut lanes = [fold.start(); LANES];
            lanes.copy_from_slice(&self.lanes);
            for row in rows {
                for (lane, &x) in lanes.iter_mut().zip(row) {
                    *lane = fold.step(*lane, x, x);
                }
            }
            self.lanes.copy_from_slice(&lanes);
            if !rest.is_empty() {
                self.add_row(rest);
            }
            return count + usize::from(!rest.is_empty());
        }
        let rows = numbers.chunks(self.lanes.len());
        let count = rows.len();
        rows.for_each(|row| self.add_row(row));
        count
    }

    #[inline(always)]
    fn add_row(&mut self, row: &[E]) {
        let fold = self.fold;
        if F::CENTRED {
            for ((lane, &x), &centre) in self.lanes.iter_mut().zip(row).zip(&self.centres) {
                *lane = fold.step(*lane, x, centre);
            }
        } else {
            for (lane, &x) in self.lanes.iter_mut().zip(row) {
                *lane = fold.step(*lane, x, x);
            }
        }
    }

    /// Joins the lanes to the totals and begins anew, if it is time; says how many rows have been added since.
    #[inline(always)]
    fn flush_if(&mut self, time: bool, added: usize, totals: &mut [F::Total]) -> usize {
        if !time {
            return added;
        }
        for row in self.lanes.chunks_exact(self.width) {
            for (total, &lane) in totals.iter_mut().zip(row) {
                *total = self.fold.join(*total, lane);
            }
        }
        self.lanes.fill(self.fold.start());
        0
    }
}
