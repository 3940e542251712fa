//! What a run is asked to do.

use serde::{Deserialize, Serialize};

use cnn_tensor::Tensor;

use super::LossOptions;
use crate::history::BestBy;
use crate::{Error, Result};

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrainerOptions {
    /// How often the training set is gone through, 1 or more.
    pub epochs: usize,
    /// The learning rate that the schedule works from, above 0.
    pub learning_rate: f64,
    /// Seed of every random number of the run (the loader's order and augmentation have their own).
    pub seed: u64,
    /// Share of the target that goes to all classes evenly, 0 or more and below 1.
    pub label_smoothing: f64,
    /// What the loss of each class is multiplied by, so that rare ones count; the mean divides by the weights of the
    /// labels. A number above 0 for each class, all 1 where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Layers that do not train, for good or for the first epochs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// Batches that make one step: their gradients are averaged, image by image. 1 or more.
    pub accumulate: usize,
    /// The longest that all gradients together may be, as one vector; longer ones are shortened. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The largest that an element of a gradient may be, either way; larger ones are cut off. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// The radius of sharpness-aware minimisation, above 0; each step then costs two passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sam_rho: Option<f64>,
    /// Share of the moving average of the weights that is carried over at each step, 0 to 1 exclusive. Validation, the
    /// best weights and the last ones are then the average's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Epochs without a better validation after which the run ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What of the validation makes an epoch better than another.
    pub best_by: BestBy,
    /// Which weights the model has after the run.
    pub keep: Keep,
    /// What becomes of a step whose loss or gradient is not finite.
    pub on_nonfinite: OnNonFinite,
}

/// Layers that do not train; their batch norms, too, stay as they are. Several of these with rising numbers of epochs
/// unfreeze a network gradually.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Freeze {
    /// A pattern of parameters or layers, as [`cnn_layers::freeze`] reads it.
    pub layers: String,
    /// Epochs after which they train; never, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
}

/// Which weights a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those of the last step.
    #[default]
    Last,
    /// Those of the best epoch, by [`TrainerOptions::best_by`].
    Best,
}

/// What becomes of a step whose loss or gradient is NaN or infinite. The weights are those before the step in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNonFinite {
    /// The run ends with [`Error::NotFinite`].
    #[default]
    Stop,
    /// The step is left out, and the run goes on with the next batch.
    Skip,
    /// The run goes back to its last checkpoint and goes on from there at half the learning rate; after eight times it
    /// ends as with `stop`. It needs a folder for checkpoints.
    Rollback,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self {
            epochs: 1,
            learning_rate: 1e-3,
            seed: 0,
            label_smoothing: 0.0,
            class_weights: None,
            freeze: Vec::new(),
            accumulate: 1,
            clip_norm: None,
            clip_value: None,
            sam_rho: None,
            ema_decay: None,
            patience: None,
            best_by: BestBy::Accuracy,
            keep: Keep::Last,
            on_nonfinite: OnNonFinite::Stop,
        }
    }
}

impl TrainerOptions {
    /// The loss of a step.
    pub(super) fn loss(&self) -> Result<LossOptions> {
        let weights =
            self.class_weights.as_ref().map(|weights| Tensor::from_slice(&[weights.len()], weights));
        Ok(LossOptions { label_smoothing: self.label_smoothing, class_weights: weights.transpose()? })
    }

    /// Whether every option makes sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the one that does not.
    pub fn check(&self) -> Result<()> {
        for (name, count) in [("epochs", self.epochs), ("accumulate", self.accumulate)] {
            if count == 0 {
                return Err(Error::argument(name, 0, "1 or more"));
            }
        }
        let learning_rate = ("learning-rate", Some(self.learning_rate));
        let clips =
            [("clip-norm", self.clip_norm), ("clip-value", self.clip_value), ("sam-rho", self.sam_rho)];
        for (name, number) in [learning_rate].into_iter().chain(clips) {
            let number = number.unwrap_or(1.0);
            if !(number > 0.0 && number.is_finite()) {
                return Err(Error::argument(name, number, "a number above 0"));
            }
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(Error::argument("label-smoothing", self.label_smoothing, "0 or more and below 1"));
        }
        let weights = self.class_weights.iter().flatten();
        if let Some(weight) = weights.copied().find(|weight| !(*weight > 0.0 && weight.is_finite())) {
            return Err(Error::argument("class-weights", weight, "a number above 0 for each class"));
        }
        let decay = self.ema_decay.unwrap_or(0.5);
        if !(decay > 0.0 && decay < 1.0) {
            return Err(Error::argument("ema-decay", decay, "above 0 and below 1"));
        }
        Ok(())
    }
}
