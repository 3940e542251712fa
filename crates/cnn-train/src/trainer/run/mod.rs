//! A run in progress: epochs, steps, validation, what is kept.

mod rehearse;
mod saving;

pub use rehearse::Rehearsal;

use std::time::{Duration, Instant};

use cnn_autograd::{Step, random::Key};
use cnn_data::{Batch, Loader};
use cnn_layers::{Forward, StateDict, Strictness, freeze, named_buffers, named_parameters, unfreeze};
use cnn_tensor::ops;

use super::step::pass;
use super::{Keep, OnNonFinite, StepOutcome, Trainer, diagnose};
use crate::average::Average;
use crate::callback::{BatchEvent, EpochEvent, Flow, StartEvent};
use crate::checkpoint::{Partial, snapshot};
use crate::error::{LastGood, NotFinite};
use crate::evaluate::measure;
use crate::history::{Ending, EpochRecord, History, Validation};
use crate::metrics::{Accuracy, Mean};
use crate::optim::Sam;
use crate::schedule::Progress;
use crate::{Error, Result};

/// A trainer with its training set and what it has done so far.
pub(super) struct Run<'a> {
    trainer: Trainer<'a>,
    train: &'a Loader,
    history: History,
    /// The weights of the best epoch, where they are to be kept.
    best: Option<StateDict>,
    average: Option<Average>,
    /// What a checkpoint holds of the epoch that is to go on.
    partial: Option<Partial>,
    rollbacks: u32,
    saved: Instant,
}

/// How an epoch's training ended.
enum Epoch {
    Finished(EpochRecord),
    /// By a callback, in its middle; a checkpoint holds what was done.
    Stopped,
    /// Something was not finite.
    Diverged(Error),
}

impl<'a> Run<'a> {
    pub(super) fn new(trainer: Trainer<'a>, train: &'a Loader) -> Self {
        let history = History { best_by: trainer.options.best_by, ..History::default() };
        let saved = Instant::now();
        Self { trainer, train, history, best: None, average: None, partial: None, rollbacks: 0, saved }
    }

    pub(super) fn fit(mut self, model: &mut dyn Forward) -> Result<History> {
        match self.trainer.resume.take() {
            Some(loaded) => self.restore(loaded, model)?,
            None => self.begin(model)?,
        }
        let epochs = self.trainer.options.epochs;
        self.tell_start()?;
        while self.history.epochs.len() < epochs {
            if self.trainer.options.patience.is_some_and(|patience| self.history.waited() >= patience.max(1))
            {
                self.history.ending = Ending::OutOfPatience;
                break;
            }
            let record = match self.train_epoch(self.history.epochs.len(), model)? {
                Epoch::Finished(record) => record,
                Epoch::Stopped => {
                    self.history.ending = Ending::Stopped;
                    break;
                }
                Epoch::Diverged(error) => {
                    self.roll_back(error, model)?;
                    continue;
                }
            };
            // The last update of an epoch shows in no loss, so the weights themselves are looked at.
            if let Some(path) = weight_not_finite(model)? {
                let error = self.not_finite(record.epoch, NotFinite::Weight { path }, record.learning_rate);
                self.roll_back(error, model)?;
                continue;
            }
            if self.finish_epoch(record, model)? == Flow::Stop {
                self.history.ending = Ending::Stopped;
                break;
            }
        }
        if let Some(average) = &mut self.average {
            average.swap(model);
        }
        if let Some(best) = self.best {
            best.load_into(model, Strictness::Strict)?;
        }
        Ok(self.history)
    }

