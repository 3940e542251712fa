//! One training step: forward, loss, backward, update.

use cnn_autograd::{Ctx, Step, random::Key};
use cnn_data::Batch;
use cnn_layers::{Forward, Var};
use cnn_tensor::ops::cross_entropy::Options;
use cnn_tensor::{DType, Tensor};

use crate::Result;
use crate::optim::Optimizer;

/// What a step needs to know besides model, batch and optimiser.
#[derive(Debug, Clone)]
pub struct StepOptions {
    /// Random key of this very step.
    pub key: Key,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// What the loss is.
    pub loss: LossOptions,
}

/// What the cross-entropy makes of targets and classes.
#[derive(Debug, Clone, Default)]
pub struct LossOptions {
    /// Share of the target that goes to all classes evenly.
    pub label_smoothing: f64,
    /// What the loss of each class is multiplied by, `[classes]`; a mean divides by the weights of the labels.
    pub class_weights: Option<Tensor>,
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
    let (outcome, step) = pass(model, &batch, options.key, &options.loss)?;
    if let Some(step) = step {
        optimizer.step(model, step, options.learning_rate)?;
    }
    Ok(outcome)
}

/// Forward and back: gradients and batch statistics, unless the loss is not finite.
pub(super) fn pass(
    model: &dyn Forward,
    batch: &Batch,
    key: Key,
    loss: &LossOptions,
) -> Result<(StepOutcome, Option<Step>)> {
    let mut cx = Ctx::training(key);
    let images = cx.input(batch.images.clone());
    let output = model.call(images, &mut cx)?;
    let logits = output.value().clone();
    let loss = loss_of(output, &batch.labels, loss)?;
    let outcome = StepOutcome { loss: loss.value().item()?, logits };
    let step = outcome.loss.is_finite().then(|| cx.backward(loss)).transpose()?;
    Ok((outcome, step))
}

/// Mean cross-entropy against classes, or against shares of them where images are mixed.
fn loss_of(output: Var, labels: &Tensor, loss: &LossOptions) -> Result<Var> {
    let dtype = output.value().dtype();
    let weights = loss.class_weights.as_ref().map(|weights| weights.to_dtype(dtype)).transpose()?;
    let options =
        Options { label_smoothing: loss.label_smoothing, weights: weights.as_ref(), ..Options::default() };
    Ok(match labels.dtype() {
        DType::I64 => output.cross_entropy(labels, options)?,
        _ => output.soft_cross_entropy(labels, options)?,
    })
}
