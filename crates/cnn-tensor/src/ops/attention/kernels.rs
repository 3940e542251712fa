//! The loops over a block of weights, row by row: scores to weights, and their gradients back.

use super::{Causality, Dropout};
use crate::ops::dropout::Mask as Dropped;
use crate::ops::softmax::rows::{maximum, softmax_row, sum_of_products};
use crate::simd::{Isa, Kernel};

/// What is added to a row of scores.
#[derive(Clone, Copy)]
pub(super) enum MaskRow<'a> {
    Nothing,
    /// Zero where the byte is not, else negative infinity.
    Seen(&'a [u8]),
    Added(&'a [f32]),
}

/// Which weights a block holds: those of some queries for the first `keys` keys.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Number of the first query.
    pub(super) query: usize,
    /// Keys of each row.
    pub(super) keys: usize,
}

/// Replaces a block of products of queries and keys by their weights.
pub(super) struct Softmax<'a, M> {
    pub(super) block: Block,
    pub(super) scores: &'a mut [f32],
    pub(super) scale: f32,
    pub(super) causality: Causality,
    /// The mask of a row of the block.
    pub(super) mask: M,
}

impl<'a, M: Fn(usize) -> MaskRow<'a>> Kernel for Softmax<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { block, scores, scale, causality, mask } = self;
        for (row, scores) in scores.chunks_exact_mut(block.keys).enumerate() {
            match mask(row) {
                MaskRow::Nothing => scores.iter_mut().for_each(|score| *score *= scale),
                MaskRow::Seen(seen) => {
                    for (score, &seen) in scores.iter_mut().zip(seen) {
                        *score = *score * scale + if seen != 0 { 0.0 } else { f32::NEG_INFINITY };
                    }
                }
                MaskRow::Added(added) => {
                    scores.iter_mut().zip(added).for_each(|(score, added)| *score = *score * scale + added);
                }
            }
            if causality == Causality::Causal {
                let seen = (block.query + row + 1).min(scores.len());
                scores[seen..].fill(f32::NEG_INFINITY);
            }
            softmax(isa, scores);
        }
    }
}

/// Replaces a row by its softmax, or by zeros where all of it is negative infinity.
#[inline(always)]
fn softmax<I: Isa>(isa: I, row: &mut [f32]) {
    let most = maximum(isa, row);
    match most == f32::NEG_INFINITY && !row.iter().any(|score| score.is_nan()) {
        true => row.fill(0.0),
        false => _ = softmax_row(isa, row, most),
    }
}

/// Drops weights of a block.
pub(super) struct Drop<'a> {
    pub(super) block: Block,
    pub(super) weights: &'a mut [f32],
    pub(super) dropout: Dropout,
    /// Number of the block's first weight among all.
    pub(super) first: u64,
    /// Weights of a query among all.
    pub(super) pitch: usize,
    /// Room for a row.
    pub(super) factors: &'a mut [f32],
}

impl Kernel for Drop<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { block, weights, dropout, first, pitch, factors } = self;
        let dropped = Dropped::new(dropout.probability, dropout.key);
        let factors = &mut factors[..block.keys];
        for (row, weights) in weights.chunks_exact_mut(block.keys).enumerate() {
            dropped.factors(first.wrapping_add((row * pitch) as u64), factors);
            weights.iter_mut().zip(&*factors).for_each(|(weight, factor)| *weight *= factor);
        }
    }
}

/// Replaces the gradients of the weights of a block by those of the products of queries and keys, and the weights by
/// what is left of them after dropping.
pub(super) struct Back<'a> {
    pub(super) block: Block,
    pub(super) weights: &'a mut [f32],
    pub(super) grads: &'a mut [f32],
    pub(super) scale: f32,
    pub(super) dropout: Option<Dropout>,
    /// As in [`Drop`].
    pub(super) first: u64,
    pub(super) pitch: usize,
    pub(super) factors: &'a mut [f32],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { block, weights, grads, scale, dropout, first, pitch, factors } = self;
        let dropped = dropout.map(|dropout| Dropped::new(dropout.probability, dropout.key));
        let rows = weights.chunks_exact_mut(block.keys).zip(grads.chunks_exact_mut(block.keys));
        for (row, (weights, grads)) in rows.enumerate() {
            if let Some(dropped) = dropped {
                let factors = &mut factors[..block.keys];
                dropped.factors(first.wrapping_add((row * pitch) as u64), factors);
                grads.iter_mut().zip(&*factors).for_each(|(grad, factor)| *grad *= factor);
            }
            let share = sum_of_products(isa, weights, grads) as f32;
            for (grad, &weight) in grads.iter_mut().zip(&*weights) {
                *grad = weight * (*grad - share) * scale;
            }
            if dropped.is_some() {
                weights.iter_mut().zip(&*factors).for_each(|(weight, factor)| *weight *= factor);
            }
        }
    }
}
