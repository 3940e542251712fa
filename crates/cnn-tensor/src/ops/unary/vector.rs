//! The loops for `f32`: cut into pieces for the threads, compiled for each instruction set.

use super::Unary;
use crate::Result;
use crate::ops::in_place::{PIECE, Source};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

pub(super) fn forward<U: Unary>(op: &U, x: Source<'_, f32>, output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let bytes = 2 * size_of_val(output);
    for_each(output.chunks_mut(PIECE).enumerate(), bytes, |(piece, output)| {
        let x = x.part(piece * PIECE..piece * PIECE + output.len());
        level.run(Forward { op, x, output });
    })
}

pub(super) fn backward<U: Unary>(
    op: &U,
    kept: &[f32],
    grad: Source<'_, f32>,
    output: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let bytes = 3 * size_of_val(output);
    for_each(
        output.chunks_mut(PIECE).zip(kept.chunks(PIECE)).enumerate(),
        bytes,
        |(piece, (output, kept))| {
            let grad = grad.part(piece * PIECE..piece * PIECE + output.len());
            level.run(Backward { op, kept, grad, output });
        },
    )
}

struct Forward<'a, U> {
    op: &'a U,
    x: Source<'a, f32>,
    output: &'a mut [f32],
}

impl<U: Unary> Kernel for Forward<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { op, x, output } = self;
        match x {
            // Loops, since a closure as large as a member might be compiled without the instruction set.
            Source::InPlace => {
                for y in output {
                    *y = op.value(*y);
                }
            }
            Source::Other(x) => {
                for (y, &x) in output.iter_mut().zip(x) {
                    *y = op.value(x);
                }
            }
        }
    }
}

struct Backward<'a, U> {
    op: &'a U,
    kept: &'a [f32],
    grad: Source<'a, f32>,
    output: &'a mut [f32],
}

impl<U: Unary> Kernel for Backward<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { op, kept, grad, output } = self;
        match grad {
            Source::InPlace => {
                for (result, &kept) in output.iter_mut().zip(kept) {
                    *result = op.gradient(kept, *result);
                }
            }
            Source::Other(grad) => {
                for ((result, &kept), &grad) in output.iter_mut().zip(kept).zip(grad) {
                    *result = op.gradient(kept, grad);
                }
            }
        }
    }
}
