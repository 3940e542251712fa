//! The loops for `f32`: a row in vectors, rows in pieces for the threads, the loss in double precision.

use crate::Result;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

use super::exp::exp;

/// Numbers in the rows of a piece, about.
const PIECE: usize = 1 << 12;

/// Numbers whose sum is taken in single precision.
const BLOCK: usize = 1 << 10;

/// Operations that one exponential costs, roughly.
const EXP: usize = 16;

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
        let rows = probabilities.chunks_exact_mut(classes).zip(logits.chunks_exact(classes));
        for ((probabilities, logits), &label) in rows.zip(labels) {
            probabilities.copy_from_slice(logits);
            let Row { log_sum, sum } = level.run(Softmax { row: probabilities });
            let on_label = (1.0 - smoothing) * (log_sum - f64::from(logits[label as usize]));
            // Without smoothing a class of probability zero must not turn 0 * infinity into NaN.
            let on_all = match smoothing > 0.0 {
                true => smoothing * (log_sum - sum / classes as f64),
                false => 0.0,
            };
            *loss += on_label + on_all;
        }
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

pub(super) fn softmax(x: &mut [f32], last: usize) -> Result<()> {
    let level = simd::active()?;
    let cost = EXP * x.len();
    for_each(x.chunks_mut(rows(last) * last.max(1)), cost, |piece| {
        for row in piece.chunks_exact_mut(last) {
            level.run(Softmax { row });
        }
    })
}

fn rows(classes: usize) -> usize {
    (PIECE / classes.max(1)).max(1)
}

/// What the loss of a row is made of.
struct Row {
    /// Logarithm of the sum of the exponentials.
    log_sum: f64,
    /// Sum of the logits.
    sum: f64,
}

/// Replaces a row of logits by its softmax.
struct Softmax<'a> {
    row: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = Row;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Row {
        let Self { row } = self;
        // NaN is left to the sum, which it makes NaN.
        let mut lanes = [f32::NEG_INFINITY; 16];
        for part in row.chunks(lanes.len()) {
            for (lane, &x) in lanes.iter_mut().zip(part) {
                *lane = if x > *lane { x } else { *lane };
            }
        }
        let most = lanes.into_iter().fold(f32::NEG_INFINITY, |most, x| if x > most { x } else { most });
        let shift = isa.splat(most);
        let (mut sum, mut exponentials) = (0.0f64, 0.0f64);
        for block in row.chunks_mut(BLOCK) {
            let mut lanes = [0.0f32; 16];
            for part in block.chunks(lanes.len()) {
                lanes.iter_mut().zip(part).for_each(|(lane, x)| *lane += x - most);
            }
            sum += lanes.into_iter().map(f64::from).sum::<f64>();
            // Written out, since a closure as large as `exp` might be compiled without the instruction set.
            let mut lanes = isa.splat(0.0);
            for part in block.chunks_mut(I::LANES) {
                isa.store_partial(exp(isa, isa.sub(isa.load_partial(part), shift)), part);
                // Lanes past the end are zero and add nothing.
                lanes = isa.add(lanes, isa.load_partial(part));
            }
            exponentials += f64::from(isa.sum(lanes));
        }
        let divisor = exponentials as f32;
        row.iter_mut().for_each(|x| *x /= divisor);
        let most = f64::from(most);
        Row { log_sum: most + exponentials.ln(), sum: sum + most * row.len() as f64 }
    }
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
