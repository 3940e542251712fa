//! What training and evaluation measure: how often a network is right, for which classes, how sure it may be believed.
//!
//! [`ConfusionMatrix`] knows what follows from the predicted classes, [`Probabilities`] what follows from probabilities,
//! [`MultiLabel`] is for images of several classes, [`Regression`] for numbers; [`bootstrap`] gives any figure an interval.
//! Names and conventions are scikit-learn's.
//!
//! Metrics are added up in doubles and whole numbers, in the order of the data, so that they do not depend on
//! the number of threads.

mod bootstrap;
mod classes;
mod confusion;
pub mod curves;
mod mean;
mod multi_label;
mod probabilities;
mod regression;
mod scores;
#[cfg(test)]
mod scores_tests;

use cnn_tensor::{DType, Tensor, ops};
use serde::{Deserialize, Serialize};

pub use bootstrap::{Interval, RESAMPLES, bootstrap};
pub use classes::{Averaged, ClassScores, KappaWeights};
pub use confusion::ConfusionMatrix;
pub use mean::Mean;
pub use multi_label::MultiLabel;
pub use probabilities::{Bin, Probabilities};
pub use regression::Regression;
pub use scores::{CALIBRATION_BINS, Scores};

use crate::Result;

/// How many of a number of images were classified correctly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accuracy {
    /// Images classified correctly.
    pub correct: usize,
    /// All images.
    pub images: usize,
}

impl Accuracy {
    /// Adds a batch: `logits [batch, classes]` against `labels [batch]`. Ties go to the first class. Labels that are
    /// shares of the classes, `[batch, classes]`, count as the class of the largest share.
    ///
    /// # Errors
    /// A tensor error where the logits have no classes or the labels are neither `I64` nor numbers.
    pub fn add(&mut self, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let predicted = ops::reduce::arg_max(logits)?;
        let largest =
            if labels.dtype() == DType::I64 { labels.clone() } else { ops::reduce::arg_max(labels)? };
        let pairs = predicted.as_slice::<i64>()?.iter().zip(largest.as_slice::<i64>()?);
        self.correct += pairs.filter(|(predicted, label)| predicted == label).count();
        self.images += predicted.len();
        Ok(())
    }

    /// The share of correct images, 0 to 1; 0 where there are none.
    pub fn value(self) -> f64 {
        if self.images == 0 { 0.0 } else { self.correct as f64 / self.images as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_over_batches_and_ties_go_to_the_first_class() {
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.value(), 0.0);
        let logits = Tensor::from_slice(&[2, 3], &[0.0f32, 5.0, 1.0, 2.0, 2.0, 0.0]).unwrap();
        accuracy.add(&logits, &Tensor::from_slice(&[2], &[1i64, 1]).unwrap()).unwrap();
        accuracy.add(&logits, &Tensor::from_slice(&[2], &[1i64, 0]).unwrap()).unwrap();
        assert_eq!(accuracy, Accuracy { correct: 3, images: 4 });
        assert_eq!(accuracy.value(), 0.75);
    }
}
