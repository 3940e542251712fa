//! What probabilities are worth: whether they are high for the truth, and whether they mean what they say.

use serde::{Deserialize, Serialize};

use super::curves::{Scored, average_precision, roc_auc};
use crate::{Error, Result};

/// The probabilities of every class for every image, with the true classes.
///
/// ```
/// use cnn_train::metrics::Probabilities;
/// let probabilities = Probabilities::new(2, vec![0.9, 0.1, 0.2, 0.8, 0.6, 0.4], vec![0, 1, 1])?;
/// assert!((probabilities.accuracy() - 2.0 / 3.0).abs() < 1e-12);
/// assert_eq!(probabilities.top_k(2), 1.0);
/// # Ok::<(), cnn_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities {
    classes: usize,
    rows: Vec<f64>,
    truths: Vec<usize>,
}

/// Images whose probability of the predicted class lies in one range.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Images.
    pub images: u64,
    /// Their mean probability of the predicted class.
    pub confidence: f64,
    /// Share that is classified correctly.
    pub accuracy: f64,
}

/// The least probability that a logarithm is taken of: the smallest that single precision tells from zero, relative to 1.
const LEAST: f64 = f32::EPSILON as f64;

impl Probabilities {
    /// Of `rows`, image by image, `classes` numbers each, and the true class of each image.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths do not fit, a number is not one from 0 to 1, or a class is not there.
    pub fn new(classes: usize, rows: Vec<f64>, truths: Vec<usize>) -> Result<Self> {
        if truths.len().checked_mul(classes) != Some(rows.len()) {
            let met = format!("{} for {} images of {classes} classes", rows.len(), truths.len());
            return Err(Error::argument("number of probabilities", met, "one for each class of each image"));
        }
        if let Some(&wrong) = rows.iter().find(|p| !(0.0..=1.0 + 1e-6).contains(*p)) {
            return Err(Error::argument("probability", wrong, "a number from 0 to 1"));
        }
        if let Some(&wrong) = truths.iter().find(|&&truth| truth >= classes) {
            return Err(Error::argument("class", format!("{wrong} (of {classes})"), "one of the classes"));
        }
        Ok(Self { classes, rows, truths })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Probabilities and true class of each image.
    pub fn iter(&self) -> impl Iterator<Item = (&[f64], usize)> {
        self.rows.chunks_exact(self.classes.max(1)).zip(self.truths.iter().copied())
    }

    /// The same of chosen images, in this order; one may be chosen several times.
    #[must_use]
    pub fn choose(&self, images: &[usize]) -> Self {
        let known: Vec<usize> = images.iter().copied().filter(|&image| image < self.truths.len()).collect();
        let row = |&image: &usize| &self.rows[image * self.classes..(image + 1) * self.classes];
        Self {
            classes: self.classes,
            rows: known.iter().flat_map(row).copied().collect(),
            truths: known.iter().map(|&image| self.truths[image]).collect(),
        }
    }

    /// The temperature that makes the probabilities fit the truth best: the one of least log loss (Guo, Pleiss, Sun and
    /// Weinberger, arXiv:1706.04599, section 4.2), 0.05 to 20. Above 1 the network was too sure of itself. 1 where there
    /// are no images.
    pub fn temperature(&self) -> f64 {
        if self.is_empty() {
            return 1.0;
        }
        // The loss is convex in the inverse, whose logarithm is searched by the golden section.
        let loss = |at: f64| self.mean(|row, truth| tempered_surprise(row, truth, at.exp()));
        let golden = (5f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (-20f64.ln(), 20f64.ln());
        let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
        let (mut at_a, mut at_b) = (loss(a), loss(b));
        while high - low > 1e-6 {
            if at_a <= at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - golden * (high - low);
                at_a = loss(a);
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + golden * (high - low);
                at_b = loss(b);
            }
        }
        (-0.5 * (low + high)).exp()
    }

    /// The probabilities at another temperature: as if the network's outputs had been divided by it before the softmax.
    /// The order of the classes stays.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is not a number above 0.
    pub fn at_temperature(&self, temperature: f64) -> Result<Self> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::argument("temperature", temperature, "a number above 0"));
        }
        let tempered = |row: &[f64]| -> Vec<f64> {
            let most = row.iter().copied().fold(0.0, f64::max);
            let powers: Vec<f64> = row.iter().map(|p| (p / most).powf(1.0 / temperature)).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(|power| power / sum).collect()
        };
        let rows = self.rows.chunks_exact(self.classes.max(1)).flat_map(tempered).collect();
        Ok(Self { classes: self.classes, rows, truths: self.truths.clone() })
    }

    /// Images.
    pub fn len(&self) -> usize {
        self.truths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.truths.is_empty()
    }

    /// The share of images whose most probable class, the first of equals, is the true one. 0 without images.
    pub fn accuracy(&self) -> f64 {
        self.top_k(1)
    }

    /// The share of images whose true class is among the `k` most probable; of equals the first count as more probable.
    pub fn top_k(&self, k: usize) -> f64 {
        self.mean(|row, truth| f64::from(u8::from(rank(row, truth) < k)))
    }

    /// The mean of `-ln p` of the true class, where `p` is at least 1.2e-7, and each row is taken to sum to 1.
    pub fn log_loss(&self) -> f64 {
        self.mean(surprise)
    }

    /// Brier's score (1950): the mean squared distance from the truth, summed over the classes; 0 is best, 2 worst.
    pub fn brier(&self) -> f64 {
        self.mean(least_squares)
    }

    /// Images by their probability of the predicted class, in `bins` ranges of equal width from 0 to 1; the diagram of
    /// reliability.
    pub fn reliability(&self, bins: usize) -> Vec<Bin> {
        let mut all = vec![Bin::default(); bins.max(1)];
        for (row, truth) in self.iter() {
            let (predicted, p) = most_probable(row);
            // Ranges are open below and closed above, as Guo et al. have them.
            let place = ((p * all.len() as f64).ceil() as usize).clamp(1, all.len()) - 1;
            all[place].images += 1;
            all[place].confidence += p;
            all[place].accuracy += f64::from(u8::from(predicted == truth));
        }
        for bin in all.iter_mut().filter(|bin| bin.images > 0) {
            bin.confidence /= bin.images as f64;
            bin.accuracy /= bin.images as f64;
        }
        all
    }

    /// Expected calibration error (Naeini et al., 2015; Guo et al., arXiv:1706.04599): the mean distance between
    /// probability and accuracy over so many ranges (15 is usual), by their images.
    pub fn calibration_error(&self, bins: usize) -> f64 {
        let off = |bin: &Bin| bin.images as f64 * (bin.confidence - bin.accuracy).abs();
        if self.is_empty() {
            0.0
        } else {
            self.reliability(bins).iter().map(off).sum::<f64>() / self.len() as f64
        }
    }

    /// The scores of one class against all others.
    pub fn scores_of(&self, class: usize) -> Vec<Scored> {
        self.iter().filter_map(|(row, truth)| Some((*row.get(class)?, truth == class))).collect()
    }

    /// The area under the ROC curve: of the second class where there are two, else the plain mean over the classes,
    /// each against the others. `None` where a class has no images or all of them.
    ///
    /// # Errors
    /// Where a probability is NaN, which [`Probabilities::new`] refuses.
    pub fn roc_auc(&self) -> Result<Option<f64>> {
        self.over_classes(roc_auc)
    }

    /// The area under precision over recall, over the classes as [`Probabilities::roc_auc`].
    ///
    /// # Errors
    /// As [`Probabilities::roc_auc`].
    pub fn average_precision(&self) -> Result<Option<f64>> {
        self.over_classes(average_precision)
    }

    fn over_classes(&self, area: impl Fn(&[Scored]) -> Result<Option<f64>>) -> Result<Option<f64>> {
        if self.classes == 2 {
            return area(&self.scores_of(1));
        }
        let areas =
            (0..self.classes).map(|class| area(&self.scores_of(class))).collect::<Result<Vec<_>>>()?;
        let known: Option<Vec<f64>> = areas.into_iter().collect();
        Ok(known.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64))
    }

    fn mean(&self, of: impl Fn(&[f64], usize) -> f64) -> f64 {
        if self.is_empty() {
            0.0
        } else {
            self.iter().map(|(row, truth)| of(row, truth)).sum::<f64>() / self.len() as f64
        }
    }
}

