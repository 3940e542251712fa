//! The loop for `f32`: random numbers and product in one pass, cut into pieces for the threads.

use super::Mask;
use crate::Result;
use crate::ops::in_place::{PIECE, Source};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Elements whose mask is drawn at a time: sixteen blocks of the generator.
const GROUP: usize = 64;

/// Operations that drawing a number costs, roughly.
const DRAW: usize = 10;

pub(super) fn dropout(x: Source<'_, f32>, output: &mut [f32], mask: Mask) -> Result<()> {
    let level = simd::active()?;
    let cost = DRAW * output.len();
    for_each(output.chunks_mut(PIECE).enumerate(), cost, |(piece, output)| {
        let first = piece * PIECE;
        let x = x.part(first..first + output.len());
        level.run(Dropout { x, output, mask, first: first as u64 });
    })
}

struct Dropout<'a> {
    x: Source<'a, f32>,
    output: &'a mut [f32],
    mask: Mask,
    /// Number of the first element in the whole tensor, a multiple of four.
    first: u64,
}

impl Kernel for Dropout<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, output, mask, first } = self;
        let mut factors = [0.0f32; GROUP];
        for (group, output) in output.chunks_mut(GROUP).enumerate() {
            let start = group * GROUP;
            mask.factors(first + start as u64, &mut factors);
            match x.part(start..start + output.len()) {
                Source::InPlace => output.iter_mut().zip(&factors).for_each(|(y, factor)| *y *= factor),
                Source::Other(x) => {
                    for ((y, &x), &factor) in output.iter_mut().zip(x).zip(&factors) {
                        *y = x * factor;
                    }
                }
            }
        }
    }
}
