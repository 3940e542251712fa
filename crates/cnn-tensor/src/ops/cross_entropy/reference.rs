//! The plain loops: the oracle, and the path of `f64`.

use crate::Float;
use crate::ops::softmax::maximum;

pub(super) fn forward<F: Float>(logits: &[F], labels: &[i64], smoothing: f64, probabilities: &mut [F]) -> F {
    let classes = logits.len() / labels.len().max(1);
    let mut total = F::ZERO;
    for (row, &label) in labels.iter().enumerate() {
        let range = row * classes..(row + 1) * classes;
        let (x, p) = (&logits[range.clone()], &mut probabilities[range]);
        let most = maximum(x);
        let sum: F = x.iter().map(|&x| (x - most).exp()).sum();
        let log_sum = most + sum.ln();
        let mut uniform = F::ZERO;
        for (p, &x) in p.iter_mut().zip(x) {
            *p = (x - most).exp() / sum;
            uniform += log_sum - x;
        }
        let on_label = F::from_f64(1.0 - smoothing) * (log_sum - x[label as usize]);
        // Without smoothing a class of probability zero must not turn 0 * infinity into NaN.
        let on_all =
            if smoothing > 0.0 { F::from_f64(smoothing / classes as f64) * uniform } else { F::ZERO };
        total += on_label + on_all;
    }
    total / F::from_f64(labels.len() as f64)
}

pub(super) fn backward<F: Float>(
    probabilities: &mut [F],
    classes: usize,
    labels: &[i64],
    smoothing: f64,
    factor: f64,
) {
    let [everywhere, on_label, factor] =
        [smoothing / classes as f64, 1.0 - smoothing, factor].map(F::from_f64);
    for (row, &label) in probabilities.chunks_exact_mut(classes.max(1)).zip(labels) {
        row[label as usize] -= on_label;
        for p in row {
            *p = (*p - everywhere) * factor;
        }
    }
}
