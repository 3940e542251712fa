//! Evaluation: a network in inference mode over a data set, image by image accounted for.

use cnn_autograd::Ctx;
use cnn_data::{Batch, Loader};
use cnn_layers::Forward;
use cnn_tensor::{DType, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::metrics::{ConfusionMatrix, Mean, Probabilities};
use crate::{Error, Result, Validation};

/// What a network does on a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy without smoothing; 0 where there are no images.
    pub loss: f64,
    /// True class against predicted class.
    pub confusion: ConfusionMatrix,
    /// One for each image, in the order of the loader.
    pub predictions: Vec<Prediction>,
    /// How probable the network finds each class for each image, in the same order.
    pub probabilities: Probabilities,
}

/// What a network says about one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index of the image in its data set.
    pub index: usize,
    /// Its true class.
    pub label: usize,
    /// The class that the network finds most probable, the first of equals.
    pub predicted: usize,
    /// How probable the network finds it, 0 to 1.
    pub probability: f32,
}

/// The figures of an [`Evaluation`], with the keys that scripts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Images evaluated.
    pub images: usize,
    /// Images classified correctly.
    pub correct: usize,
    /// Their share, 0 to 1.
    pub accuracy: f64,
    /// Mean cross-entropy without smoothing.
    pub loss: f64,
}

impl Evaluation {
    /// Images evaluated.
    pub fn images(&self) -> usize {
        self.predictions.len()
    }

    /// Images classified correctly.
    pub fn correct(&self) -> usize {
        self.predictions.iter().filter(|prediction| prediction.is_correct()).count()
    }

    /// Share of correct images, 0 to 1; 0 where there are none.
    pub fn accuracy(&self) -> f64 {
        if self.predictions.is_empty() { 0.0 } else { self.correct() as f64 / self.images() as f64 }
    }

    /// The figures alone.
    pub fn summary(&self) -> Summary {
        Summary { images: self.images(), correct: self.correct(), accuracy: self.accuracy(), loss: self.loss }
    }

    /// The same with the probabilities that another temperature gives; the predicted classes stay.
    ///
    /// # Errors
    /// As [`Probabilities::at_temperature`].
    pub fn at_temperature(mut self, temperature: f64) -> Result<Self> {
        if temperature == 1.0 {
            return Ok(self);
        }
        self.probabilities = self.probabilities.at_temperature(temperature)?;
        for (prediction, (row, _)) in self.predictions.iter_mut().zip(self.probabilities.iter()) {
            prediction.probability = row.get(prediction.predicted).map_or(f32::NAN, |&p| p as f32);
        }
        self.loss = self.probabilities.log_loss();
        Ok(self)
    }

    /// The wrongly classified images, those of which the network was most certain first.
    pub fn worst(&self) -> Vec<Prediction> {
        let mut wrong: Vec<_> = self.predictions.iter().copied().filter(|p| !p.is_correct()).collect();
        wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
        wrong
    }

    /// All images, right or wrong, those of which the network was least certain first.
    pub fn least_certain(&self) -> Vec<Prediction> {
        let mut all = self.predictions.clone();
        all.sort_by(|a, b| a.probability.total_cmp(&b.probability).then(a.index.cmp(&b.index)));
        all
    }
}

impl Prediction {
    /// Whether the predicted class is the true one.
    pub fn is_correct(&self) -> bool {
        self.label == self.predicted
    }
}

/// Runs a network in evaluation mode over every batch of a loader.
///
/// # Errors
/// Errors of the loader; [`Error::Layers`] where the images do not fit the network or a label is not one of its
/// classes; [`Error::Argument`] where the network's outputs are NaN.
pub fn evaluate(model: &dyn Forward, loader: &Loader) -> Result<Evaluation> {
    let (mut classes, mut rows, mut predictions) = (0, Vec::new(), Vec::new());
    let loss = for_each_batch(model, loader, |outcome| {
        classes = outcome.logits.shape().last().copied().unwrap_or(0);
        let probabilities = outcome.probabilities.to_dtype(DType::F32)?;
        let probabilities = probabilities.as_slice::<f32>()?;
        predictions.extend(predictions_of(outcome, probabilities)?);
        rows.extend(probabilities.iter().map(|&probability| f64::from(probability)));
        Ok(())
    })?;
    let mut confusion = ConfusionMatrix::new(classes);
    for prediction in &predictions {
        confusion.add(prediction.label, prediction.predicted)?;
    }
    let truths = predictions.iter().map(|prediction| prediction.label).collect();
    Ok(Evaluation { loss, confusion, predictions, probabilities: Probabilities::new(classes, rows, truths)? })
}