/// The most probable class, the first of equals, and its probability.
pub(super) fn most_probable(row: &[f64]) -> (usize, f64) {
    let all = row.iter().copied().enumerate();
    all.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
}

/// How many classes are more probable than the true one; of equals the first count as more probable.
pub(super) fn rank(row: &[f64], truth: usize) -> usize {
    let all = row.iter().enumerate();
    all.filter(|&(class, &p)| p > row[truth] || (p == row[truth] && class < truth)).count()
}

/// An image's part of the log loss.
pub(super) fn surprise(row: &[f64], truth: usize) -> f64 {
    let sum: f64 = row.iter().map(|p| p.clamp(LEAST, 1.0 - LEAST)).sum();
    -(row[truth].clamp(LEAST, 1.0 - LEAST) / sum).ln()
}

/// An image's part of Brier's score.
/// [`surprise`] with probabilities to a power, of which 0 counts as the least that a single can be.
fn tempered_surprise(row: &[f64], truth: usize, power: f64) -> f64 {
    let logarithm = |p: f64| power * p.max(f64::from(f32::MIN_POSITIVE)).ln();
    let most = row.iter().map(|&p| logarithm(p)).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|&p| (logarithm(p) - most).exp()).sum();
    sum.ln() + most - logarithm(row[truth])
}

pub(super) fn least_squares(row: &[f64], truth: usize) -> f64 {
    row.iter().enumerate().map(|(class, p)| (p - f64::from(u8::from(class == truth))).powi(2)).sum()
}
