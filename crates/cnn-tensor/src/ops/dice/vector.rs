//! The loops for `f32`: groups of whole pixels, sums of blocks in single precision, of all in double.

use super::{Coefficients, Denominator, Geometry, size, slope};
use crate::Result;
use crate::ops::channels::Cut;
use crate::ops::images::Images;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Numbers that one thread takes at a time, about, where parts of examples are smaller.
const PIECE: usize = 1 << 14;

/// Operations that a number costs, roughly.
const COST: usize = 8;

/// Adds up, for each example, the overlaps of its classes, then what they are compared with.
pub(super) fn sums(
    prediction: &[f32],
    target: &[f32],
    geometry: Geometry,
    denominator: Denominator,
    totals: &mut [f64],
) -> Result<()> {
    let level = simd::active()?;
    if prediction.is_empty() {
        return Ok(());
    }
    let Geometry { classes, example, .. } = geometry;
    let cut = Cut::new(example / classes, classes);
    // Some parts of examples make a piece; each part has sums of its own, which are added in order.
    let (parts, sums) = (cut.pieces, 2 * classes);
    let some = (PIECE / cut.piece.min(example)).max(1);
    let add = |partial: &mut [f64]| {
        let pieces = partial.chunks_mut(some * sums).enumerate();
        for_each(pieces, COST * prediction.len(), |(piece, sums)| {
            let first = piece * some;
            level.run(Sums { prediction, target, geometry, cut, first, denominator, sums });
        })
    };
    if parts == 1 {
        return add(totals);
    }
    let mut partial = vec![0.0f64; totals.len() * parts];
    add(&mut partial)?;
    for (part, partial) in partial.chunks_exact(sums).enumerate() {
        let total = &mut totals[part / parts * sums..][..sums];
        total.iter_mut().zip(partial).for_each(|(total, sum)| *total += sum);
    }
    Ok(())
}

pub(super) fn gradient(
    own: &[f32],
    other: &[f32],
    output: &mut [f32],
    geometry: Geometry,
    coefficients: &Coefficients<f32>,
    denominator: Denominator,
) -> Result<()> {
    let level = simd::active()?;
    if output.is_empty() {
        return Ok(());
    }
    let Geometry { classes, example, .. } = geometry;
    let images = Images::new(example / classes, classes);
    let Coefficients { of_other, own: of_own } = coefficients;
    for_each(images.split(output).into_iter(), COST * own.len(), |(first, output)| {
        let part = first..first + output.len();
        let (own, other) = (&own[part.clone()], &other[part]);
        level.run(Gradient {
            images,
            first,
            own,
            other,
            coefficients: [of_other, of_own],
            denominator,
            output,
        });
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
    images: Images,
    /// Number of the part's first element.
    first: usize,
    own: &'a [f32],
    other: &'a [f32],
    /// Those of all examples.
    coefficients: [&'a [f32]; 2],
    denominator: Denominator,
    output: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { images, first, own, other, coefficients, denominator, output } = self;
        let mut walk = images.walk(first, output.len(), coefficients);
        while let Some(range) = walk.next() {
            let [of_other, of_own] = walk.parameters();
            let groups = output[range.clone()].chunks_mut(images.cut.group);
            let inputs =
                own[range.clone()].chunks(images.cut.group).zip(other[range].chunks(images.cut.group));
            for (output, (own, other)) in groups.zip(inputs) {
                let numbers = output.iter_mut().zip(own.iter().zip(other));
                for ((y, (&own, &other)), (&of_other, &of_own)) in numbers.zip(of_other.iter().zip(of_own)) {
                    *y = slope(own, other, [of_other, of_own], denominator);
                }
            }
        }
    }
}
