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

/// What all figures of the predicted classes are made of: images by true class, by predicted class, and right ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Margins {
    truths: Vec<u64>,
    taken: Vec<u64>,
    right: Vec<u64>,
    /// Sum over the images of the squared distance from truth to prediction.
    distance: f64,
}

/// More classes than any data set has; tables over classes are no longer.
const MOST_CLASSES: usize = 1 << 20;

impl Margins {
    /// Of so many classes, with nothing counted.
    pub(super) fn new(classes: usize) -> Self {
        let zeros = vec![0; classes.min(MOST_CLASSES)];
        Self { truths: zeros.clone(), taken: zeros.clone(), right: zeros, distance: 0.0 }
    }

    /// Counts images; those of a class that is not there count nothing.
    pub(super) fn add(&mut self, truth: usize, predicted: usize, images: u64) {
        if truth.max(predicted) >= self.truths.len() {
            return;
        }
        self.truths[truth] += images;
        self.taken[predicted] += images;
        if truth == predicted {
            self.right[truth] += images;
        }
        self.distance += images as f64 * (truth as f64 - predicted as f64).powi(2);
    }

    pub(super) fn per_class(&self) -> impl Iterator<Item = ClassScores> {
        let all = self.truths.iter().zip(&self.taken).zip(&self.right);
        all.map(|((&images, &taken), &right)| ClassScores {
            images,
            precision: share(right as f64, taken as f64),
            recall: share(right as f64, images as f64),
            f1: share(2.0 * right as f64, images as f64 + taken as f64),
        })
    }

    /// The mean over the classes that occur or were predicted, by a weight.
    pub(super) fn average(&self, weight: impl Fn(&ClassScores) -> f64) -> Averaged {
        let (mut sums, mut whole) = ([0.0; 3], 0.0);
        let present = self.per_class().zip(&self.taken).filter(|(scores, taken)| scores.images + **taken > 0);
        for (scores, _) in present {
            let weight = weight(&scores);
            for (sum, value) in sums.iter_mut().zip([scores.precision, scores.recall, scores.f1]) {
                *sum += weight * value;
            }
            whole += weight;
        }
        let [precision, recall, f1] = sums.map(|sum| share(sum, whole));
        Averaged { precision, recall, f1 }
    }

    pub(super) fn images(&self) -> f64 {
        self.truths.iter().sum::<u64>() as f64
    }

    pub(super) fn accuracy(&self) -> f64 {
        share(self.right.iter().sum::<u64>() as f64, self.images())
    }

    pub(super) fn balanced_accuracy(&self) -> f64 {
        let occurring = self.per_class().filter(|scores| scores.images > 0);
        let (sum, count) =
            occurring.fold((0.0, 0.0), |(sum, count), scores| (sum + scores.recall, count + 1.0));
        share(sum, count)
    }

    pub(super) fn matthews(&self) -> f64 {
        let images = self.images();
        let spread = |margin: &[u64]| images * images - dot(margin, margin);
        let below = (spread(&self.truths) * spread(&self.taken)).sqrt();
        let right = self.right.iter().sum::<u64>() as f64;
        share(right * images - dot(&self.truths, &self.taken), below)
    }

    pub(super) fn kappa(&self, weights: KappaWeights) -> f64 {
        let images = self.images();
        let (met, by_chance) = match weights {
            KappaWeights::Uniform => {
                let right = self.right.iter().sum::<u64>() as f64;
                (images - right, images - share(dot(&self.truths, &self.taken), images))
            }
            KappaWeights::Quadratic => {
                let moment = |margin: &[u64], power: i32| {
                    margin
                        .iter()
                        .enumerate()
                        .map(|(class, &n)| (class as f64).powi(power) * n as f64)
                        .sum::<f64>()
                };
                let squares = moment(&self.truths, 2) + moment(&self.taken, 2);
                let mixed = 2.0 * moment(&self.truths, 1) * moment(&self.taken, 1);
                (self.distance, squares - share(mixed, images))
            }
        };
        if by_chance <= 0.0 { 0.0 } else { 1.0 - met / by_chance }
    }
}

fn dot(a: &[u64], b: &[u64]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| a as f64 * b as f64).sum()
}

impl ConfusionMatrix {
    /// Precision, recall and F1 of every class, in the order of the classes.
    pub fn per_class(&self) -> Vec<ClassScores> {
        self.margins().per_class().collect()
    }

    /// The plain mean over classes: each counts the same, however rare. A class that neither occurs nor was predicted
    /// is left out, as scikit-learn does.
    pub fn macro_average(&self) -> Averaged {
        self.margins().average(|_| 1.0)
    }

    /// The mean over classes, each by its images.
    pub fn weighted_average(&self) -> Averaged {
        self.margins().average(|scores| scores.images as f64)
    }

    /// The mean recall of the classes that occur: accuracy, had all of them the same number of images. 0 without images.
    pub fn balanced_accuracy(&self) -> f64 {
        self.margins().balanced_accuracy()
    }

    /// Matthews' correlation coefficient, for any number of classes (Gorodkin, 2004): 1 for all right, 0 for what chance
    /// would do, and where all images are of one class or were taken for one.
    pub fn matthews(&self) -> f64 {
        self.margins().matthews()
    }

    /// Cohen's kappa: agreement beyond what chance would give, 1 for all right, 0 for chance, and where chance would be
    /// all right.
    pub fn kappa(&self, weights: KappaWeights) -> f64 {
        self.margins().kappa(weights)
    }

    fn margins(&self) -> Margins {
        let mut margins = Margins::new(self.classes());
        self.pairs().for_each(|(truth, predicted, images)| margins.add(truth, predicted, images));
        margins
    }
}
