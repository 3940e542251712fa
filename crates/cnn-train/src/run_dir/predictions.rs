//! `predictions.csv`: every image that was evaluated, with the probability of each class.
//!
//! With it a report is drawn again without the network or the images.

use std::path::Path;

use super::table::{self, malformed};
use crate::metrics::{ConfusionMatrix, Probabilities};
use crate::{Evaluation, Prediction, Result};

/// Columns before those of the classes.
const FIXED: [&str; 6] = ["index", "file", "true", "predicted", "probability", "correct"];

/// The header of a class's column is its name after this.
const CLASS: &str = "p:";

/// The evaluated images, with the files that they lie in.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// What the network says of each.
    pub evaluation: Evaluation,
    /// The file of each, in the same order; empty where an image has none of its own.
    pub files: Vec<String>,
}

impl Predictions {
    pub(super) fn write(&self, path: &Path, classes: &[String]) -> Result<()> {
        let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
        let header = FIXED.iter().map(ToString::to_string);
        let header = header.chain(classes.iter().map(|class| format!("{CLASS}{class}"))).collect();
        let images = self.evaluation.predictions.iter().zip(self.evaluation.probabilities.iter());
        let files = self.files.iter().map(String::as_str).chain(std::iter::repeat(""));
        let rows = images.zip(files).map(|((image, (row, _)), file)| {
            let fixed = [
                image.index.to_string(),
                file.to_owned(),
                name(image.label),
                name(image.predicted),
                image.probability.to_string(),
                u8::from(image.is_correct()).to_string(),
            ];
            // They are singles, of which the shortest form is read back as the same number.
            fixed.into_iter().chain(row.iter().map(|&p| (p as f32).to_string())).collect()
        });
        table::write(path, header, rows)
    }

    /// `loss` is the one figure that the table does not hold.
    pub(super) fn read(path: &Path, classes: &[String], loss: f64) -> Result<Self> {
        let class = |name: &str| classes.iter().position(|class| class == name);
        let (mut files, mut predictions, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (line, record) in table::read(path)? {
            let wrong = |problem: &str| malformed(path, line, problem);
            let text = |column: usize| record.get(column).unwrap_or_default();
            if record.len() != FIXED.len() + classes.len() {
                return Err(wrong("another number of columns than classes.txt asks for"));
            }
            let unknown = || wrong("a class that classes.txt does not have");
            predictions.push(Prediction {
                index: text(0).parse().map_err(|_| wrong("an index that is no number"))?,
                label: class(text(2)).ok_or_else(unknown)?,
                predicted: class(text(3)).ok_or_else(unknown)?,
                probability: text(4).parse().map_err(|_| wrong("a probability that is no number"))?,
            });
            files.push(text(1).to_owned());
            for column in record.iter().skip(FIXED.len()) {
                let probability: f32 =
                    column.parse().map_err(|_| wrong("a probability that is no number"))?;
                rows.push(f64::from(probability));
            }
        }
        let mut confusion = ConfusionMatrix::new(classes.len());
        for prediction in &predictions {
            confusion.add(prediction.label, prediction.predicted)?;
        }
        let truths = predictions.iter().map(|prediction| prediction.label).collect();
        let probabilities = Probabilities::new(classes.len(), rows, truths)?;
        Ok(Self { evaluation: Evaluation { loss, confusion, predictions, probabilities }, files })
    }
}
