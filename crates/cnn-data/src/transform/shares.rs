//! Drawn shares that sum to one: the distributions of Dirichlet and, for two, Beta.
//!
//! They are gamma-distributed numbers over their sum; a number is drawn by the method of Marsaglia and Tsang (ACM
//! TOMS 2000). Everything is kept as logarithms, because numbers of a small parameter leave the range of a double.

use cnn_tensor::random::Key;

/// Tries before the mode is taken; each is refused with a probability under 5 %.
const TRIES: u64 = 64;

/// `count` shares from the symmetric Dirichlet distribution of parameter `alpha`, over 0.
pub(crate) fn dirichlet(key: Key, alpha: f64, count: usize) -> Vec<f64> {
    let logs: Vec<f64> = (0..count as u64).map(|place| log_gamma_draw(key.fold(place), alpha)).collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// A share from the Beta distribution whose two parameters are `alpha`, over 0.
pub(crate) fn beta(key: Key, alpha: f64) -> f64 {
    dirichlet(key, alpha, 2)[0]
}

/// The logarithm of a number from the gamma distribution of a shape.
fn log_gamma_draw(key: Key, shape: f64) -> f64 {
    // A shape below 1 is that of one more, times a uniform number to the power of its inverse.
    let (above, boost) = match shape < 1.0 {
        true => (shape + 1.0, positive(key, u64::MAX / 8).ln() / shape),
        false => (shape, 0.0),
    };
    let d = above - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let accepted = (0..TRIES).find_map(|attempt| {
        let normal = key.normal_f64(2 * attempt);
        let cube = (1.0 + c * normal).powi(3);
        let bound = 0.5 * normal * normal + d - d * cube + d * cube.ln();
        (cube > 0.0 && positive(key, 2 * attempt + 1).ln() < bound).then_some(cube)
    });
    (d * accepted.unwrap_or(1.0)).ln() + boost
}

/// A uniform number over 0.
fn positive(key: Key, index: u64) -> f64 {
    key.uniform_f64(index).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_mean_and_the_variance_of_their_distribution() {
        for (alpha, count) in [(0.2, 2), (1.0, 2), (1.0, 3), (5.0, 4)] {
            let drawn: Vec<f64> =
                (0..20_000).map(|seed| dirichlet(Key::new(seed), alpha, count)[0]).collect();
            let (mean, parts) = (1.0 / count as f64, count as f64);
            let variance = mean * (1.0 - mean) / (parts * alpha + 1.0);
            let met = drawn.iter().sum::<f64>() / 20_000.0;
            let spread = drawn.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 20_000.0;
            assert!((met - mean).abs() < 0.01, "{alpha} {count}: {met}");
            assert!((spread / variance - 1.0).abs() < 0.05, "{alpha} {count}: {spread} {variance}");
        }
    }

    #[test]
    fn shares_of_extreme_parameters_are_shares() {
        for seed in 0..200 {
            for alpha in [1e-3, 1e3] {
                let share = beta(Key::new(seed), alpha);
                assert!((0.0..=1.0).contains(&share));
            }
        }
        assert!((0..200).any(|seed| beta(Key::new(seed), 1e-3) < 1e-9));
    }
}
