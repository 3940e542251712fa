//! The loops for `f32`: groups of whole rows, so that the numbers of the channels are a vector too, and blocks of them
//! whose sums are taken in single precision.

use std::ops::Range;

use super::{Operands, Terms};
use crate::Result;
use crate::ops::channels::Cut;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Operations that the loss of an element costs, roughly.
const COST: usize = 16;

/// What is written for each element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Gradient,
}

/// The sum of all losses.
pub(super) fn sum<T: Terms>(terms: &T, operands: &Operands<'_, f32>) -> Result<f64> {
    let level = simd::active()?;
    let len = operands.prediction.len();
    let cut = cut(operands);
    let channels = cut.repeat(operands.channels);
    let mut sums = vec![0.0f64; cut.pieces];
    for_each(sums.iter_mut().enumerate(), COST * len, |(piece, sum)| {
        let range = piece * cut.piece..len.min((piece + 1) * cut.piece);
        *sum = level.run(Sum { terms, operands, channels: &channels, cut, range });
    })?;
    Ok(sums.iter().sum())
}

/// Values or gradients of all elements, times one factor or one for each.
pub(super) fn each<T: Terms>(
    terms: &T,
    operands: &Operands<'_, f32>,
    part: Part,
    factors: &[f32],
    output: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let cost = COST * output.len();
    let cut = cut(operands);
    let channels = cut.repeat(operands.channels);
    for_each(output.chunks_mut(cut.piece).enumerate(), cost, |(piece, output)| {
        let start = piece * cut.piece;
        level.run(Each { terms, operands, channels: &channels, start, part, factors, output });
    })
}

fn cut(operands: &Operands<'_, f32>) -> Cut {
    let channels = operands.channels.len();
    Cut::new(operands.prediction.len() / channels.max(1), channels)
}

struct Sum<'a, T> {
    terms: &'a T,
    operands: &'a Operands<'a, f32>,
    /// The numbers of the channels, repeated over a group.
    channels: &'a [f32],
    cut: Cut,
    range: Range<usize>,
}

impl<T: Terms> Kernel for Sum<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> f64 {
        let Self { terms, operands, channels, cut, range } = self;
        let mut total = 0.0f64;
        let mut columns = vec![0.0f32; channels.len()];
        for block in range.clone().step_by(cut.block) {
            columns.fill(0.0);
            let end = range.end.min(block + cut.block);
            for start in (block..end).step_by(channels.len()) {
                let group = start..end.min(start + channels.len());
                let pairs = operands.prediction[group.clone()].iter().zip(&operands.target[group.clone()]);
                let losses = pairs.zip(channels);
                match operands.weight {
                    None => {
                        for (sum, ((&prediction, &target), &channel)) in columns.iter_mut().zip(losses) {
                            *sum += terms.value(prediction, target, channel);
                        }
                    }
                    Some(weight) => {
                        let sums = columns.iter_mut().zip(&weight[group]);
                        for ((sum, &weight), ((&prediction, &target), &channel)) in sums.zip(losses) {
                            *sum += terms.value(prediction, target, channel) * weight;
                        }
                    }
                }
            }
            total += columns.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        }
        total
    }
}

struct Each<'a, T> {
    terms: &'a T,
    operands: &'a Operands<'a, f32>,
    channels: &'a [f32],
    /// Number of the first element.
    start: usize,
    part: Part,
    factors: &'a [f32],
    output: &'a mut [f32],
}

impl<T: Terms> Kernel for Each<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { terms, operands, channels, start, part, factors, output } = self;
        for (group, output) in output.chunks_mut(channels.len()).enumerate() {
            let first = start + group * channels.len();
            let range = first..first + output.len();
            let pairs = operands.prediction[range.clone()].iter().zip(&operands.target[range.clone()]);
            let elements = output.iter_mut().zip(pairs.zip(channels));
            match part {
                Part::Value => {
                    for (y, ((&prediction, &target), &channel)) in elements {
                        *y = terms.value(prediction, target, channel);
                    }
                }
                Part::Gradient => {
                    for (y, ((&prediction, &target), &channel)) in elements {
                        *y = terms.gradient(prediction, target, channel);
                    }
                }
            }
            // A group is in the nearest cache.
            if let Some(weight) = operands.weight {
                for (y, &weight) in output.iter_mut().zip(&weight[range.clone()]) {
                    *y *= weight;
                }
            }
            match *factors {
                [1.0] => {}
                [factor] => {
                    for y in output {
                        *y *= factor;
                    }
                }
                _ => {
                    for (y, &factor) in output.iter_mut().zip(&factors[range]) {
                        *y *= factor;
                    }
                }
            }
        }
    }
}
