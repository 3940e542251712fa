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

    /// Of the ratios `a / b` of two samples taken in turn, each number by the one that was taken beside it: what slows
    /// both down for a while then leaves their ratio as it is.
    pub(crate) fn of_ratio(a: &[f64], b: &[f64]) -> Self {
        debug_assert_eq!(a.len(), b.len());
        let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).collect();
        Self::of(&pairs)
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
    fn a_ratio_is_that_of_the_pairs_throughout() {
        // The medians, 4 and 4, would have a ratio of 1, outside the middle half of the pairs.
        let spread = Spread::of_ratio(&[4.0, 2.0, 60.0], &[2.0, 4.0, 10.0]);
        assert_eq!(spread, Spread { median: 2.0, min: 0.5, lower: 1.25, upper: 4.0, max: 6.0 });
    }
}
