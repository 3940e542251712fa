//! What a confusion matrix says beside accuracy: class by class, and averaged so that rare classes count.

use serde::{Deserialize, Serialize};

use super::ConfusionMatrix;

/// How well one class is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Images of the class.
    pub images: u64,
    /// Of the images that were taken for this class, the share that are; 0 where none were taken for it.
    pub precision: f64,
    /// Of the images of this class, the share that were taken for it; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of both; 0 where both are.
    pub f1: f64,
}

/// Precision, recall and F1 of all classes together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Averaged {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
}

/// What an error of `distance` classes costs in [`ConfusionMatrix::kappa`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KappaWeights {
    /// All errors the same.
    #[default]
    Uniform,
    /// The square of the distance: for classes in an order, grades of a disease say.
    Quadratic,
}

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl ConfusionMatrix {
    /// Precision, recall and F1 of every class, in the order of the classes.
    pub fn per_class(&self) -> Vec<ClassScores> {
        let (truths, taken, right) = self.margins();
        let scores = |class: usize| {
            let (images, taken, right) = (truths[class], taken[class] as f64, right[class] as f64);
            ClassScores {
                images,
                precision: share(right, taken),
                recall: share(right, images as f64),
                f1: share(2.0 * right, images as f64 + taken),
            }
        };
        (0..truths.len()).map(scores).collect()
    }

    /// The plain mean over classes: each counts the same, however rare. A class that neither occurs nor was predicted
    /// is left out, as scikit-learn does.
    pub fn macro_average(&self) -> Averaged {
        let present = self.present();
        let all: Vec<(ClassScores, f64)> = present.into_iter().map(|scores| (scores, 1.0)).collect();
        averaged(&all)
    }

    /// The mean over classes, each by its images.
    pub fn weighted_average(&self) -> Averaged {
        let present = self.present();
        let all: Vec<(ClassScores, f64)> =
            present.into_iter().map(|scores| (scores, scores.images as f64)).collect();
        averaged(&all)
    }

    /// The mean recall of the classes that occur: accuracy, had all of them the same number of images. 0 without images.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> =
            self.per_class().iter().filter(|scores| scores.images > 0).map(|scores| scores.recall).collect();
        share(recalls.iter().sum(), recalls.len() as f64)
    }

    /// Matthews' correlation coefficient, for any number of classes (Gorodkin, 2004): 1 for all right, 0 for what chance
    /// would do, and where all images are of one class or were taken for one.
    pub fn matthews(&self) -> f64 {
        let (truths, taken, right) = self.margins();
        let images = self.images() as f64;
        let dot = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(&a, &b)| a as f64 * b as f64).sum::<f64>();
        let right = right.iter().sum::<u64>() as f64;
        let spread = |margin: &[u64]| images * images - dot(margin, margin);
        let below = (spread(&truths) * spread(&taken)).sqrt();
        share(right * images - dot(&truths, &taken), below)
    }

    /// Cohen's kappa: agreement beyond what chance would give, 1 for all right, 0 for chance, and where chance would be
    /// all right.
    pub fn kappa(&self, weights: KappaWeights) -> f64 {
        let (truths, taken, _) = self.margins();
        let cost = |a: usize, b: usize| match weights {
            KappaWeights::Uniform => f64::from(u8::from(a != b)),
            KappaWeights::Quadratic => (a as f64 - b as f64).powi(2),
        };
        let met: f64 =
            self.pairs().map(|(truth, predicted, images)| cost(truth, predicted) * images as f64).sum();
        let images = self.images() as f64;
        let mut by_chance = 0.0;
        for (truth, &of_truth) in truths.iter().enumerate().filter(|(_, images)| **images > 0) {
            for (predicted, &of_predicted) in taken.iter().enumerate().filter(|(_, images)| **images > 0) {
                by_chance += cost(truth, predicted) * of_truth as f64 * of_predicted as f64 / images;
            }
        }
        if by_chance == 0.0 { 0.0 } else { 1.0 - met / by_chance }
    }

    /// Images by true class, by predicted class, and classified correctly, up to the last class that occurs.
    fn margins(&self) -> (Vec<u64>, Vec<u64>, Vec<u64>) {
        // No longer than what was counted, whatever number of classes a file claims.
        let last = self.pairs().map(|(truth, predicted, _)| truth.max(predicted) + 1).max().unwrap_or(0);
        let length = if self.classes() <= MOST_CLASSES { self.classes() } else { last.min(MOST_CLASSES) };
        let (mut truths, mut taken, mut right) = (vec![0; length], vec![0; length], vec![0; length]);
        for (truth, predicted, images) in self.pairs().filter(|(t, p, _)| *t < length && *p < length) {
            truths[truth] += images;
            taken[predicted] += images;
            if truth == predicted {
                right[truth] += images;
            }
        }
        (truths, taken, right)
    }

    fn present(&self) -> Vec<ClassScores> {
        let (truths, taken, _) = self.margins();
        let scores = self.per_class().into_iter().zip(truths.iter().zip(&taken));
        scores.filter(|(_, (images, taken))| **images + **taken > 0).map(|(scores, _)| scores).collect()
    }
}

/// More classes than any data set has; tables over classes are no longer.
const MOST_CLASSES: usize = 1 << 20;

fn averaged(all: &[(ClassScores, f64)]) -> Averaged {
    let whole: f64 = all.iter().map(|(_, weight)| weight).sum();
    let mean = |of: fn(&ClassScores) -> f64| share(all.iter().map(|(s, weight)| of(s) * weight).sum(), whole);
    Averaged { precision: mean(|s| s.precision), recall: mean(|s| s.recall), f1: mean(|s| s.f1) }
}
