//! The plain loops: the oracle, and the path of `f64`.

use super::{Options, Window};
use crate::Float;

/// The channels of the window of a channel.
fn channels(window: Window, c: usize) -> std::ops::Range<usize> {
    c.saturating_sub(window.before)..(c + window.after + 1).min(window.channels)
}

/// What each number of a row is divided by, before it is raised to its power.
fn bases<F: Float>(window: Window, options: &Options, x: &[F]) -> Vec<F> {
    let (k, factor) = (F::from_f64(options.k), F::from_f64(options.alpha / options.size as f64));
    let sum = |c| x[channels(window, c)].iter().map(|&x| x * x).sum::<F>();
    (0..x.len()).map(|c| k + factor * sum(c)).collect()
}

/// `base^power`, where anything to the power of zero is one.
fn power<F: Float>(base: F, power: f64) -> F {
    if power == 0.0 { F::ONE } else { (F::from_f64(power) * base.ln()).exp() }
}

pub(super) fn forward<F: Float>(window: Window, options: &Options, x: &[F], output: &mut [F]) {
    for (x, y) in x.chunks_exact(window.channels).zip(output.chunks_exact_mut(window.channels)) {
        let bases = bases(window, options, x);
        for c in 0..x.len() {
            y[c] = x[c] * power(bases[c], -options.beta);
        }
    }
}

pub(super) fn backward<F: Float>(window: Window, options: &Options, x: &[F], grad: &[F], result: &mut [F]) {
    let factor = F::from_f64(2.0 * options.alpha * options.beta / options.size as f64);
    let rows = x.chunks_exact(window.channels).zip(grad.chunks_exact(window.channels));
    for ((x, grad), result) in rows.zip(result.chunks_exact_mut(window.channels)) {
        let bases = bases(window, options, x);
        for c in 0..x.len() {
            let through = |c: usize| grad[c] * x[c] * power(bases[c], -options.beta) / bases[c];
            let sum = channels(window.reversed(), c).map(through).sum::<F>();
            result[c] = grad[c] * power(bases[c], -options.beta) - factor * x[c] * sum;
        }
    }
}