/// The figures by which epochs are compared, without a record of each image.
pub(crate) fn measure(model: &dyn Forward, loader: &Loader) -> Result<Validation> {
    let mut confusion: Option<ConfusionMatrix> = None;
    let loss = for_each_batch(model, loader, |outcome| {
        let classes = outcome.logits.shape().last().copied().unwrap_or(0);
        let confusion = confusion.get_or_insert_with(|| ConfusionMatrix::new(classes));
        let predicted = ops::reduce::arg_max(&outcome.logits)?;
        let pairs = outcome.labels.as_slice::<i64>()?.iter().zip(predicted.as_slice::<i64>()?);
        pairs
            .into_iter()
            .try_for_each(|(&label, &predicted)| confusion.add(label as usize, predicted as usize))
    })?;
    let confusion = confusion.unwrap_or_else(|| ConfusionMatrix::new(0));
    Ok(Validation {
        loss,
        accuracy: confusion.correct() as f64 / confusion.images().max(1) as f64,
        balanced_accuracy: confusion.balanced_accuracy(),
        macro_f1: confusion.macro_average().f1,
    })
}

/// What the network made of a batch.
struct BatchOutcome {
    indices: Vec<usize>,
    labels: Tensor,
    logits: Tensor,
    probabilities: Tensor,
}

/// Shows the outcome of every batch, in order; the mean loss of all images.
fn for_each_batch(
    model: &dyn Forward,
    loader: &Loader,
    mut see: impl FnMut(&BatchOutcome) -> Result<()>,
) -> Result<f64> {
    let mut loss = Mean::default();
    for batch in loader.epoch(0)? {
        let Batch { images, labels, indices, .. } = batch?;
        let mut cx = Ctx::inference();
        let x = cx.input(images);
        let logits = model.call(x, &mut cx)?.into_value();
        let outcome = ops::cross_entropy::forward(&logits, &labels, &Default::default())?;
        loss.add(outcome.loss.item()?, indices.len());
        see(&BatchOutcome { indices, labels, logits, probabilities: outcome.probabilities })?;
    }
    Ok(loss.value())
}

fn predictions_of(outcome: &BatchOutcome, probabilities: &[f32]) -> Result<Vec<Prediction>> {
    let BatchOutcome { indices, labels, logits, .. } = outcome;
    let predicted = ops::reduce::arg_max(logits)?;
    let classes = logits.shape().last().copied().unwrap_or(0).max(1);
    let (labels, predicted) = (labels.as_slice::<i64>()?, predicted.as_slice::<i64>()?);
    let rows = probabilities.chunks_exact(classes);
    if indices.len() != labels.len() || indices.len() != predicted.len() || indices.len() != rows.len() {
        let met = format!("{} for {} images", labels.len().min(predicted.len()), indices.len());
        return Err(Error::argument("number of predictions", met, "one for each image"));
    }
    let of = |(((&index, &label), &predicted), row): (((&usize, &i64), &i64), &[f32])| Prediction {
        index,
        label: label as usize,
        predicted: predicted as usize,
        probability: row.get(predicted as usize).copied().unwrap_or(f32::NAN),
    };
    Ok(indices.iter().zip(labels).zip(predicted).zip(rows).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(index: usize, label: usize, predicted: usize, probability: f32) -> Prediction {
        Prediction { index, label, predicted, probability }
    }

    fn evaluation(predictions: Vec<Prediction>) -> Evaluation {
        let row = |p: &Prediction| {
            let sure = f64::from(p.probability);
            if p.predicted == 0 { [sure, 1.0 - sure] } else { [1.0 - sure, sure] }
        };
        let rows = predictions.iter().flat_map(row).collect();
        let truths = predictions.iter().map(|p| p.label).collect();
        let probabilities = Probabilities::new(2, rows, truths).unwrap();
        Evaluation { loss: 0.5, confusion: ConfusionMatrix::new(2), predictions, probabilities }
    }

    #[test]
    fn the_worst_mistakes_are_the_most_certain_ones() {
        let predictions = vec![
            prediction(0, 1, 1, 0.99),
            prediction(1, 1, 0, 0.6),
            prediction(2, 0, 1, 0.9),
            prediction(3, 0, 1, 0.6),
        ];
        let evaluation = evaluation(predictions);
        assert_eq!(evaluation.least_certain().iter().map(|p| p.index).collect::<Vec<_>>(), [1, 3, 2, 0]);
        assert_eq!(evaluation.worst().iter().map(|p| p.index).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!(evaluation.summary(), Summary { images: 4, correct: 1, accuracy: 0.25, loss: 0.5 });
    }

    #[test]
    fn no_images_have_accuracy_zero() {
        assert_eq!(evaluation(vec![]).accuracy(), 0.0);
    }
}