    /// Takes every step of an epoch (counted from 0), or those that are left of it.
    fn train_epoch(&mut self, epoch: usize, model: &mut dyn Forward) -> Result<Epoch> {
        let (epochs, batches) = (self.trainer.options.epochs, self.train.batches_per_epoch());
        self.freeze(epoch, model)?;
        let partial = self.partial.take();
        let mut loader = match &partial {
            Some(partial) => self.train.resume(&partial.loader)?,
            None => self.train.epoch(epoch as u64)?,
        };
        let before = partial.as_ref().map_or(0.0, |partial| partial.seconds);
        let mut waiting_seconds = partial.as_ref().map_or(0.0, |partial| partial.waiting_seconds);
        let (mut mean_loss, mut accuracy, mut learning_rate) = match partial {
            Some(Partial { loss, accuracy, learning_rate, .. }) => (loss, accuracy, learning_rate),
            None => Default::default(),
        };
        let start = Instant::now();
        let seconds = || before + start.elapsed().as_secs_f64();
        loop {
            let first = loader.position().batch;
            let asked = Instant::now();
            let group: Vec<Batch> =
                loader.by_ref().take(self.trainer.options.accumulate).collect::<cnn_data::Result<_>>()?;
            waiting_seconds += asked.elapsed().as_secs_f64();
            let position = loader.position();
            if group.is_empty() {
                break;
            }
            learning_rate = self.learning_rate(epoch, first)?;
            let images = accuracy.images + group.iter().map(Batch::len).sum::<usize>();
            let last_batch = first + group.len();
            let loss = match self.step(epoch, first, &group, learning_rate, model, &mut accuracy)? {
                Ok(loss) => {
                    mean_loss.add(loss, group.iter().map(Batch::len).sum());
                    loss
                }
                Err(what) => {
                    let error = self.not_finite(epoch + 1, what, learning_rate);
                    match self.trainer.options.on_nonfinite {
                        OnNonFinite::Stop => return Err(error),
                        OnNonFinite::Rollback => return Ok(Epoch::Diverged(error)),
                        OnNonFinite::Skip => f64::NAN,
                    }
                }
            };
            let seconds = seconds();
            let event = BatchEvent {
                epoch: epoch + 1,
                epochs,
                batch: last_batch,
                batches,
                images,
                loss,
                mean_loss: mean_loss.value(),
                accuracy: accuracy.value(),
                learning_rate,
                images_per_second: images as f64 / seconds.max(1e-9),
                elapsed: time(seconds),
                waited: time(waiting_seconds),
            };
            let flow = self.tell_batch(&event)?;
            let partial = || Partial {
                loader: position,
                loss: mean_loss,
                accuracy,
                learning_rate,
                seconds,
                waiting_seconds,
            };
            if flow == Flow::Continue && !self.is_time_to_save() {
                continue;
            }
            if let Some(path) = weight_not_finite(model)? {
                return Ok(Epoch::Diverged(self.not_finite(
                    epoch + 1,
                    NotFinite::Weight { path },
                    learning_rate,
                )));
            }
            // After the last batch too: the validation of the epoch is for the resumed run to do.
            self.save(Some(partial()), model)?;
            if flow == Flow::Stop {
                return Ok(Epoch::Stopped);
            }
        }
        let seconds = seconds();
        Ok(Epoch::Finished(EpochRecord {
            epoch: epoch + 1,
            learning_rate,
            train_loss: mean_loss.value(),
            train_accuracy: accuracy.value(),
            validation: None,
            seconds,
            images_per_second: accuracy.images as f64 / seconds.max(1e-9),
            waiting_seconds,
        }))
    }

    /// One step on a group of batches, of which `first` is the first one's number in the epoch; its mean loss, or what
    /// was not finite, where the model is as it was.
    fn step(
        &mut self,
        epoch: usize,
        first: usize,
        group: &[Batch],
        learning_rate: f64,
        model: &mut dyn Forward,
        accuracy: &mut Accuracy,
    ) -> Result<std::result::Result<f64, NotFinite>> {
        let options = self.trainer.options.clone();
        let mut sum: Option<Step> = None;
        let loss = options.loss()?;
        let mut mean_loss = Mean::default();
        for (index, batch) in (first..).zip(group) {
            let batches = (epoch as u64).saturating_mul(self.train.batches_per_epoch() as u64);
            let key = Key::new(options.seed).fold(batches + index as u64);
            let (outcome, step) = pass(model, batch, key, &loss)?;
            let Some(mut step) = step else {
                let layer = diagnose::first_layer(model, &batch.images, key)?;
                return Ok(Err(NotFinite::Loss { batch: index + 1, loss: outcome.loss, layer }));
            };
            mean_loss.add(outcome.loss, batch.len());
            accuracy.add(&outcome.logits, &batch.labels)?;
            if let Some(rho) = options.sam_rho {
                let sam = Sam::climb(model, &step.gradients, rho)?;
                let there = pass(model, batch, key, &loss);
                sam.descend(model);
                match there? {
                    (_, Some(there)) => step.gradients = there.gradients,
                    (StepOutcome { loss, .. }, None) => {
                        return Ok(Err(NotFinite::Loss { batch: index + 1, loss, layer: String::new() }));
                    }
                }
            }
            if group.len() > 1 {
                step.gradients.scale(batch.len() as f64)?;
            }
            match &mut sum {
                Some(sum) => sum.accumulate(step)?,
                None => sum = Some(step),
            }
        }
        let Some(mut step) = sum else { return Ok(Ok(0.0)) };
        if group.len() > 1 {
            step.gradients.scale(1.0 / group.iter().map(Batch::len).sum::<usize>().max(1) as f64)?;
        }
        if let Some(path) = diagnose::first_gradient(model, &step.gradients)? {
            return Ok(Err(NotFinite::Gradient { batch: first + group.len(), path }));
        }
        if let Some(limit) = options.clip_value {
            step.gradients.clip_value(limit)?;
        }
        if let Some(limit) = options.clip_norm {
            step.gradients.clip_norm(limit)?;
        }
        self.trainer.optimizer.step(model, step, learning_rate)?;
        if let (Some(average), Some(decay)) = (&mut self.average, options.ema_decay) {
            average.update(model, decay)?;
        }
        Ok(Ok(mean_loss.value()))
    }

