//! Where the operands of each place of a broadcast output are.
//!
//! Axes along which all operands move together are merged first, so that few are left: none at all for equal shapes.
//! The last of them is the *line*: along it each operand is a vector or stays at one number.

use std::ops::Range;

use super::aligned;

/// One axis of the output, with how far each operand moves along it: not at all where it is broadcast.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis<const N: usize> {
    len: usize,
    steps: [usize; N],
}

/// The places of the output in order, with those of the operands.
#[derive(Debug)]
pub(crate) struct Walk<const N: usize> {
    /// The axes but the last, innermost first.
    outer: Vec<Axis<N>>,
    line: Axis<N>,
}

impl<const N: usize> Walk<N> {
    /// Operands of these shapes, which broadcast to that of the output.
    pub(crate) fn new(output: &[usize], operands: [&[usize]; N]) -> Self {
        let rank = output.len();
        let mut sizes = [1; N];
        let mut axes: Vec<Axis<N>> = Vec::with_capacity(rank);
        for axis in (0..rank).rev() {
            let len = output[axis];
            let mut steps = [0; N];
            for n in 0..N {
                let dim = aligned(operands[n], rank, axis);
                if dim != 1 {
                    steps[n] = sizes[n];
                }
                sizes[n] *= dim;
            }
            if len == 1 {
                continue;
            }
            match axes.last_mut() {
                Some(inner) if (0..N).all(|n| steps[n] == inner.steps[n] * inner.len) => inner.len *= len,
                _ => axes.push(Axis { len, steps }),
            }
        }
        let line = if axes.is_empty() { Axis { len: 1, steps: [0; N] } } else { axes.remove(0) };
        Self { outer: axes, line }
    }

    /// How far an operand moves along a line: 1 or 0.
    pub(crate) fn step(&self, operand: usize) -> usize {
        self.line.steps[operand]
    }

    /// The length of an operand that is one short line, the same for all lines of the output: a bias of few channels.
    pub(crate) fn period(&self, operand: usize) -> Option<usize> {
        let repeats = self.step(operand) == 1 && self.outer.iter().all(|axis| axis.steps[operand] == 0);
        (repeats && !self.outer.is_empty()).then_some(self.line.len)
    }

    /// Whether an operand lies as the output does.
    pub(crate) fn is_dense(&self, operand: usize) -> bool {
        let mut len = 1;
        std::iter::once(&self.line).chain(&self.outer).all(|axis| {
            let dense = axis.steps[operand] == len || axis.len == 1;
            len *= axis.len;
            dense
        })
    }

    /// The parts of lines that make up a range of the output, with where each operand begins.
    #[inline(always)]
    pub(crate) fn runs(&self, range: Range<usize>) -> Runs<'_, N> {
        let mut starts = [0; N];
        let mut indices = [0; crate::MAX_RANK];
        if range.is_empty() {
            // Axes may be empty too.
            return Runs { walk: self, rest: range, column: 0, starts, indices };
        }
        let mut rest = range.start / self.line.len;
        for (axis, index) in self.outer.iter().zip(&mut indices) {
            *index = rest % axis.len;
            rest /= axis.len;
            for n in 0..N {
                starts[n] += *index * axis.steps[n];
            }
        }
        Runs { walk: self, column: range.start % self.line.len, rest: range, starts, indices }
    }
}

/// The parts of lines that are left of a range.
pub(crate) struct Runs<'a, const N: usize> {
    walk: &'a Walk<N>,
    rest: Range<usize>,
    /// Where in its line the next begins.
    column: usize,
    /// Where its line begins, in each operand.
    starts: [usize; N],
    /// Its place along each outer axis.
    indices: [usize; crate::MAX_RANK],
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = (Range<usize>, [usize; N]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.walk.line;
        let len = (line.len - self.column).min(self.rest.len());
        let mut at = self.starts;
        for n in 0..N {
            at[n] += self.column * line.steps[n];
        }
        let run = self.rest.start..self.rest.start + len;
        self.rest.start = run.end;
        self.column = 0;
        for (axis, index) in self.walk.outer.iter().zip(&mut self.indices) {
            *index += 1;
            for n in 0..N {
                self.starts[n] += axis.steps[n];
            }
            if *index < axis.len {
                break;
            }
            *index = 0;
            for n in 0..N {
                self.starts[n] -= axis.len * axis.steps[n];
            }
        }
        Some((run, at))
    }
}
