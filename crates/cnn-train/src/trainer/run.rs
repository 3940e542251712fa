//! A run in progress: epochs, validation, checkpoints, what is kept.

use std::time::Instant;

use cnn_autograd::random::Key;
use cnn_data::Loader;
use cnn_layers::{Forward, StateDict, Strictness, named_buffers, named_parameters};
use cnn_tensor::ops;

use super::{Keep, StepOptions, Trainer, train_step};
use crate::callback::{BatchEvent, EpochEvent, Flow, StartEvent};
use crate::checkpoint::{Checkpoint, Loaded, Position, Recipe, snapshot};
use crate::error::{LastGood, NotFinite};
use crate::evaluate::{Summary, measure};
use crate::history::{Ending, EpochRecord, History, Validation};
use crate::metrics::{Accuracy, Mean};
use crate::schedule::Progress;
use crate::{Error, Result};

/// A trainer with its training set and what it has done so far.
pub(super) struct Run<'a> {
    trainer: Trainer<'a>,
    train: &'a Loader,
    history: History,
    /// The weights of the best epoch, where they are to be kept.
    best: Option<StateDict>,
}

/// How an epoch's training ended.
enum Epoch {
    Finished(EpochRecord),
    /// In its middle; it is not in the history, and a resumed run begins it again.
    Stopped,
}

impl<'a> Run<'a> {
    pub(super) fn new(trainer: Trainer<'a>, train: &'a Loader) -> Self {
        Self { trainer, train, history: History::default(), best: None }
    }

    pub(super) fn fit(mut self, model: &mut dyn Forward) -> Result<History> {
        match self.trainer.resume.take() {
            Some(loaded) => self.restore(loaded, model)?,
            None => self.begin(model)?,
        }
        let epochs = self.trainer.options.epochs;
        let start = StartEvent { epochs, batches: self.train.batches_per_epoch(), history: &self.history };
        for callback in &mut self.trainer.callbacks {
            callback.on_start(&start).map_err(Error::Callback)?;
        }
        for epoch in self.history.epochs.len()..epochs {
            let Epoch::Finished(mut record) = self.train_epoch(epoch, model)? else {
                self.history.ending = Ending::Stopped;
                break;
            };
            self.check_weights(&record, model)?;
            record.validation = self.validate(&record, model)?;
            if self.finish_epoch(record, model)? == Flow::Stop {
                self.history.ending = Ending::Stopped;
                break;
            }
        }
        if let Some(best) = self.best {
            best.load_into(model, Strictness::Strict)?;
        }
        Ok(self.history)
    }