    /// Freezes what does not train in this epoch, and frees what begins to.
    fn freeze(&self, epoch: usize, model: &mut dyn Forward) -> Result<()> {
        let all = &self.trainer.options.freeze;
        for entry in all.iter().filter(|entry| entry.epochs == Some(epoch)) {
            unfreeze(model, &[&entry.layers])?;
        }
        for entry in all.iter().filter(|entry| entry.epochs.is_none_or(|epochs| epoch < epochs)) {
            freeze(model, &[&entry.layers])?;
        }
        Ok(())
    }

    /// The rate of the step that begins with this batch of the epoch.
    fn learning_rate(&self, epoch: usize, batch: usize) -> Result<f64> {
        let options = &self.trainer.options;
        let steps_per_epoch = self.train.batches_per_epoch().div_ceil(options.accumulate);
        let at = Progress {
            step: epoch.saturating_mul(steps_per_epoch).saturating_add(batch / options.accumulate) as u64,
            steps: options.epochs.saturating_mul(steps_per_epoch) as u64,
            steps_per_epoch: steps_per_epoch as u64,
            epochs: &self.history.epochs,
        };
        let rate = self.trainer.schedule.rate(options.learning_rate, at);
        if rate >= 0.0 && rate.is_finite() {
            return Ok(rate * 0.5f64.powi(self.rollbacks as i32));
        }
        let met = format!("{rate} at step {}", at.step);
        Err(Error::argument("the schedule's learning rate", met, "a number from 0 on"))
    }

    fn validate(&self, record: &EpochRecord, model: &dyn Forward) -> Result<Option<Validation>> {
        let Some(loader) = self.trainer.validation else { return Ok(None) };
        let found = measure(model, loader)?;
        if !found.loss.is_finite() {
            return Err(self.not_finite(
                record.epoch,
                NotFinite::ValidationLoss { loss: found.loss },
                record.learning_rate,
            ));
        }
        Ok(Some(found))
    }

    /// Validates, enters the epoch into the history, keeps and saves what is to be kept, and tells the callbacks: all
    /// but the checkpoint about the average of the weights, where there is one.
    fn finish_epoch(&mut self, record: EpochRecord, model: &mut dyn Forward) -> Result<Flow> {
        self.swap_average(model);
        let measured = self.measure_epoch(record, model);
        self.swap_average(model);
        let (record, is_best) = measured?;
        self.save(None, model)?;
        let event_epochs = self.trainer.options.epochs;
        self.swap_average(model);
        let event = EpochEvent { record: &record, epochs: event_epochs, is_best, model };
        let mut flow = Ok(Flow::Continue);
        for callback in &mut self.trainer.callbacks {
            match callback.on_epoch(&event) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Stop) => flow = flow.map(|_| Flow::Stop),
                Err(error) => {
                    flow = Err(Error::Callback(error));
                    break;
                }
            }
        }
        self.swap_average(model);
        flow
    }

    fn measure_epoch(&mut self, mut record: EpochRecord, model: &dyn Forward) -> Result<(EpochRecord, bool)> {
        record.validation = self.validate(&record, model)?;
        self.history.epochs.push(record.clone());
        let is_best = self.history.best().is_some_and(|best| best.epoch == record.epoch);
        if is_best && self.trainer.options.keep == Keep::Best {
            self.best = Some(snapshot(model)?);
        }
        Ok((record, is_best))
    }

    /// Exchanges the model's values with the average's, where there is one.
    fn swap_average(&mut self, model: &mut dyn Forward) {
        if let Some(average) = &mut self.average {
            average.swap(model);
        }
    }

    fn tell_start(&mut self) -> Result<()> {
        let event = StartEvent {
            epochs: self.trainer.options.epochs,
            batches: self.train.batches_per_epoch(),
            batch: self.partial.as_ref().map_or(0, |partial| partial.loader.batch),
            history: &self.history,
        };
        let mut callbacks = self.trainer.callbacks.iter_mut();
        callbacks.try_for_each(|callback| callback.on_start(&event).map_err(Error::Callback))
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

    fn not_finite(&self, epoch: usize, what: NotFinite, learning_rate: f64) -> Error {
        let latest = self.trainer.checkpoints.as_ref().and_then(|folder| folder.latest().ok());
        let kept = latest.map_or(LastGood::Nowhere, LastGood::Checkpoint);
        Error::NotFinite { epoch, what, learning_rate, kept }
    }
}

/// So many seconds; none for what is no length of time, which a checkpoint could hold.
fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The path of the first parameter or running statistic that is not finite.
fn weight_not_finite(model: &dyn Forward) -> Result<Option<String>> {
    let parameters = named_parameters(model).into_iter().map(|(path, parameter)| (path, parameter.value()));
    for (path, tensor) in parameters.chain(named_buffers(model)) {
        if tensor.dtype().is_compute() && !ops::reduce::is_finite(tensor)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
