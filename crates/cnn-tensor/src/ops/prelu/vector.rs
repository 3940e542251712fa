//! The loops for `f32`: slopes repeated over a group of rows, sums of blocks in single precision, of all in double.

use super::{to_input, to_slope, value};
use crate::Result;
use crate::ops::channels::Cut;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

pub(super) fn forward(x: Source<'_, f32>, weight: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (cut, bytes) = (cut(output.len(), weight.len()), 2 * size_of_val(output));
    let slopes = cut.repeat(weight);
    for_each(output.chunks_mut(cut.piece).enumerate(), bytes, |(piece, output)| {
        let x = x.part(piece * cut.piece..piece * cut.piece + output.len());
        level.run(Forward { slopes: &slopes, x, output });
    })
}

pub(super) fn grad_input(x: &[f32], weight: &[f32], grad: Source<'_, f32>, output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (cut, bytes) = (cut(output.len(), weight.len()), 3 * size_of_val(output));
    let slopes = cut.repeat(weight);
    let pieces = output.chunks_mut(cut.piece).zip(x.chunks(cut.piece)).enumerate();
    for_each(pieces, bytes, |(piece, (output, x))| {
        let grad = grad.part(piece * cut.piece..piece * cut.piece + output.len());
        level.run(GradInput { slopes: &slopes, x, grad, output });
    })
}

pub(super) fn grad_weight(x: &[f32], grad: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let slopes = output.len();
    let cut = cut(x.len(), slopes);
    let mut partial = vec![0.0f64; cut.pieces * slopes];
    let pieces = partial.chunks_mut(slopes.max(1)).zip(x.chunks(cut.piece).zip(grad.chunks(cut.piece)));
    for_each(pieces, 2 * size_of_val(x), |(sums, (x, grad))| level.run(GradWeight { cut, x, grad, sums }))?;
    for (slope, result) in output.iter_mut().enumerate() {
        *result = partial.iter().skip(slope).step_by(slopes).sum::<f64>() as f32;
    }
    Ok(())
}

/// One slope for all is one channel.
fn cut(len: usize, slopes: usize) -> Cut {
    Cut::new(len / slopes.max(1), slopes)
}

struct Forward<'a> {
    /// Slopes of the columns of a group.
    slopes: &'a [f32],
    x: Source<'a, f32>,
    output: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { slopes, x, output } = self;
        for (group, output) in output.chunks_mut(slopes.len()).enumerate() {
            let start = group * slopes.len();
            match x.part(start..start + output.len()) {
                Source::InPlace => {
                    for (y, &slope) in output.iter_mut().zip(slopes) {
                        *y = value(*y, slope);
                    }
                }
                Source::Other(x) => {
                    for ((y, &x), &slope) in output.iter_mut().zip(x).zip(slopes) {
                        *y = value(x, slope);
                    }
                }
            }
        }
    }
}

struct GradInput<'a> {
    slopes: &'a [f32],
    x: &'a [f32],
    grad: Source<'a, f32>,
    output: &'a mut [f32],
}

impl Kernel for GradInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { slopes, x, grad, output } = self;
        let groups = output.chunks_mut(slopes.len()).zip(x.chunks(slopes.len()));
        for (group, (output, x)) in groups.enumerate() {
            let start = group * slopes.len();
            match grad.part(start..start + output.len()) {
                Source::InPlace => {
                    for ((result, &x), &slope) in output.iter_mut().zip(x).zip(slopes) {
                        *result = to_input(x, slope, *result);
                    }
                }
                Source::Other(grad) => {
                    for (((result, &x), &slope), &grad) in output.iter_mut().zip(x).zip(slopes).zip(grad) {
                        *result = to_input(x, slope, grad);
                    }
                }
            }
        }
    }
}

struct GradWeight<'a> {
    cut: Cut,
    x: &'a [f32],
    grad: &'a [f32],
    sums: &'a mut [f64],
}

impl Kernel for GradWeight<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { cut, x, grad, sums } = self;
        let mut columns = vec![0.0f32; cut.group];
        for (x, grad) in x.chunks(cut.block).zip(grad.chunks(cut.block)) {
            columns.fill(0.0);
            for (x, grad) in x.chunks(cut.group).zip(grad.chunks(cut.group)) {
                for ((sum, &x), &grad) in columns.iter_mut().zip(x).zip(grad) {
                    *sum += to_slope(x, grad);
                }
            }
            cut.fold(&columns, sums);
        }
    }
}
