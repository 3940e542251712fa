//! The confusion matrix: which class was taken for which.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Counts of images by true class (row) and predicted class (column).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// An empty matrix.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
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
        let classes = self.classes;
        if truth >= classes || predicted >= classes {
            let expected = "a class of the matrix";
            return Err(Error::argument(
                "class",
                format!("{} (of {classes})", truth.max(predicted)),
                expected,
            ));
        }
        self.counts[truth * classes + predicted] += 1;
        Ok(())
    }

    /// Images of class `truth` that were taken for `predicted`; 0 for a class that the matrix does not have.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        if truth < self.classes && predicted < self.classes {
            self.counts[truth * self.classes + predicted]
        } else {
            0
        }
    }

    /// One row per true class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes.max(1))
    }

    /// Images counted.
    pub fn images(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Images on the diagonal.
    pub fn correct(&self) -> u64 {
        (0..self.classes).map(|class| self.count(class, class)).sum()
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
        assert_eq!((matrix.images(), matrix.correct(), matrix.count(0, 2), matrix.count(9, 0)), (4, 3, 1, 0));
    }

    #[test]
    fn a_class_outside_the_matrix_is_an_error() {
        assert!(matches!(ConfusionMatrix::new(2).add(0, 2), Err(Error::Argument { .. })));
    }
}
