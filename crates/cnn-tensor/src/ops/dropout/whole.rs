//! The loop for `f32` that drops channels or examples whole: one factor for each, repeated over a group of pixels.

use crate::Result;
use crate::ops::channels::Cut;
use crate::ops::in_place::{PIECE, Source};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Multiplies each number by the factor of its example and column; an example has `example` numbers, in rows of as many
/// columns as there are factors for each.
pub(super) fn scale(x: Source<'_, f32>, output: &mut [f32], factors: &[f32], example: usize) -> Result<()> {
    let level = simd::active()?;
    if output.is_empty() {
        return Ok(());
    }
    let columns = factors.len() * example / output.len();
    let cut = Cut::new(example / columns, columns);
    let rows = factors.chunks_exact(columns);
    let factors: Vec<f32> = rows.flat_map(|row| row.iter().copied().cycle().take(cut.group)).collect();
    // A piece is some examples, or whole groups of one.
    let some = example * (PIECE / example).max(1);
    let piece = if example > PIECE { cut.group * (PIECE / cut.group).max(1) } else { some };
    let bytes = 2 * size_of_val(output);
    let mut pieces = Vec::with_capacity(output.len().div_ceil(some) * some.div_ceil(piece));
    for (index, output) in output.chunks_mut(some).enumerate() {
        let parts = output.chunks_mut(piece).enumerate();
        pieces.extend(parts.map(|(part, output)| (index * some + part * piece, output)));
    }
    for_each(pieces.into_iter(), bytes, |(start, output)| {
        let x = x.part(start..start + output.len());
        level.run(Scale { x, output, factors: &factors, example, group: cut.group, start });
    })
}

struct Scale<'a> {
    x: Source<'a, f32>,
    output: &'a mut [f32],
    /// For each example, those of its columns over a group.
    factors: &'a [f32],
    example: usize,
    group: usize,
    /// Number of the first element, the first of a group.
    start: usize,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { x, output, factors, example, group, start } = self;
        let mut done = 0;
        while done < output.len() {
            let number = (start + done) / example;
            let len = group.min((number + 1) * example - start - done).min(output.len() - done);
            let factors = &factors[number * group..number * group + len];
            let results = output[done..done + len].iter_mut().zip(factors);
            match x.part(done..done + len) {
                Source::InPlace => {
                    for (y, &factor) in results {
                        *y *= factor;
                    }
                }
                Source::Other(x) => {
                    for ((y, &factor), &x) in results.zip(x) {
                        *y = x * factor;
                    }
                }
            }
            done += len;
        }
    }
}
