//! The normal distribution between two bounds, by the inverse of its distribution function.

use cnn_tensor::random::Key;
use cnn_tensor::{Float, Tensor};

use super::{Fans, Initializer, fill};
use crate::{Error, Result};

/// Normal with a mean and a deviation, of which only what is between two bounds is drawn: `trunc_normal_` of
/// `torch.nn.init`. The bounds are those of the numbers, not counted in deviations.
///
/// ```
/// use cnn_layers::init::{Fans, Initializer, TruncatedNormal};
/// use cnn_layers::{Key, Result};
/// # fn main() -> Result<()> {
/// // As vision transformers start: 0.02 wide, cut at 2 in PyTorch's way, that is, nowhere.
/// let initializer = TruncatedNormal { deviation: 0.02, ..TruncatedNormal::default() };
/// let weight = initializer.tensor(&[4, 4], Fans { fan_in: 4, fan_out: 4 }, Key::new(1))?;
/// assert!(weight.to_vec::<f32>()?.iter().all(|x| x.abs() < 0.2));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncatedNormal {
    /// Mean of the distribution before it is cut.
    pub mean: f64,
    /// Standard deviation before it is cut.
    pub deviation: f64,
    /// The lower bound.
    pub least: f64,
    /// The upper bound.
    pub most: f64,
}

impl Default for TruncatedNormal {
    /// Mean 0, deviation 1, from -2 to 2.
    fn default() -> Self {
        Self { mean: 0.0, deviation: 1.0, least: -2.0, most: 2.0 }
    }
}

impl Initializer for TruncatedNormal {
    fn tensor(&self, shape: &[usize], _fans: Fans, key: Key) -> Result<Tensor> {
        let Self { mean, deviation, least, most } = *self;
        if !(deviation > 0.0 && deviation.is_finite()) {
            return Err(Error::argument(
                "TruncatedNormal",
                "deviation",
                deviation,
                "a finite number above 0",
            ));
        }
        if !mean.is_finite() {
            return Err(Error::argument("TruncatedNormal", "mean", mean, "a finite number"));
        }
        if least.is_nan() || most.is_nan() || least >= most {
            return Err(Error::argument(
                "TruncatedNormal",
                "bounds",
                format!("{least} to {most}"),
                "a range",
            ));
        }
        let bounds = [least, most].map(|bound| (bound - mean) / deviation);
        // The upper tail is the lower one in a mirror, where shares are small numbers and not rounded to 1.
        let sign = if bounds[0] > 0.0 { -1.0 } else { 1.0 };
        let [low, high] = if sign < 0.0 { [-bounds[1], -bounds[0]] } else { bounds };
        let [from, to] = [low, high].map(Float::normal_cdf);
        fill(shape, |index| {
            // Half a step off, so that no share is 0.
            let share = from + (to - from) * (key.uniform_f64(index) + 0.5f64.powi(54));
            let x = mean + deviation * sign * quantile(share).clamp(low, high);
            // Rounding to f32 may pass a bound by half a unit.
            let rounded = x as f32;
            if f64::from(rounded) > most {
                rounded.next_down()
            } else if f64::from(rounded) < least {
                rounded.next_up()
            } else {
                rounded
            }
        })
    }
}

/// The number below which this share of a normal distribution is.
///
/// Starts at formula 26.2.23 of Abramowitz and Stegun, whose error is under 4.5e-4, and takes two of Halley's steps.
fn quantile(share: f64) -> f64 {
    if share > 0.5 {
        return -quantile(1.0 - share);
    }
    let t = (-2.0 * share.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut x = above / below - t;
    for _ in 0..2 {
        let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let step = (x.normal_cdf() - share) / density;
        x -= step / (1.0 + 0.5 * x * step);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: Fans = Fans { fan_in: 1, fan_out: 1 };

    #[test]
    fn the_quantile_is_the_inverse_of_the_distribution_function() {
        for share in [1e-300, 1e-30, 1e-6, 0.01, 0.3, 0.5, 0.75, 0.999] {
            let back = quantile(share).normal_cdf();
            assert!((back - share).abs() < 1e-11 * share, "{share}: {back}");
        }
        assert!(quantile(0.5).abs() < 1e-12);
    }

    #[test]
    fn numbers_are_within_bounds_and_their_moments_are_those_of_the_truncated_distribution() {
        // Mean and variance of the distribution, computed with mpmath.
        let rows = [
            (0.0, 1.0, -2.0, 2.0, 0.0, 0.773_741_3),
            (1.0, 2.0, 0.0, 2.0, 1.0, 0.322_356_62),
            (0.0, 1.0, 3.0, 4.0, 3.260_454_3, 0.049_277_79),
            (0.0, 1.0, -30.0, -10.0, -10.098_093, 0.009_445_38),
            (-1.0, 0.5, -10.0, f64::INFINITY, -1.0, 0.25),
        ];
        for (mean, deviation, least, most, expected_mean, expected_variance) in rows {
            let initializer = TruncatedNormal { mean, deviation, least, most };
            let values = initializer.tensor(&[40_000], FANS, Key::new(3)).unwrap().to_f64_vec().unwrap();
            assert!(values.iter().all(|&x| least <= x && x <= most), "{initializer:?}");
            let met = values.iter().sum::<f64>() / 40_000.0;
            let variance = values.iter().map(|x| (x - met).powi(2)).sum::<f64>() / 40_000.0;
            let tolerance = 0.02 * f64::sqrt(expected_variance);
            assert!((met - expected_mean).abs() < tolerance, "{initializer:?}: mean {met}");
            let off = (variance / expected_variance - 1.0).abs();
            assert!(off < 0.05, "{initializer:?}: variance {variance}");
        }
    }

    #[test]
    fn bounds_and_deviations_that_make_no_sense_are_refused() {
        let usual = TruncatedNormal::default();
        for wrong in [
            TruncatedNormal { deviation: 0.0, ..usual },
            TruncatedNormal { deviation: f64::NAN, ..usual },
            TruncatedNormal { mean: f64::INFINITY, ..usual },
            TruncatedNormal { least: 2.0, ..usual },
            TruncatedNormal { most: f64::NAN, ..usual },
        ] {
            assert!(
                matches!(wrong.tensor(&[2], FANS, Key::new(1)), Err(Error::Argument { .. })),
                "{wrong:?}"
            );
        }
    }
}
