//! The loop for `f32`: cut into pieces for the threads, compiled for each instruction set.

use super::Binary;
use crate::Result;
use crate::ops::in_place::{PIECE, Source};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

pub(super) fn combine<B: Binary>(op: &B, a: Source<'_, f32>, b: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let bytes = 3 * size_of_val(output);
    for_each(output.chunks_mut(PIECE).zip(b.chunks(PIECE)).enumerate(), bytes, |(piece, (output, b))| {
        let a = a.part(piece * PIECE..piece * PIECE + output.len());
        level.run(Combine { op, a, b, output });
    })
}

struct Combine<'a, B> {
    op: &'a B,
    a: Source<'a, f32>,
    b: &'a [f32],
    output: &'a mut [f32],
}

impl<B: Binary> Kernel for Combine<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { op, a, b, output } = self;
        match a {
            Source::InPlace => output.iter_mut().zip(b).for_each(|(y, &b)| *y = op.value(*y, b)),
            Source::Other(a) => {
                for ((y, &a), &b) in output.iter_mut().zip(a).zip(b) {
                    *y = op.value(a, b);
                }
            }
        }
    }
}
