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
    if let Some((score, _)) = scored.iter().find(|(score, _)| score.is_nan()) {
        return Err(Error::argument("score", score, "a number"));
    }
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
    let thresholds = thresholds(scored)?;
    let (positives, negatives) = totals(&thresholds);
    if positives == 0 || negatives == 0 {
        return Ok(None);
    }
    let areas = thresholds.windows(2).map(|pair| {
        let width = (pair[1].false_positives - pair[0].false_positives) as f64;
        width * (pair[1].true_positives + pair[0].true_positives) as f64 / 2.0
    });
    Ok(Some(areas.sum::<f64>() / positives as f64 / negatives as f64))
}

/// The area under precision over recall, as the sum of precisions over the steps of recall (scikit-learn's
/// `average_precision_score`; the trapezoid between points would flatter). `None` without positive examples.
///
/// # Errors
/// As [`thresholds`].
pub fn average_precision(scored: &[Scored]) -> Result<Option<f64>> {
    let thresholds = thresholds(scored)?;
    let (positives, _) = totals(&thresholds);
    if positives == 0 {
        return Ok(None);
    }
    let parts = thresholds.windows(2).map(|pair| {
        let Threshold { true_positives, false_positives, .. } = pair[1];
        let step = (true_positives - pair[0].true_positives) as f64;
        step * true_positives as f64 / (true_positives + false_positives) as f64
    });
    Ok(Some(parts.sum::<f64>() / positives as f64))
}

fn totals(thresholds: &[Threshold]) -> (u64, u64) {
    thresholds.last().map_or((0, 0), |last| (last.true_positives, last.false_positives))
}
