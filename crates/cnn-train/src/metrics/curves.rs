//! Curves over all thresholds, and the areas under them: how well scores rank, whatever threshold is chosen.
//!
//! Scores are in descending order; equal ones are one threshold, so that the order of the data does not count.

use crate::{Error, Result};

/// A score and whether it is of a positive example.
pub type Scored = (f64, bool);

/// What a threshold makes of the examples: those with at least this score are called positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// The lowest score that is called positive; infinity for none.
    pub score: f64,
    /// Positive examples called positive.
    pub true_positives: u64,
    /// Others called positive.
    pub false_positives: u64,
}

/// The thresholds of the scores from the highest down; the first calls nothing positive, the last everything.
///
/// # Errors
/// [`Error::Argument`] for a score that is NaN.
pub fn thresholds(scored: &[Scored]) -> Result<Vec<Threshold>> {
    expect_numbers(scored)?;
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut all = vec![Threshold { score: f64::INFINITY, true_positives: 0, false_positives: 0 }];
    let (mut true_positives, mut false_positives) = (0, 0);
    for (index, &(score, positive)) in sorted.iter().enumerate() {
        match positive {
            true => true_positives += 1,
            false => false_positives += 1,
        }
        if sorted.get(index + 1).is_none_or(|next| next.0 != score) {
            all.push(Threshold { score, true_positives, false_positives });
        }
    }
    Ok(all)
}

/// The area under the receiver operating characteristic: the chance that a positive example has a higher score than
/// another one, ties counting half. `None` where there are no positive examples, or no others.
///
/// # Errors
/// As [`thresholds`].
pub fn roc_auc(scored: &[Scored]) -> Result<Option<f64>> {
    Ok(Ranking::new(scored)?.roc_auc(&vec![1; scored.len()]))
}

/// The area under precision over recall, as the sum of precisions over the steps of recall (scikit-learn's
/// `average_precision_score`; the trapezoid between points would flatter). `None` without positive examples.
///
/// # Errors
/// As [`thresholds`].
pub fn average_precision(scored: &[Scored]) -> Result<Option<f64>> {
    Ok(Ranking::new(scored)?.average_precision(&vec![1; scored.len()]))
}

/// Examples in descending order of their scores, sorted once for any number of resamples.
pub(super) struct Ranking {
    /// Number of the example, whether it is positive, and whether it is the last of its score.
    order: Vec<(usize, bool, bool)>,
}

impl Ranking {
    pub(super) fn new(scored: &[Scored]) -> Result<Self> {
        expect_numbers(scored)?;
        let mut sorted: Vec<usize> = (0..scored.len()).collect();
        sorted.sort_by(|&a, &b| scored[b].0.total_cmp(&scored[a].0));
        let is_last = |place: usize| {
            sorted.get(place + 1).is_none_or(|&next| scored[next].0 != scored[sorted[place]].0)
        };
        let order =
            sorted.iter().enumerate().map(|(place, &at)| (at, scored[at].1, is_last(place))).collect();
        Ok(Self { order })
    }

    /// [`roc_auc`] of the examples, each as often as `counts` says.
    pub(super) fn roc_auc(&self, counts: &[u32]) -> Option<f64> {
        let mut area = 0.0;
        let (positives, negatives) = self.walk(counts, |before, now| {
            area += (now.1 - before.1) * (now.0 + before.0) / 2.0;
        });
        (positives > 0.0 && negatives > 0.0).then(|| area / positives / negatives)
    }

    /// [`average_precision`] of the examples, each as often as `counts` says.
    pub(super) fn average_precision(&self, counts: &[u32]) -> Option<f64> {
        let mut area = 0.0;
        let (positives, _) = self.walk(counts, |before, now| {
            if now.0 > before.0 {
                area += (now.0 - before.0) * now.0 / (now.0 + now.1);
            }
        });
        (positives > 0.0).then(|| area / positives)
    }

    /// Shows positives and negatives above each threshold, beside those above the one before; the totals.
    fn walk(&self, counts: &[u32], mut see: impl FnMut((f64, f64), (f64, f64))) -> (f64, f64) {
        let (mut before, mut now) = ((0.0, 0.0), (0.0, 0.0));
        for &(at, positive, is_last) in &self.order {
            let count = f64::from(counts[at]);
            match positive {
                true => now.0 += count,
                false => now.1 += count,
            }
            if is_last {
                see(before, now);
                before = now;
            }
        }
        now
    }
}

fn expect_numbers(scored: &[Scored]) -> Result<()> {
    match scored.iter().find(|(score, _)| score.is_nan()) {
        Some((score, _)) => Err(Error::argument("score", score, "a number")),
        None => Ok(()),
    }
}
