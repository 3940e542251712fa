//! One training step: forward, loss, backward, update.

use cnn_autograd::{Ctx, random::Key};
use cnn_data::Batch;
use cnn_layers::Forward;
use cnn_tensor::Tensor;
use cnn_tensor::ops::cross_entropy::Options;

use crate::Result;
use crate::optim::Optimizer;

/// What a step needs to know besides model, batch and optimiser.
#[derive(Debug, Clone, Copy)]
pub struct StepOptions {
    /// Random key of this very step.
    pub key: Key,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Share of the target that goes to all classes evenly.
    pub label_smoothing: f64,
}

/// What a step found before it changed the model.
#[derive(Debug)]
pub struct StepOutcome {
    /// Mean loss of the batch. Where it is not finite, the model was not changed.
    pub loss: f64,
    /// The network's outputs, `[batch, classes]`.
    pub logits: Tensor,
}

/// Takes one step of training on one batch.
///
/// # Errors
/// Errors of the layers, with their path; errors of the optimiser. A loss that is not finite is no error
/// here: the outcome says it, and the model is as it was.
pub fn train_step(
    model: &mut dyn Forward,
    optimizer: &mut dyn Optimizer,
    batch: Batch,
    options: &StepOptions,
) -> Result<StepOutcome> {
    let mut cx = Ctx::training(options.key);
    let images = cx.input(batch.images);
    let output = model.call(images, &mut cx)?;
    let logits = output.value().clone();
    let loss = output.cross_entropy(
        &batch.labels,
        Options { label_smoothing: options.label_smoothing, ..Options::default() },
    )?;
    let outcome = StepOutcome { loss: loss.value().item()?, logits };
    if outcome.loss.is_finite() {
        let step = cx.backward(loss)?;
        optimizer.step(model, step, options.learning_rate)?;
    }
    Ok(outcome)
}
