//! The confusion matrix: which class was taken for which.
//!
//! Only pairs that occurred are kept, so that a matrix is never larger than the images that were counted, however
//! many classes there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Counts of images by true class (row) and predicted class (column).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ConfusionMatrix {
    classes: usize,
    counts: BTreeMap<(usize, usize), u64>,
}

/// The form in a file: `[truth, predicted, images]` for each pair that occurred.
#[derive(Serialize, Deserialize)]
#[serde(rename = "ConfusionMatrix")]
struct Written {
    classes: usize,
    counts: Vec<(usize, usize, u64)>,
}

impl ConfusionMatrix {
    /// An empty matrix.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: BTreeMap::new() }
    }

    /// Number of classes: rows, and columns.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Counts one image.
    ///
    /// # Errors
    /// [`Error::Argument`] for a class that the matrix does not have.
    pub fn add(&mut self, truth: usize, predicted: usize) -> Result<()> {
        self.add_images(truth, predicted, 1)
    }

    fn add_images(&mut self, truth: usize, predicted: usize, images: u64) -> Result<()> {
        let classes = self.classes;
        if truth >= classes || predicted >= classes {
            let met = format!("{} (of {classes})", truth.max(predicted));
            return Err(Error::argument("class", met, "a class of the matrix"));
        }
        let count = self.counts.entry((truth, predicted)).or_default();
        *count = count.saturating_add(images);
        Ok(())
    }

    /// Images of class `truth` that were taken for `predicted`; 0 for a class that the matrix does not have.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts.get(&(truth, predicted)).copied().unwrap_or(0)
    }

    /// True class, predicted class and images of each pair that occurred, by truth and then by prediction.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.counts.iter().map(|(&(truth, predicted), &images)| (truth, predicted, images))
    }

    /// One row per true class, with a count for every class; for many classes see [`ConfusionMatrix::pairs`].
    pub fn rows(&self) -> impl Iterator<Item = Vec<u64>> {
        (0..self.classes)
            .map(|truth| (0..self.classes).map(|predicted| self.count(truth, predicted)).collect())
    }

    /// Images of a true class.
    pub fn of_class(&self, truth: usize) -> u64 {
        self.counts.range((truth, 0)..=(truth, usize::MAX)).map(|(_, images)| images).sum()
    }

    /// Images counted.
    pub fn images(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Images on the diagonal.
    pub fn correct(&self) -> u64 {
        self.pairs().filter(|(truth, predicted, _)| truth == predicted).map(|(.., images)| images).sum()
    }
}

impl From<ConfusionMatrix> for Written {
    fn from(matrix: ConfusionMatrix) -> Self {
        Self { classes: matrix.classes, counts: matrix.pairs().collect() }
    }
}

impl TryFrom<Written> for ConfusionMatrix {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self> {
        let mut matrix = Self::new(written.classes);
        for (truth, predicted, images) in written.counts {
            matrix.add_images(truth, predicted, images)?;
        }
        Ok(matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_truth_and_columns_the_prediction() {
        let mut matrix = ConfusionMatrix::new(3);
        for (truth, predicted) in [(0, 0), (0, 2), (2, 2), (2, 2)] {
            matrix.add(truth, predicted).unwrap();
        }
        assert_eq!(matrix.rows().collect::<Vec<_>>(), [[1, 0, 1], [0, 0, 0], [0, 0, 2]]);
        assert_eq!((matrix.of_class(0), matrix.of_class(1)), (2, 0));
        assert_eq!((matrix.images(), matrix.correct(), matrix.count(0, 2), matrix.count(9, 0)), (4, 3, 1, 0));
    }

    #[test]
    fn a_class_outside_the_matrix_is_an_error() {
        assert!(matches!(ConfusionMatrix::new(2).add(0, 2), Err(Error::Argument { .. })));
    }

    #[test]
    fn as_many_classes_as_a_file_may_claim_cost_nothing_until_they_are_met() {
        let mut matrix = ConfusionMatrix::new(usize::MAX);
        matrix.add(usize::MAX - 1, 5).unwrap();
        assert_eq!(matrix.pairs().collect::<Vec<_>>(), [(usize::MAX - 1, 5, 1)]);
        assert_eq!((matrix.images(), matrix.correct(), matrix.of_class(usize::MAX - 1)), (1, 0, 1));
    }

    #[test]
    fn a_matrix_survives_json_and_a_class_that_it_has_not_is_refused() {
        let mut matrix = ConfusionMatrix::new(3);
        for predicted in [0, 2, 2] {
            matrix.add(1, predicted).unwrap();
        }
        let text = serde_json::to_string(&matrix).unwrap();
        assert_eq!(text, r#"{"classes":3,"counts":[[1,0,1],[1,2,2]]}"#);
        assert_eq!(serde_json::from_str::<ConfusionMatrix>(&text).unwrap(), matrix);
        let wrong = text.replace("[1,2,2]", "[1,3,2]");
        assert!(
            serde_json::from_str::<ConfusionMatrix>(&wrong).unwrap_err().to_string().contains("class is 3")
        );
    }
}
