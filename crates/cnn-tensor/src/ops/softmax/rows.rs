//! The loops for `f32` over the last axis: a row in vectors, rows in pieces for the threads.

use super::Scale;
use crate::Result;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, MOST_LANES, exp};

/// Numbers in the rows of a piece, about.
const PIECE: usize = 1 << 12;

/// Numbers whose sum is taken in single precision.
pub(crate) const BLOCK: usize = 1 << 10;

/// Operations that one exponential costs, roughly.
pub(crate) const EXP: usize = 16;

/// How many rows of so many numbers make a piece.
pub(crate) fn rows(len: usize) -> usize {
    (PIECE / len.max(1)).max(1)
}

pub(super) fn forward(scale: Scale, x: &mut [f32], len: usize) -> Result<()> {
    let level = simd::active()?;
    let cost = EXP * x.len();
    for_each(x.chunks_mut(rows(len) * len.max(1)), cost, |piece| level.run(Forward { scale, piece, len }))
}

pub(super) fn backward(scale: Scale, output: &[f32], grad: &mut [f32], len: usize) -> Result<()> {
    let level = simd::active()?;
    let (piece, cost) = (rows(len) * len.max(1), EXP * grad.len());
    for_each(grad.chunks_mut(piece).zip(output.chunks(piece)), cost, |(grad, output)| {
        level.run(Backward { scale, output, grad, len });
    })
}

/// The rows of a piece.
struct Forward<'a> {
    scale: Scale,
    piece: &'a mut [f32],
    len: usize,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for row in self.piece.chunks_exact_mut(self.len) {
            let most = maximum(isa, row);
            match self.scale {
                Scale::Probability => {
                    softmax_row(isa, row, most);
                }
                Scale::Logarithm => {
                    let log_sum = sum_of_exponentials(isa, row, most).ln() as f32;
                    for x in row {
                        *x = (*x - most) - log_sum;
                    }
                }
            }
        }
    }
}

/// The gradients of the rows of a piece.
struct Backward<'a> {
    scale: Scale,
    output: &'a [f32],
    grad: &'a mut [f32],
    len: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { scale, output, grad, len } = self;
        for (grad, output) in grad.chunks_exact_mut(len).zip(output.chunks_exact(len)) {
            match scale {
                Scale::Probability => {
                    let share = sum_of_products(isa, grad, output) as f32;
                    for (grad, &output) in grad.iter_mut().zip(output) {
                        *grad = output * (*grad - share);
                    }
                }
                Scale::Logarithm => logarithm_gradient(isa, grad, output),
            }
        }
    }
}

/// `grad - e^output * sum(grad)`.
#[inline(always)]
fn logarithm_gradient<I: Isa>(isa: I, grad: &mut [f32], output: &[f32]) {
    let negated = isa.splat(-(sum(isa, grad) as f32));
    let mut grads = grad.chunks_exact_mut(I::LANES);
    let mut outputs = output.chunks_exact(I::LANES);
    for (grad, output) in (&mut grads).zip(&mut outputs) {
        isa.store(isa.fma(exp(isa, isa.load(output)), negated, isa.load(grad)), grad);
    }
    let (grad, output) = (grads.into_remainder(), outputs.remainder());
    if !grad.is_empty() {
        let probability = exp(isa, isa.load_partial(output));
        isa.store_partial(isa.fma(probability, negated, isa.load_partial(grad)), grad);
    }
}

/// The largest number; NaN is left to the sum, which it makes NaN.
#[inline(always)]
pub(crate) fn maximum<I: Isa>(isa: I, row: &[f32]) -> f32 {
    let larger = |most: f32, x: f32| if x > most { x } else { most };
    let mut parts = row.chunks_exact(I::LANES);
    let mut lanes = isa.splat(f32::NEG_INFINITY);
    for part in &mut parts {
        // The second argument is the result where the first is NaN.
        lanes = isa.max(isa.load(part), lanes);
    }
    let rest = parts.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    if row.len() < I::LANES { rest } else { larger(rest, isa.fold(lanes, larger)) }
}

/// Replaces a row by its softmax; returns the sum of the exponentials of the differences from `most`.
#[inline(always)]
pub(crate) fn softmax_row<I: Isa>(isa: I, row: &mut [f32], most: f32) -> f64 {
    let shift = isa.splat(most);
    let mut exponentials = 0.0f64;
    for block in row.chunks_mut(BLOCK) {
        // Written out, since a closure as large as `exp` might be compiled without the instruction set.
        let mut lanes = isa.splat(0.0);
        let mut parts = block.chunks_exact_mut(I::LANES);
        for part in &mut parts {
            let value = exp(isa, isa.sub(isa.load(part), shift));
            lanes = isa.add(lanes, value);
            isa.store(value, part);
        }
        let rest = parts.into_remainder();
        if !rest.is_empty() {
            isa.store_partial(exp(isa, isa.sub(isa.load_partial(rest), shift)), rest);
            // Lanes past the end are zero and add nothing.
            lanes = isa.add(lanes, isa.load_partial(rest));
        }
        exponentials += f64::from(isa.sum(lanes));
    }
    let divisor = exponentials as f32;
    row.iter_mut().for_each(|x| *x /= divisor);
    exponentials
}

/// The sum of the exponentials of the differences from `most`.
#[inline(always)]
fn sum_of_exponentials<I: Isa>(isa: I, row: &[f32], most: f32) -> f64 {
    let shift = isa.splat(most);
    let mut total = 0.0f64;
    for block in row.chunks(BLOCK) {
        let mut lanes = isa.splat(0.0);
        let mut parts = block.chunks_exact(I::LANES);
        for part in &mut parts {
            lanes = isa.add(lanes, exp(isa, isa.sub(isa.load(part), shift)));
        }
        total += f64::from(isa.sum(lanes));
        let rest = parts.remainder();
        if !rest.is_empty() {
            let mut last = [0.0f32; MOST_LANES];
            let last = &mut last[..rest.len()];
            isa.store_partial(exp(isa, isa.sub(isa.load_partial(rest), shift)), last);
            total += last.iter().map(|&x| f64::from(x)).sum::<f64>();
        }
    }
    total
}

/// The sum of a row.
#[inline(always)]
pub(crate) fn sum<I: Isa>(isa: I, row: &[f32]) -> f64 {
    let mut total = 0.0f64;
    for block in row.chunks(BLOCK) {
        let mut lanes = isa.splat(0.0);
        let mut parts = block.chunks_exact(I::LANES);
        for part in &mut parts {
            lanes = isa.add(lanes, isa.load(part));
        }
        lanes = isa.add(lanes, isa.load_partial(parts.remainder()));
        total += f64::from(isa.sum(lanes));
    }
    total
}

/// The sum of the products of two rows.
#[inline(always)]
pub(crate) fn sum_of_products<I: Isa>(isa: I, a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0f64;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = isa.splat(0.0);
        let (mut first, mut second) = (a.chunks_exact(I::LANES), b.chunks_exact(I::LANES));
        for (a, b) in (&mut first).zip(&mut second) {
            lanes = isa.fma(isa.load(a), isa.load(b), lanes);
        }
        let (a, b) = (isa.load_partial(first.remainder()), isa.load_partial(second.remainder()));
        lanes = isa.fma(a, b, lanes);
        total += f64::from(isa.sum(lanes));
    }
    total
}
