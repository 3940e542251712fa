//! Checkpoints of a run in progress: writing them, going on from one, going back to one.

use std::time::Instant;

use cnn_layers::{Forward, Strictness};

use super::Run;
use crate::average::Average;
use crate::checkpoint::{Checkpoint, Loaded, Longer, Partial, Position, Recipe, snapshot};
use crate::history::{Ending, History};
use crate::trainer::{OnNonFinite, Trainer};
use crate::{Error, Result};

/// How often a run goes back before it gives up.
const MOST_ROLLBACKS: u32 = 8;

impl Run<'_> {
    /// Goes back to the start of the epoch, at half the learning rate; or fails with the error where that is not asked
    /// for or was done too often.
    pub(super) fn roll_back(&mut self, error: Error, model: &mut dyn Forward) -> Result<()> {
        let rollbacks = self.rollbacks + 1;
        let folder = match &self.trainer.checkpoints {
            Some(folder)
                if self.trainer.options.on_nonfinite == OnNonFinite::Rollback
                    && rollbacks <= MOST_ROLLBACKS =>
            {
                folder
            }
            _ => return Err(error),
        };
        let path = folder.latest()?;
        let checkpoint = Checkpoint::read(&path)?;
        self.restore(Loaded { path, checkpoint, longer: Longer::Yes }, model)?;
        self.rollbacks = rollbacks;
        self.tell_start()
    }

    /// Saves the state before the first epoch, so that a run can be resumed from its very start.
    pub(super) fn begin(&mut self, model: &mut dyn Forward) -> Result<()> {
        if let Some(folder) = &self.trainer.checkpoints
            && (folder.last().exists() || folder.previous().exists())
        {
            let problem = "it is of an earlier run, which this one would replace; resume from it or choose another folder";
            return Err(Error::checkpoint(&folder.last(), problem));
        }
        self.start_average(model)?;
        self.save(None, model)
    }

    pub(super) fn start_average(&mut self, model: &dyn Forward) -> Result<()> {
        if self.trainer.options.ema_decay.is_some() {
            self.average = Some(Average::of(model)?);
        }
        Ok(())
    }

    pub(super) fn is_time_to_save(&self) -> bool {
        self.trainer.options.on_nonfinite != OnNonFinite::Rollback
            && self.saved.elapsed() >= self.trainer.checkpoint_every
    }

    pub(super) fn save(&mut self, partial: Option<Partial>, model: &mut dyn Forward) -> Result<()> {
        let Some(folder) = self.trainer.checkpoints.clone() else { return Ok(()) };
        let mut callbacks = self.trainer.callbacks.iter_mut();
        callbacks.try_for_each(|callback| callback.on_checkpoint().map_err(Error::Callback))?;
        folder.save(&self.checkpoint(partial, model)?)?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Everything that the rest of the run depends on.
    pub(super) fn checkpoint(
        &mut self,
        partial: Option<Partial>,
        model: &mut dyn Forward,
    ) -> Result<Checkpoint> {
        let (epoch, batches) = (self.history.epochs.len(), self.train.batches_per_epoch() as u64);
        let in_epoch = partial.as_ref().map_or(0, |partial| partial.loader.batch as u64);
        let own = snapshot(model)?;
        self.swap_average(model);
        let average = self.average.is_some().then(|| snapshot(model));
        self.swap_average(model);
        Ok(Checkpoint {
            position: Position { epoch, batch: (epoch as u64).saturating_mul(batches) + in_epoch },
            recipe: self.recipe(),
            history: self.history.clone(),
            model: own,
            best: self.best.clone(),
            average: average.transpose()?,
            optimizer: self.trainer.optimizer.state()?,
            partial,
            rollbacks: self.rollbacks,
        })
    }

    pub(super) fn restore(&mut self, loaded: Loaded, model: &mut dyn Forward) -> Result<()> {
        let Loaded { path, checkpoint, longer } = loaded;
        checkpoint.expect(&path, &self.recipe(), longer)?;
        self.average = None;
        if self.trainer.options.ema_decay.is_some() {
            let Some(average) = &checkpoint.average else {
                return Err(Error::checkpoint(&path, "it holds no average of the weights"));
            };
            average.load_into(model, Strictness::Strict)?;
            self.average = Some(Average::of(model)?);
        }
        checkpoint.model.load_into(model, Strictness::Strict)?;
        self.trainer.optimizer.set_state(checkpoint.optimizer)?;
        self.history = History { ending: Ending::Completed, ..checkpoint.history };
        self.best = checkpoint.best;
        self.partial = checkpoint.partial;
        self.rollbacks = checkpoint.rollbacks;
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
