//! The loops for `f32`: a row in vectors, rows in pieces for the threads, the loss in double precision.

use crate::Result;
use crate::ops::softmax::rows::{BLOCK, EXP, maximum, rows, softmax_row};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel, MOST_LANES};

/// The mean loss; writes the probabilities.
pub(super) fn forward(
    logits: &[f32],
    labels: &[i64],
    smoothing: f64,
    probabilities: &mut [f32],
) -> Result<f32> {
    let level = simd::active()?;
    let classes = logits.len() / labels.len().max(1);
    let rows = rows(classes);
    let mut losses = vec![0.0f64; labels.len().div_ceil(rows)];
    let pieces = probabilities
        .chunks_mut(rows * classes.max(1))
        .zip(logits.chunks(rows * classes.max(1)))
        .zip(labels.chunks(rows))
        .zip(&mut losses);
    for_each(pieces, EXP * logits.len(), |(((probabilities, logits), labels), loss)| {
        *loss = level.run(Losses { probabilities, logits, labels, classes, smoothing });
    })?;
    Ok((losses.iter().sum::<f64>() / labels.len() as f64) as f32)
}

pub(super) fn backward(
    probabilities: &mut [f32],
    classes: usize,
    labels: &[i64],
    smoothing: f64,
    factor: f64,
) -> Result<()> {
    let level = simd::active()?;
    let rows = rows(classes);
    let bytes = 2 * size_of_val(probabilities);
    let everywhere = (smoothing / classes as f64) as f32;
    let (on_label, factor) = ((1.0 - smoothing) as f32, factor as f32);
    let pieces = probabilities.chunks_mut(rows * classes.max(1)).zip(labels.chunks(rows));
    for_each(pieces, bytes, |(piece, labels)| {
        for (row, &label) in piece.chunks_exact_mut(classes).zip(labels) {
            row[label as usize] -= on_label;
        }
        level.run(Difference { piece, everywhere, factor });
    })
}

/// The losses of the rows of a piece, in all.
struct Losses<'a> {
    probabilities: &'a mut [f32],
    logits: &'a [f32],
    labels: &'a [i64],
    classes: usize,
    smoothing: f64,
}

impl Kernel for Losses<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let Self { probabilities, logits, labels, classes, smoothing } = self;
        let mut loss = 0.0;
        let rows = probabilities.chunks_exact_mut(classes).zip(logits.chunks_exact(classes));
        for ((probabilities, logits), &label) in rows.zip(labels) {
            probabilities.copy_from_slice(logits);
            let most = maximum(isa, logits);
            let log_sum = f64::from(most) + softmax_row(isa, probabilities, most).ln();
            let on_label = (1.0 - smoothing) * (log_sum - f64::from(logits[label as usize]));
            // Without smoothing a class of probability zero must not turn 0 * infinity into NaN.
            let on_all = match smoothing > 0.0 {
                true => {
                    let mean = f64::from(most) + sum_of_differences(logits, most) / classes as f64;
                    smoothing * (log_sum - mean)
                }
                false => 0.0,
            };
            loss += on_label + on_all;
        }
        loss
    }
}

/// The sum of the differences from `most`.
#[inline(always)]
fn sum_of_differences(row: &[f32], most: f32) -> f64 {
    let mut sum = 0.0;
    for block in row.chunks(BLOCK) {
        let mut lanes = [0.0f32; MOST_LANES];
        for part in block.chunks(MOST_LANES) {
            lanes.iter_mut().zip(part).for_each(|(lane, x)| *lane += x - most);
        }
        sum += lanes.into_iter().map(f64::from).sum::<f64>();
    }
    sum
}

/// `(p - everywhere) * factor`.
struct Difference<'a> {
    piece: &'a mut [f32],
    everywhere: f32,
    factor: f32,
}

impl Kernel for Difference<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        for p in self.piece {
            *p = (*p - self.everywhere) * self.factor;
        }
    }
}
