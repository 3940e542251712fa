//! [`Trainer`]: the loop over epochs and batches, as a value with replaceable parts.
//!
//! What one step is stands in [`train_step`], in the five lines that a loop of the user's own needs too.
//! A run is a pure function of its options, its model and its loader: the random key of a step is the seed's
//! with the step's number folded in, and callbacks cannot change the weights.

mod diagnose;
mod options;
mod run;
mod step;

use std::path::Path;
use std::time::Duration;

use cnn_data::Loader;
use cnn_layers::{Forward, check_unique_paths};

pub use options::{Freeze, Keep, OnNonFinite, TrainerOptions};
pub use run::Rehearsal;
pub use step::{LossOptions, StepOptions, StepOutcome, train_step};

use crate::callback::Callback;
use crate::checkpoint::{Checkpoint, CheckpointFolder, Loaded, Longer};
use crate::history::History;
use crate::optim::{Adam, AdamOptions, Optimizer};
use crate::schedule::{AnySchedule, Schedule};
use crate::{Error, Result};

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
    checkpoint_every: Duration,
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
            checkpoint_every: Duration::MAX,
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

    /// Writes a checkpoint into this folder before the first epoch, after every one, and when a callback stops the run.
    #[must_use]
    pub fn checkpoints(mut self, folder: CheckpointFolder) -> Self {
        self.checkpoints = Some(folder);
        self
    }

    /// Writes one also after a step once so much time has passed since the last; zero is after every step. With
    /// [`OnNonFinite::Rollback`] it does not, so that where the run goes back to depends on no clock.
    #[must_use]
    pub fn checkpoint_every(mut self, time: Duration) -> Self {
        self.checkpoint_every = time;
        self
    }

    /// Goes on from a checkpoint, after the last step that it holds. The run then ends with the same bits as
    /// one that was never interrupted, provided that it is made as the first one was. [`Trainer::fit`] refuses a
    /// [`Recipe`](crate::Recipe) that differs, also in the number of epochs, by which schedules go, and a loader whose
    /// [`Position`](cnn_data::Position) does not fit; that the images, their augmentation, and what the layers compute
    /// are the same is for the caller to see to.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Checkpoint`] where the file is damaged.
    pub fn resume_from(self, path: &Path) -> Result<Self> {
        self.load(path, Longer::No)
    }

    /// [`Trainer::resume_from`], for a run that may now have more epochs than it was begun with: from here on its
    /// schedule goes by the new number.
    ///
    /// # Errors
    /// As [`Trainer::resume_from`].
    pub fn extend_from(self, path: &Path) -> Result<Self> {
        self.load(path, Longer::Yes)
    }

    fn load(mut self, path: &Path, longer: Longer) -> Result<Self> {
        let checkpoint = Checkpoint::read(path)?;
        self.resume = Some(Loaded { path: path.to_owned(), checkpoint, longer });
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
        self.check(model, train)?;
        run::Run::new(self, train).fit(model)
    }

    /// Whether the parts fit together.
    fn check(&self, model: &dyn Forward, train: &Loader) -> Result<()> {
        self.schedule.check()?;
        check_unique_paths(model)?;
        if train.batches_per_epoch() == 0 {
            // The loader knows best what is wrong with it.
            train.epoch(0)?;
            return Err(Error::argument("training batches", 0, "as many images as fill a batch"));
        }
        if self.validation.is_none() {
            if self.options.keep == Keep::Best {
                return Err(Error::argument(
                    "keep",
                    "best",
                    "`last`, or validation images to choose the best by",
                ));
            }
            if let Some(patience) = self.options.patience {
                return Err(Error::argument("patience", patience, "none, or validation images to judge by"));
            }
        }
        if self.options.on_nonfinite == OnNonFinite::Rollback && self.checkpoints.is_none() {
            return Err(Error::argument(
                "on-nonfinite",
                "rollback",
                "`stop` or `skip`, or a folder for checkpoints",
            ));
        }
        Ok(())
    }
}
