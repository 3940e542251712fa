//! The loops for `f32`: groups of whole pixels, sums of blocks in single precision, of all in double.

use super::{Coefficients, Denominator, Geometry, size, slope};
use crate::Result;
use crate::ops::channels::Cut;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Numbers that one thread takes at a time, about, where parts of examples are smaller.
const PIECE: usize = 1 << 14;

/// Operations that a number costs, roughly.
const COST: usize = 8;

/// For each example the overlaps of its classes, then what they are compared with.
pub(super) fn sums(
    prediction: &[f32],
    target: &[f32],
    geometry: Geometry,
    denominator: Denominator,
) -> Result<Vec<f64>> {
    let level = simd::active()?;
    let Geometry { batch, classes, example } = geometry;
    let mut totals = vec![0.0f64; 2 * batch * classes];
    if prediction.is_empty() {
        return Ok(totals);
    }
    let cut = Cut::new(example / classes, classes);
    // Some parts of examples make a piece; each part has sums of its own, which are added in order.
    let (parts, sums) = (cut.pieces, 2 * classes);
    let some = (PIECE / cut.piece.min(example)).max(1);
    let mut partial = vec![0.0f64; batch * parts * sums];
    let pieces = partial.chunks_mut(some * sums).enumerate();
    for_each(pieces, COST * prediction.len(), |(piece, sums)| {
        let first = piece * some;
        level.run(Sums { prediction, target, geometry, cut, first, denominator, sums });
    })?;
    for (part, sums) in partial.chunks_exact(sums).enumerate() {
        let total = &mut totals[part / parts * 2 * classes..][..2 * classes];
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    Ok(totals)
}

pub(super) fn gradient(
    own: &[f32],
    other: &[f32],
    output: &mut [f32],
    geometry: Geometry,
    coefficients: &Coefficients,
    denominator: Denominator,
) -> Result<()> {
    let level = simd::active()?;
    if output.is_empty() {
        return Ok(());
    }
    let Geometry { classes, example, .. } = geometry;
    let cut = Cut::new(example / classes, classes);
    let repeat = |values: &[f64]| -> Vec<f32> {
        let rows = values.chunks_exact(classes);
        rows.flat_map(|row| row.iter().cycle().take(cut.group).map(|&value| value as f32)).collect()
    };
    let (of_other, of_own) = (repeat(&coefficients.of_other), repeat(&coefficients.own));
    let coefficients = [of_other.as_slice(), of_own.as_slice()];
    // A piece is some examples, or whole groups of one.
    let some = example * (PIECE / example).max(1);
    let piece = if example > PIECE { cut.group * (PIECE / cut.group).max(1) } else { some };
    let mut pieces = Vec::with_capacity(output.len().div_ceil(some) * some.div_ceil(piece));
    for (index, output) in output.chunks_mut(some).enumerate() {
        let parts = output.chunks_mut(piece).enumerate();
        pieces.extend(parts.map(|(part, output)| (index * some + part * piece, output)));
    }
    for_each(pieces.into_iter(), COST * own.len(), |(start, output)| {
        level.run(Gradient { own, other, coefficients, example, cut, start, denominator, output });
    })
}

struct Sums<'a> {
    prediction: &'a [f32],
    target: &'a [f32],
    geometry: Geometry,
    cut: Cut,
    /// Number of the first part.
    first: usize,
    denominator: Denominator,
    /// Both sums of the classes, for each part.
    sums: &'a mut [f64],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { prediction, target, geometry, cut, first, denominator, sums } = self;
        let Geometry { classes, example, .. } = geometry;
        let mut overlaps = vec![0.0f32; cut.group];
        let mut sizes = vec![0.0f32; cut.group];
        for (part, sums) in sums.chunks_exact_mut(2 * classes).enumerate() {
            let (number, part) = ((first + part) / cut.pieces, (first + part) % cut.pieces);
            let start = number * example + part * cut.piece;
            let end = (start + cut.piece).min((number + 1) * example);
            let (prediction, target) = (&prediction[start..end], &target[start..end]);
            for (prediction, target) in prediction.chunks(cut.block).zip(target.chunks(cut.block)) {
                overlaps.fill(0.0);
                sizes.fill(0.0);
                for (prediction, target) in prediction.chunks(cut.group).zip(target.chunks(cut.group)) {
                    let columns = overlaps.iter_mut().zip(&mut sizes);
                    for ((overlap, sum), (&p, &t)) in columns.zip(prediction.iter().zip(target)) {
                        *overlap += p * t;
                        *sum += size(p, t, denominator);
                    }
                }
                cut.fold(&overlaps, &mut sums[..classes]);
                cut.fold(&sizes, &mut sums[classes..]);
            }
        }
    }
}

struct Gradient<'a> {
    own: &'a [f32],
    other: &'a [f32],
    /// For each example, those of its classes over a group.
    coefficients: [&'a [f32]; 2],
    example: usize,
    cut: Cut,
    /// Number of the first element, the first of a group.
    start: usize,
    denominator: Denominator,
    output: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { own, other, coefficients, example, cut, start, denominator, output } = self;
        let mut done = 0;
        while done < output.len() {
            let at = start + done;
            let number = at / example;
            let len = cut.group.min((number + 1) * example - at).min(output.len() - done);
            let columns = number * cut.group..number * cut.group + len;
            let [of_other, of_own] = coefficients.map(|values| &values[columns.clone()]);
            let elements = own[at..at + len].iter().zip(&other[at..at + len]);
            let results = output[done..done + len].iter_mut().zip(of_other.iter().zip(of_own));
            for ((y, (&of_other, &of_own)), (&own, &other)) in results.zip(elements) {
                *y = slope(own, other, [of_other, of_own], denominator);
            }
            done += len;
        }
    }
}
