//! One row times a matrix that is read once, from front to back.
//!
//! Reading the matrix is what such a product costs, and memory is fastest at long runs, so eight rows of the matrix
//! are taken at a time in their whole length. The sums stay in the output, which the nearest cache holds. Each sum
//! adds the same products in the same order as in [`super::product`].

use super::Start;
use crate::ops::activation::Activation;
use crate::simd::{Isa, Kernel, map_in_place};

/// Rows of the matrix that are taken at a time.
const STEPS: usize = 8;

/// `output = act(start + left right)`.
pub(crate) struct VectorProduct<'a> {
    /// The row.
    pub(crate) left: &'a [f32],
    /// The matrix, one row for each number of the row.
    pub(crate) right: &'a [f32],
    /// Distance between the rows of the matrix.
    pub(crate) pitch: usize,
    /// What the sums start from.
    pub(crate) start: Start<'a>,
    /// Applied at the end.
    pub(crate) activation: Activation,
    /// Where the sums go, one for each column.
    pub(crate) output: &'a mut [f32],
}

impl Kernel for VectorProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        match self.start {
            Start::Bias(bias) => self.output.copy_from_slice(&bias[..self.output.len()]),
            Start::Zero => self.output.fill(0.0),
            Start::Output => {}
        }
        let whole = self.left.len() / STEPS * STEPS;
        for first in (0..whole).step_by(STEPS) {
            self.add::<I, STEPS>(isa, first);
        }
        for first in whole..self.left.len() {
            self.add::<I, 1>(isa, first);
        }
        if self.activation != Activation::Identity {
            map_in_place(isa, self.output, |sum| self.activation.vector(isa, sum));
        }
    }
}

impl VectorProduct<'_> {
    /// Adds the products of `S` numbers of the row, from `first` on.
    #[inline(always)]
    fn add<I: Isa, const S: usize>(&mut self, isa: I, first: usize) {
        let columns = self.output.len();
        let mut lines: [&[f32]; S] = [&[]; S];
        let mut factors = [isa.splat(0.0); S];
        for step in 0..S {
            lines[step] = &self.right[(first + step) * self.pitch..][..columns];
            factors[step] = isa.splat(self.left[first + step]);
        }
        let whole = columns / I::LANES * I::LANES;
        for column in (0..whole).step_by(I::LANES) {
            let target = self.output[column..].as_mut_ptr();
            // SAFETY: this vector, and those of the lines below, end before `columns`, the length of all of them.
            let mut sum = unsafe { isa.load_at(target) };
            for step in 0..S {
                let line = lines[step].as_ptr().wrapping_add(column);
                // SAFETY: as above.
                let value = unsafe { isa.load_at(line) };
                sum = isa.fma(factors[step], value, sum);
            }
            // SAFETY: as above.
            unsafe { isa.store_at(sum, target) };
        }
        if whole < columns {
            let target = &mut self.output[whole..];
            let mut sum = isa.load_partial(target);
            for step in 0..S {
                sum = isa.fma(factors[step], isa.load_partial(&lines[step][whole..]), sum);
            }
            isa.store_partial(sum, target);
        }
    }
}
