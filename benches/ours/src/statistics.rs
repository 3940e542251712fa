//! Medians and spreads of a handful of numbers.

use serde::{Deserialize, Serialize};

/// What a sample of numbers looks like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// A quarter of the numbers are below.
    pub(crate) lower: f64,
    /// A quarter of the numbers are above.
    pub(crate) upper: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of numbers in any order; NaN throughout where there are none.
    pub(crate) fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: quantile(&sorted, 0.5),
            min: quantile(&sorted, 0.0),
            lower: quantile(&sorted, 0.25),
            upper: quantile(&sorted, 0.75),
            max: quantile(&sorted, 1.0),
        }
    }

    /// The ratio `a / b` of two samples taken in turn: the ratio of their medians, and the spread of the ratios
    /// of those that were taken one after the other.
    pub(crate) fn of_ratio(a: &[f64], b: &[f64]) -> Self {
        let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).collect();
        Self { median: Self::of(a).median / Self::of(b).median, ..Self::of(&pairs) }
    }
}

/// The number below which `share` of the sorted numbers are, between neighbours by their distance.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = share * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_numbers_are_their_own_quartiles() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, lower: 2.0, upper: 4.0, max: 5.0 });
    }

    #[test]
    fn between_two_numbers_the_median_is_their_middle() {
        let spread = Spread::of(&[1.0, 2.0]);
        assert_eq!((spread.median, spread.lower), (1.5, 1.25));
        assert!(Spread::of(&[]).median.is_nan());
    }

    #[test]
    fn a_ratio_is_that_of_the_medians_with_the_spread_of_the_pairs() {
        let spread = Spread::of_ratio(&[2.0, 4.0, 60.0], &[1.0, 2.0, 10.0]);
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 2.0, 6.0));
    }
}
