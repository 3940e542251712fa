//! [`Trainer`]: the loop over epochs and batches, as a value with replaceable parts.
//!
//! What one step is stands in [`train_step`], in the five lines that a loop of the user's own needs too.
//! A run is a pure function of its options, its model and its loader: the random key of a step is the seed's
//! with the step's number folded in, and callbacks cannot change the weights.

mod run;
mod step;

use std::path::Path;

use cnn_data::Loader;
use cnn_layers::{Forward, check_unique_paths};
use serde::{Deserialize, Serialize};

pub use step::{StepOptions, StepOutcome, train_step};

use crate::callback::Callback;
use crate::checkpoint::{Checkpoint, CheckpointFolder, Loaded};
use crate::history::History;
use crate::optim::{Adam, AdamOptions, Optimizer};
use crate::schedule::{AnySchedule, Schedule};
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
    /// Which weights the model has after the run.
    pub keep: Keep,
}

/// Which weights a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those of the last step.
    #[default]
    Last,
    /// Those of the epoch with the highest validation accuracy, the first of several.
    Best,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self { epochs: 1, learning_rate: 1e-3, seed: 0, label_smoothing: 0.0, keep: Keep::Last }
    }
}

impl TrainerOptions {
    /// Whether every option makes sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the one that does not.
    pub fn check(&self) -> Result<()> {
        if self.epochs == 0 {
            return Err(Error::argument("epochs", 0, "1 or more"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::argument("learning-rate", self.learning_rate, "a number above 0"));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(Error::argument("label-smoothing", self.label_smoothing, "0 or more and below 1"));
        }
        Ok(())
    }
}

/// Trains a network: Adam at a constant rate, unless told otherwise.
///
/// ```no_run
/// # fn run(mut model: impl cnn_layers::Forward, train: cnn_data::Loader, validation: cnn_data::Loader)
/// # -> cnn_train::Result<()> {
/// use cnn_train::{Keep, Trainer, TrainerOptions, optim::{Sgd, SgdOptions}, schedule::OneCycle};
///
/// let options = TrainerOptions { epochs: 5, learning_rate: 0.1, seed: 1, keep: Keep::Best, ..Default::default() };
/// let history = Trainer::new(options)?
///     .optimizer(Sgd::new(SgdOptions { momentum: 0.9, nesterov: true, ..Default::default() })?)
///     .schedule(OneCycle::default())
///     .validate_on(&validation)
///     .fit(&mut model, &train)?;
/// # Ok(()) }
/// ```
pub struct Trainer<'a> {
    options: TrainerOptions,
    optimizer: Box<dyn Optimizer>,
    schedule: Box<dyn Schedule + 'a>,
    validation: Option<&'a Loader>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    checkpoints: Option<CheckpointFolder>,
    resume: Option<Loaded>,
}

impl<'a> Trainer<'a> {
    /// A trainer with these options.
    ///
    /// # Errors
    /// As [`TrainerOptions::check`].
    pub fn new(options: TrainerOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options,
            optimizer: Box::new(Adam::new(AdamOptions::default())?),
            schedule: Box::new(AnySchedule::default()),
            validation: None,
            callbacks: Vec::new(),
            checkpoints: None,
            resume: None,
        })
    }

    /// Uses this optimiser.
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Optimizer + 'static) -> Self {
        self.optimizer = Box::new(optimizer);
        self
    }

    /// Uses this schedule.
    #[must_use]
    pub fn schedule(mut self, schedule: impl Schedule + 'a) -> Self {
        self.schedule = Box::new(schedule);
        self
    }

    /// Evaluates on this loader's batches after every epoch.
    #[must_use]
    pub fn validate_on(mut self, loader: &'a Loader) -> Self {
        self.validation = Some(loader);
        self
    }

    /// Adds a callback; they are called in the order in which they were added. Lend one (`&mut callback`) to
    /// look at it after the run.
    #[must_use]
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Writes a checkpoint into this folder before the first epoch and after every one. The steps of an epoch that
    /// was stopped in its middle are in none: the run is resumed from that epoch's start.
    #[must_use]
    pub fn checkpoints(mut self, folder: CheckpointFolder) -> Self {
        self.checkpoints = Some(folder);
        self
    }

    /// Goes on from a checkpoint, at the epoch after those that it holds. The run then ends with the same bits as
    /// one that was never interrupted, provided that it is made as the first one was. [`Trainer::fit`] refuses a
    /// [`Recipe`](crate::Recipe) that differs, also in the number of epochs, by which schedules go; that the images,
    /// their order and augmentation, and what the layers compute are the same is for the caller to see to.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Checkpoint`] where the file is damaged.
    pub fn resume_from(mut self, path: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::read(path)?;
        self.resume = Some(Loaded { path: path.to_owned(), checkpoint });
        Ok(self)
    }

    /// Trains the model on every epoch of the loader. The model ends with the weights that
    /// [`TrainerOptions::keep`] names.
    ///
    /// # Errors
    /// [`Error::Argument`] for a loader without batches, a schedule's argument, or [`Keep::Best`] without
    /// validation; [`Error::NotFinite`]; [`Error::Checkpoint`] where a new run would replace the checkpoints of
    /// another, or the one to resume from is of a run that was made otherwise; [`Error::Layers`] where two
    /// parameters have one path; errors of the loader, of the layers, of callbacks, and
    /// of writing checkpoints. The model then has the weights it had reached.
    pub fn fit(self, model: &mut dyn Forward, train: &Loader) -> Result<History> {
        self.schedule.check()?;
        check_unique_paths(model)?;
        if train.batches_per_epoch() == 0 {
            // The loader knows best what is wrong with it.
            train.epoch(0)?;
            return Err(Error::argument("training batches", 0, "as many images as fill a batch"));
        }
        if self.options.keep == Keep::Best && self.validation.is_none() {
            return Err(Error::argument(
                "keep",
                "best",
                "`last`, or validation images to choose the best by",
            ));
        }
        run::Run::new(self, train).fit(model)
    }
}