    /// Takes every step of an epoch (counted from 0).
    fn train_epoch(&mut self, epoch: usize, model: &mut dyn Forward) -> Result<Epoch> {
        let (epochs, batches) = (self.trainer.options.epochs, self.train.batches_per_epoch());
        let (mut mean_loss, mut accuracy) = (Mean::default(), Accuracy::default());
        let mut learning_rate = 0.0;
        let start = Instant::now();
        for (index, batch) in self.train.epoch(epoch as u64)?.enumerate() {
            let batch = batch?;
            let labels = batch.labels.clone();
            let at = Progress {
                step: (epoch * batches + index) as u64,
                steps: epochs.saturating_mul(batches) as u64,
                steps_per_epoch: batches as u64,
                epochs: &self.history.epochs,
            };
            learning_rate = self.learning_rate(at)?;
            let options = StepOptions {
                key: Key::new(self.trainer.options.seed).fold(at.step),
                learning_rate,
                label_smoothing: self.trainer.options.label_smoothing,
            };
            let outcome = train_step(model, self.trainer.optimizer.as_mut(), batch, &options)?;
            if !outcome.loss.is_finite() {
                let what = NotFinite::Loss { batch: index + 1, loss: outcome.loss };
                return Err(self.not_finite(epoch + 1, what, learning_rate));
            }
            mean_loss.add(outcome.loss, labels.len());
            accuracy.add(&outcome.logits, &labels)?;
            let elapsed = start.elapsed();
            let event = BatchEvent {
                epoch: epoch + 1,
                epochs,
                batch: index + 1,
                batches,
                images: accuracy.images,
                loss: outcome.loss,
                mean_loss: mean_loss.value(),
                accuracy: accuracy.value(),
                learning_rate,
                images_per_second: accuracy.images as f64 / elapsed.as_secs_f64().max(1e-9),
                elapsed,
            };
            if self.tell_batch(&event)? == Flow::Stop {
                return Ok(Epoch::Stopped);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(Epoch::Finished(EpochRecord {
            epoch: epoch + 1,
            learning_rate,
            train_loss: mean_loss.value(),
            train_accuracy: accuracy.value(),
            validation: None,
            seconds,
            images_per_second: accuracy.images as f64 / seconds.max(1e-9),
        }))
    }

    fn learning_rate(&self, at: Progress<'_>) -> Result<f64> {
        let rate = self.trainer.schedule.rate(self.trainer.options.learning_rate, at);
        if rate >= 0.0 && rate.is_finite() {
            return Ok(rate);
        }
        let met = format!("{rate} at step {}", at.step);
        Err(Error::argument("the schedule's learning rate", met, "a number from 0 on"))
    }

    fn validate(&self, record: &EpochRecord, model: &dyn Forward) -> Result<Option<Validation>> {
        let Some(loader) = self.trainer.validation else { return Ok(None) };
        let Summary { loss, accuracy, .. } = measure(model, loader)?;
        if !loss.is_finite() {
            return Err(self.not_finite(
                record.epoch,
                NotFinite::ValidationLoss { loss },
                record.learning_rate,
            ));
        }
        Ok(Some(Validation { loss, accuracy }))
    }

    /// Enters the epoch into the history, keeps and saves what is to be kept, and tells the callbacks.
    fn finish_epoch(&mut self, record: EpochRecord, model: &dyn Forward) -> Result<Flow> {
        self.history.epochs.push(record.clone());
        let is_best = self.history.best().is_some_and(|best| best.epoch == record.epoch);
        if is_best && self.trainer.options.keep == Keep::Best {
            self.best = Some(snapshot(model)?);
        }
        self.save(model)?;
        let event = EpochEvent { record: &record, epochs: self.trainer.options.epochs, is_best, model };
        let mut flow = Flow::Continue;
        for callback in &mut self.trainer.callbacks {
            if callback.on_epoch(&event).map_err(Error::Callback)? == Flow::Stop {
                flow = Flow::Stop;
            }
        }
        Ok(flow)
    }

    fn tell_batch(&mut self, event: &BatchEvent) -> Result<Flow> {
        let mut flow = Flow::Continue;
        for callback in &mut self.trainer.callbacks {
            if callback.on_batch(event).map_err(Error::Callback)? == Flow::Stop {
                flow = Flow::Stop;
            }
        }
        Ok(flow)
    }

    /// The last update of an epoch shows in no loss, so the weights themselves are looked at.
    fn check_weights(&self, record: &EpochRecord, model: &dyn Forward) -> Result<()> {
        let parameters =
            named_parameters(model).into_iter().map(|(path, parameter)| (path, parameter.value()));
        for (path, tensor) in parameters.chain(named_buffers(model)) {
            if tensor.dtype().is_compute() && !ops::reduce::is_finite(tensor)? {
                return Err(self.not_finite(record.epoch, NotFinite::Weight { path }, record.learning_rate));
            }
        }
        Ok(())
    }

    fn not_finite(&self, epoch: usize, what: NotFinite, learning_rate: f64) -> Error {
        let latest = self.trainer.checkpoints.as_ref().and_then(|folder| folder.latest().ok());
        let kept = latest.map_or(LastGood::Nowhere, LastGood::Checkpoint);
        Error::NotFinite { epoch, what, learning_rate, kept }
    }

    /// Saves the state before the first epoch, so that a run can be resumed from its very start.
    fn begin(&self, model: &dyn Forward) -> Result<()> {
        if let Some(folder) = &self.trainer.checkpoints
            && (folder.last().exists() || folder.previous().exists())
        {
            let problem = "it is of an earlier run, which this one would replace; resume from it or choose another folder";
            return Err(Error::checkpoint(&folder.last(), problem));
        }
        self.save(model)
    }

    fn save(&self, model: &dyn Forward) -> Result<()> {
        let Some(folder) = &self.trainer.checkpoints else { return Ok(()) };
        let (epoch, batches) = (self.history.epochs.len(), self.train.batches_per_epoch());
        let checkpoint = Checkpoint {
            position: Position { epoch, step: (epoch * batches) as u64 },
            recipe: self.recipe(),
            history: self.history.clone(),
            model: snapshot(model)?,
            best: self.best.clone(),
            optimizer: self.trainer.optimizer.state()?,
        };
        folder.save(&checkpoint)
    }

    fn restore(&mut self, loaded: Loaded, model: &mut dyn Forward) -> Result<()> {
        let Loaded { path, checkpoint } = loaded;
        checkpoint.expect(&path, &self.recipe())?;
        checkpoint.model.load_into(model, Strictness::Strict)?;
        self.trainer.optimizer.set_state(checkpoint.optimizer)?;
        self.history = History { ending: Ending::Completed, ..checkpoint.history };
        self.best = checkpoint.best;
        Ok(())
    }

    /// What this run is made with.
    fn recipe(&self) -> Recipe {
        let Trainer { options, optimizer, schedule, validation, .. } = &self.trainer;
        Recipe {
            options: options.clone(),
            optimizer: optimizer.describe(),
            schedule: schedule.describe(),
            images: self.train.dataset().len(),
            batches: self.train.batches_per_epoch(),
            validation_images: validation.map_or(0, |loader| loader.dataset().len()),
        }
    }
}
