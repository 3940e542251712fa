//! [`Rehearsal`]: a few steps with all that a run does, of which nothing is left.

use std::time::Instant;

use cnn_autograd::Ctx;
use cnn_data::{Batch, Loader};
use cnn_layers::Forward;
use cnn_tensor::{Tensor, ops};

use super::{Epoch, Run, weight_not_finite};
use crate::callback::{BatchEvent, Callback, Flow};
use crate::error::{CallbackError, NotFinite};
use crate::trainer::{OnNonFinite, Trainer};
use crate::{Error, Result};

/// Batches that a rehearsal takes.
const BATCHES: usize = 2;

/// What a rehearsal found: see [`Trainer::rehearse`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rehearsal {
    /// Shape of the first batch of images.
    pub input: Vec<usize>,
    /// Shape of what the network makes of it.
    pub output: Vec<usize>,
    /// Batches that were trained on, 2 or those of one step.
    pub batches: usize,
    /// Time of the last step, without the time that it waited for its batch.
    pub step_seconds: f64,
    /// Time of a batch of the validation, where there is one.
    pub validation_seconds: Option<f64>,
    /// Size of a checkpoint, in bytes.
    pub checkpoint_bytes: usize,
}

/// Stops after enough batches, and keeps the time.
struct Watch {
    batches: usize,
    began: f64,
    step_seconds: f64,
}

impl Callback for Watch {
    fn on_batch(&mut self, event: &BatchEvent) -> std::result::Result<Flow, CallbackError> {
        let computed = event.elapsed.saturating_sub(event.waited).as_secs_f64();
        self.batches = event.batch;
        self.step_seconds = computed - self.began;
        self.began = computed;
        Ok(if event.batch >= BATCHES { Flow::Stop } else { Flow::Continue })
    }
}

impl Trainer<'_> {
    /// Takes two batches (or a step, where that has more) through everything that [`Trainer::fit`] does: loading and
    /// augmentation, forward and back, the update, a batch of the validation, and the encoding of a checkpoint. Nothing is
    /// written and no callback is told; the weights of the model have changed afterwards.
    ///
    /// # Errors
    /// As [`Trainer::fit`]; [`Error::NotFinite`] whatever [`OnNonFinite`] says.
    pub fn rehearse(self, model: &mut dyn Forward, train: &Loader) -> Result<Rehearsal> {
        self.check(model, train)?;
        let mut watch = Watch { batches: 0, began: 0.0, step_seconds: 0.0 };
        let mut trainer: Trainer<'_> = self;
        trainer.options.on_nonfinite = OnNonFinite::Stop;
        (trainer.checkpoints, trainer.resume) = (None, None);
        trainer.callbacks = vec![Box::new(&mut watch)];
        let (images, logits) = look(model, &first_batch(train)?)?;
        let validation = trainer.validation.map(|loader| measured(model, loader)).transpose()?;
        let run = Run::new(trainer, train);
        if let Some((loss, _)) = validation
            && !loss.is_finite()
        {
            return Err(run.not_finite(1, NotFinite::ValidationLoss { loss }, 0.0));
        }
        let checkpoint_bytes = run.rehearse(model)?;
        let Watch { batches, step_seconds, .. } = watch;
        let validation_seconds = validation.map(|(_, seconds)| seconds);
        Ok(Rehearsal {
            input: images,
            output: logits.shape().to_vec(),
            batches,
            step_seconds,
            validation_seconds,
            checkpoint_bytes,
        })
    }
}

impl Run<'_> {
    /// Trains until a callback stops it; the size of the checkpoint that the run would write then.
    fn rehearse(mut self, model: &mut dyn Forward) -> Result<usize> {
        self.start_average(model)?;
        if let Epoch::Diverged(error) = self.train_epoch(0, model)? {
            return Err(error);
        }
        if let Some(path) = weight_not_finite(model)? {
            let rate = self.trainer.options.learning_rate;
            return Err(self.not_finite(1, NotFinite::Weight { path }, rate));
        }
        Ok(self.checkpoint(None, model)?.to_bytes()?.len())
    }
}

/// The loss of the first batch, and the time that it took.
fn measured(model: &dyn Forward, loader: &Loader) -> Result<(f64, f64)> {
    let began = Instant::now();
    let batch = first_batch(loader)?;
    let (_, logits) = look(model, &batch)?;
    let loss = ops::cross_entropy::forward(&logits, &batch.labels, &Default::default())?.loss.item()?;
    Ok((loss, began.elapsed().as_secs_f64()))
}

fn first_batch(loader: &Loader) -> Result<Batch> {
    let first = loader.epoch(0)?.next().transpose()?;
    first.ok_or_else(|| Error::argument("batches", 0, "as many images as fill a batch"))
}

/// The shape of a batch, and the outputs of the network, as an evaluation has them.
fn look(model: &dyn Forward, batch: &Batch) -> Result<(Vec<usize>, Tensor)> {
    let mut cx = Ctx::inference();
    let x = cx.input(batch.images.clone());
    Ok((batch.images.shape().to_vec(), model.call(x, &mut cx)?.into_value()))
}
