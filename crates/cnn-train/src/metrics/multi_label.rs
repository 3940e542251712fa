//! Several classes at once: for each image and class a probability, and whether the image has the class.

use super::curves::{Scored, average_precision, roc_auc};
use super::{Averaged, ClassScores};
use crate::{Error, Result};

/// Scores of every class for every image, with which classes each has.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiLabel {
    classes: usize,
    scores: Vec<f64>,
    truths: Vec<bool>,
}

impl MultiLabel {
    /// Of `scores` and `truths`, image by image, `classes` each.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths do not fit or a score is not from 0 to 1.
    pub fn new(classes: usize, scores: Vec<f64>, truths: Vec<bool>) -> Result<Self> {
        if classes == 0 || scores.len() != truths.len() || !scores.len().is_multiple_of(classes) {
            let met = format!("{} scores and {} truths of {classes} classes", scores.len(), truths.len());
            return Err(Error::argument("number of scores", met, "one of each for each class of each image"));
        }
        if let Some(&wrong) = scores.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::argument("score", wrong, "a number from 0 to 1"));
        }
        Ok(Self { classes, scores, truths })
    }

    /// The share of images of which every class is right at this threshold.
    pub fn exact_match(&self, threshold: f64) -> f64 {
        let images = self.rows();
        mean(images.map(|row| f64::from(u8::from(row.iter().all(|&(p, truth)| (p >= threshold) == truth)))))
    }

    /// The share of all pairs of image and class that are wrong at this threshold.
    pub fn hamming_loss(&self, threshold: f64) -> f64 {
        mean(self.pairs().map(|(p, truth)| f64::from(u8::from((p >= threshold) != truth))))
    }

    /// Precision, recall and F1 of every class at this threshold.
    pub fn per_class(&self, threshold: f64) -> Vec<ClassScores> {
        (0..self.classes).map(|class| at(self.scores_of(class).into_iter(), threshold)).collect()
    }

    /// The plain mean over the classes.
    pub fn macro_average(&self, threshold: f64) -> Averaged {
        let all = self.per_class(threshold);
        let of = |of: fn(&ClassScores) -> f64| mean(all.iter().map(of));
        Averaged { precision: of(|s| s.precision), recall: of(|s| s.recall), f1: of(|s| s.f1) }
    }

    /// Over all pairs of image and class together.
    pub fn micro_average(&self, threshold: f64) -> Averaged {
        let ClassScores { precision, recall, f1, .. } = at(self.pairs(), threshold);
        Averaged { precision, recall, f1 }
    }

    /// The mean area under the ROC curves of the classes; `None` where a class has no images or all of them.
    ///
    /// # Errors
    /// Where a score is NaN, which [`MultiLabel::new`] refuses.
    pub fn roc_auc(&self) -> Result<Option<f64>> {
        self.over_classes(roc_auc)
    }

    /// Mean average precision: the mean over the classes of the area under precision over recall.
    ///
    /// # Errors
    /// As [`MultiLabel::roc_auc`].
    pub fn average_precision(&self) -> Result<Option<f64>> {
        self.over_classes(average_precision)
    }

    fn over_classes(&self, area: impl Fn(&[Scored]) -> Result<Option<f64>>) -> Result<Option<f64>> {
        let areas =
            (0..self.classes).map(|class| area(&self.scores_of(class))).collect::<Result<Vec<_>>>()?;
        Ok(areas.into_iter().collect::<Option<Vec<f64>>>().map(|all| mean(all.into_iter())))
    }

    fn scores_of(&self, class: usize) -> Vec<Scored> {
        self.rows().filter_map(|row| row.get(class).copied()).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = Scored> {
        self.scores.iter().copied().zip(self.truths.iter().copied())
    }

    fn rows(&self) -> impl Iterator<Item = Vec<Scored>> {
        let truths = self.truths.chunks_exact(self.classes);
        let rows = self.scores.chunks_exact(self.classes).zip(truths);
        rows.map(|(scores, truths)| scores.iter().copied().zip(truths.iter().copied()).collect())
    }
}

fn at(scored: impl Iterator<Item = Scored>, threshold: f64) -> ClassScores {
    let (mut images, mut taken, mut right) = (0u64, 0u64, 0u64);
    for (score, truth) in scored {
        let called = score >= threshold;
        images += u64::from(truth);
        taken += u64::from(called);
        right += u64::from(truth && called);
    }
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    ClassScores {
        images,
        precision: share(right, taken),
        recall: share(right, images),
        f1: share(2 * right, images + taken),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}
