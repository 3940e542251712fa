//! [`Scores`]: everything that is known of a classifier on a data set, each figure with its interval.

use cnn_autograd::random::Key;
use serde::{Deserialize, Serialize};

use super::bootstrap::intervals;
use super::classes::Margins;
use super::curves::Ranking;
use super::probabilities::{least_squares, most_probable, surprise};
use super::{Interval, KappaWeights, Probabilities, RESAMPLES};
use crate::Result;

/// The figures of a classifier on a data set, each with a 95 % bootstrap interval. Keys are for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Share of images classified correctly.
    pub accuracy: Option<Interval>,
    /// Mean recall of the classes.
    pub balanced_accuracy: Option<Interval>,
    /// Mean precision of the classes.
    pub macro_precision: Option<Interval>,
    /// Mean recall of the classes that occur or were predicted.
    pub macro_recall: Option<Interval>,
    /// Mean F1 of the classes.
    pub macro_f1: Option<Interval>,
    /// Matthews' correlation coefficient.
    pub matthews: Option<Interval>,
    /// Cohen's kappa.
    pub kappa: Option<Interval>,
    /// Cohen's kappa with squared distances, for classes in an order.
    pub quadratic_kappa: Option<Interval>,
    /// Share of images whose class is among the five most probable; absent for six classes or fewer.
    pub top_5: Option<Interval>,
    /// Area under the ROC curve, mean over the classes; absent where a class does not occur.
    pub roc_auc: Option<Interval>,
    /// Area under precision over recall, mean over the classes; absent where a class does not occur.
    pub average_precision: Option<Interval>,
    /// Mean negative logarithm of the true class's probability.
    pub log_loss: Option<Interval>,
    /// Mean squared distance of the probabilities from the truth.
    pub brier: Option<Interval>,
    /// Expected calibration error over 15 ranges.
    pub calibration_error: Option<Interval>,
}

/// Ranges of the calibration error, as many as Guo et al. have.
pub const CALIBRATION_BINS: usize = 15;

/// Most work, in numbers looked at, that the areas under curves of all resamples may cost; beyond it, fewer resamples.
const MOST_WORK: usize = 2_000_000_000;

impl Scores {
    /// Of probabilities; the key draws the resamples.
    ///
    /// # Errors
    /// Where a probability is NaN, which [`Probabilities::new`] refuses.
    pub fn of(probabilities: &Probabilities, key: Key) -> Result<Self> {
        let (images, classes) = (probabilities.len(), probabilities.classes());
        let each: Vec<Image> = probabilities.iter().map(|(row, truth)| Image::new(row, truth)).collect();
        let ranked = if classes == 2 { 1..2 } else { 0..classes };
        let rankings: Vec<Ranking> =
            ranked.map(|class| Ranking::new(&probabilities.scores_of(class))).collect::<Result<_>>()?;
        let work = images.saturating_mul(rankings.len()).max(1);
        let resamples = RESAMPLES.min(MOST_WORK / work).max(RESAMPLES / 10);
        let figures = |counts: &[u32]| figures(&each, &rankings, classes, counts);
        let [
            accuracy,
            balanced_accuracy,
            macro_precision,
            macro_recall,
            macro_f1,
            matthews,
            kappa,
            quadratic_kappa,
            top_5,
            roc_auc,
            average_precision,
            log_loss,
            brier,
            calibration_error,
        ] = intervals(images, resamples, key, figures)?;
        Ok(Self {
            accuracy,
            balanced_accuracy,
            macro_precision,
            macro_recall,
            macro_f1,
            matthews,
            kappa,
            quadratic_kappa,
            top_5,
            roc_auc,
            average_precision,
            log_loss,
            brier,
            calibration_error,
        })
    }

    /// Every figure that there is, with its name as a person reads it.
    pub fn named(&self) -> Vec<(&'static str, Interval)> {
        let all = [
            ("accuracy", self.accuracy),
            ("balanced accuracy", self.balanced_accuracy),
            ("macro precision", self.macro_precision),
            ("macro recall", self.macro_recall),
            ("macro F1", self.macro_f1),
            ("Matthews correlation", self.matthews),
            ("Cohen's kappa", self.kappa),
            ("quadratic kappa", self.quadratic_kappa),
            ("top-5 accuracy", self.top_5),
            ("ROC AUC", self.roc_auc),
            ("average precision", self.average_precision),
            ("log loss", self.log_loss),
            ("Brier score", self.brier),
            ("calibration error", self.calibration_error),
        ];
        all.into_iter().filter_map(|(name, interval)| Some((name, interval?))).collect()
    }
}

/// What an image adds to the figures, worked out once.
struct Image {
    truth: usize,
    predicted: usize,
    confidence: f64,
    in_top_5: bool,
    surprise: f64,
    distance: f64,
}

impl Image {
    fn new(row: &[f64], truth: usize) -> Self {
        let (predicted, confidence) = most_probable(row);
        Self {
            truth,
            predicted,
            confidence,
            in_top_5: super::probabilities::rank(row, truth) < 5,
            surprise: surprise(row, truth),
            distance: least_squares(row, truth),
        }
    }
}

fn figures(each: &[Image], rankings: &[Ranking], classes: usize, counts: &[u32]) -> [Option<f64>; 14] {
    let mut margins = Margins::new(classes);
    let (mut top_5, mut surprise, mut distance, mut images) = (0.0, 0.0, 0.0, 0.0);
    let mut bins = [[0.0; 2]; CALIBRATION_BINS];
    for (image, &count) in each.iter().zip(counts).filter(|(_, count)| **count > 0) {
        margins.add(image.truth, image.predicted, u64::from(count));
        let count = f64::from(count);
        images += count;
        top_5 += count * f64::from(u8::from(image.in_top_5));
        surprise += count * image.surprise;
        distance += count * image.distance;
        let bin = &mut bins
            [((image.confidence * CALIBRATION_BINS as f64).ceil() as usize).clamp(1, CALIBRATION_BINS) - 1];
        bin[0] += count * image.confidence;
        bin[1] += count * f64::from(u8::from(image.predicted == image.truth));
    }
    let mean = |sum: f64| Some(sum / images);
    let areas = |of: fn(&Ranking, &[u32]) -> Option<f64>| {
        let areas: Option<Vec<f64>> = rankings.iter().map(|ranking| of(ranking, counts)).collect();
        areas.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
    };
    let averages = margins.average(|_| 1.0);
    [
        Some(margins.accuracy()),
        Some(margins.balanced_accuracy()),
        Some(averages.precision),
        Some(averages.recall),
        Some(averages.f1),
        Some(margins.matthews()),
        Some(margins.kappa(KappaWeights::Uniform)),
        Some(margins.kappa(KappaWeights::Quadratic)),
        if classes > 6 { mean(top_5) } else { None },
        areas(Ranking::roc_auc),
        areas(Ranking::average_precision),
        mean(surprise),
        mean(distance),
        mean(bins.iter().map(|[confidence, right]| (confidence - right).abs()).sum()),
    ]
}
