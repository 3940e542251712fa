//! The loop over two operands that are broadcast: compiled for each instruction set, in pieces for the threads.
//!
//! A line is a loop over two vectors, or over a vector and a number. Where lines are short and one operand is the same
//! for all of them, it is repeated until it fills some vectors, and lines are as long as that.

use std::borrow::Cow;
use std::ops::Range;

use super::walk::Walk;
use crate::Result;
use crate::ops::in_place::PIECE;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// A function of two elements; mark it `#[inline(always)]`.
pub(crate) trait Pairwise<A, B>: Sync {
    /// What it gives.
    type Output;

    /// The function.
    fn value(&self, a: A, b: B) -> Self::Output;
}

/// Lines shorter than this are worth repeating.
const SHORT: usize = 64;

/// Elements of a long line that is made of repeated ones, about.
const LONG: usize = 512;

/// Fills the output with the function of both operands.
pub(crate) fn zip<A, B, P>(op: &P, walk: &Walk<2>, a: &[A], b: &[B], output: &mut [P::Output]) -> Result<()>
where
    A: Copy + Sync,
    B: Copy + Sync,
    P: Pairwise<A, B, Output: Copy + Send>,
{
    let lines = Lines::new(walk);
    let (a, b) = (lines.repeat(0, a), lines.repeat(1, b));
    let level = simd::active()?;
    let bytes = 3 * size_of_val(output);
    for_each(output.chunks_mut(PIECE).enumerate(), bytes, |(piece, output)| {
        level.run(Zip { op, lines, a: &a, b: &b, output, start: piece * PIECE });
    })
}

/// As [`zip`], where the output holds the first operand.
pub(crate) fn zip_in_place<A, B, P>(op: &P, walk: &Walk<2>, b: &[B], output: &mut [A]) -> Result<()>
where
    A: Copy + Send,
    B: Copy + Sync,
    P: Pairwise<A, B, Output = A>,
{
    let lines = Lines::new(walk);
    let b = lines.repeat(1, b);
    let level = simd::active()?;
    let bytes = 2 * size_of_val(output);
    for_each(output.chunks_mut(PIECE).enumerate(), bytes, |(piece, output)| {
        level.run(ZipInPlace { op, lines, b: &b, output, start: piece * PIECE });
    })
}

/// The lines of an output, where short ones that repeat an operand are joined.
#[derive(Clone, Copy)]
struct Lines<'a> {
    walk: &'a Walk<2>,
    /// Which operand is repeated, and after how many elements.
    repeated: Option<(usize, usize)>,
}

impl<'a> Lines<'a> {
    fn new(walk: &'a Walk<2>) -> Self {
        let period = |operand: usize| {
            let len = walk.period(operand).filter(|&len| len < SHORT && walk.is_dense(1 - operand))?;
            Some((operand, len))
        };
        Self { walk, repeated: period(1).or_else(|| period(0)) }
    }

    /// The operand, repeated so often that a long line may begin anywhere in its first period.
    fn repeat<'x, T: Copy>(&self, operand: usize, x: &'x [T]) -> Cow<'x, [T]> {
        match self.repeated {
            Some((repeated, len)) if repeated == operand => {
                Cow::Owned(x.iter().copied().cycle().take(long(len) + len).collect())
            }
            _ => Cow::Borrowed(x),
        }
    }

    /// Runs the loop over each part of a line in a range of the output.
    ///
    /// What is called is a method that is always inlined, and no closure: those may be compiled apart, without the
    /// instruction set.
    #[inline(always)]
    fn each(&self, range: Range<usize>, body: &mut impl Line) {
        let Some((operand, period)) = self.repeated else {
            let steps = [self.walk.step(0), self.walk.step(1)];
            for (run, at) in self.walk.runs(range) {
                body.run(run, at, steps);
            }
            return;
        };
        for start in range.clone().step_by(long(period)) {
            let mut at = [start; 2];
            at[operand] = start % period;
            body.run(start..range.end.min(start + long(period)), at, [1, 1]);
        }
    }
}

/// A loop over a part of a line of the output.
trait Line {
    /// Where the operands begin, and whether they are vectors (1) or numbers (0); mark it `#[inline(always)]`.
    fn run(&mut self, run: Range<usize>, at: [usize; 2], steps: [usize; 2]);
}

/// Elements of a long line of such periods: whole ones.
fn long(period: usize) -> usize {
    period * LONG.div_ceil(period)
}

struct Zip<'a, P, A, B, O> {
    op: &'a P,
    lines: Lines<'a>,
    a: &'a [A],
    b: &'a [B],
    output: &'a mut [O],
    /// Place of the first element of `output` in the whole output.
    start: usize,
}

impl<A: Copy, B: Copy, P: Pairwise<A, B, Output: Copy>> Kernel for Zip<'_, P, A, B, P::Output> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, _isa: I) {
        let range = self.start..self.start + self.output.len();
        let lines = self.lines;
        lines.each(range, &mut self);
    }
}

impl<A: Copy, B: Copy, P: Pairwise<A, B, Output: Copy>> Line for Zip<'_, P, A, B, P::Output> {
    #[inline(always)]
    fn run(&mut self, run: Range<usize>, [a_at, b_at]: [usize; 2], steps: [usize; 2]) {
        let Self { op, a, b, ref mut output, start, .. } = *self;
        let target = &mut output[run.start - start..run.end - start];
        let len = target.len();
        match steps {
            [0, 0] => target.fill(op.value(a[a_at], b[b_at])),
            [0, _] => {
                let a = a[a_at];
                target.iter_mut().zip(&b[b_at..b_at + len]).for_each(|(y, &b)| *y = op.value(a, b));
            }
            [_, 0] => {
                let b = b[b_at];
                target.iter_mut().zip(&a[a_at..a_at + len]).for_each(|(y, &a)| *y = op.value(a, b));
            }
            _ => {
                let (a, b) = (&a[a_at..a_at + len], &b[b_at..b_at + len]);
                for ((y, &a), &b) in target.iter_mut().zip(a).zip(b) {
                    *y = op.value(a, b);
                }
            }
        }
    }
}

struct ZipInPlace<'a, P, A, B> {
    op: &'a P,
    lines: Lines<'a>,
    b: &'a [B],
    output: &'a mut [A],
    start: usize,
}

impl<A: Copy, B: Copy, P: Pairwise<A, B, Output = A>> Kernel for ZipInPlace<'_, P, A, B> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, _isa: I) {
        let range = self.start..self.start + self.output.len();
        let lines = self.lines;
        lines.each(range, &mut self);
    }
}

impl<A: Copy, B: Copy, P: Pairwise<A, B, Output = A>> Line for ZipInPlace<'_, P, A, B> {
    #[inline(always)]
    fn run(&mut self, run: Range<usize>, [_, b_at]: [usize; 2], [_, b_step]: [usize; 2]) {
        let Self { op, b, ref mut output, start, .. } = *self;
        let target = &mut output[run.start - start..run.end - start];
        match b_step {
            0 => {
                let b = b[b_at];
                target.iter_mut().for_each(|y| *y = op.value(*y, b));
            }
            _ => {
                let b = &b[b_at..b_at + target.len()];
                target.iter_mut().zip(b).for_each(|(y, &b)| *y = op.value(*y, b));
            }
        }
    }
}
