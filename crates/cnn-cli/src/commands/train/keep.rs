//! A model to use is on the disk from the first epoch on, whatever happens to the process later.

use cnn_models::About;
use cnn_train::{Callback, CallbackError, EpochEvent, Flow, Keep, RunDir};

use crate::model;

/// Writes `best.safetensors` after each epoch that the run would keep if it ended there.
pub(super) struct KeepBest<'a> {
    run: &'a RunDir,
    about: &'a About,
    keep: Keep,
}

impl<'a> KeepBest<'a> {
    pub(super) fn new(run: &'a RunDir, about: &'a About, keep: Keep) -> Self {
        Self { run, about, keep }
    }
}

impl Callback for KeepBest<'_> {
    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        if event.is_best || self.keep == Keep::Last {
            self.run.write_best(&model::to_bytes(event.model, self.about)?)?;
        }
        Ok(Flow::Continue)
    }
}
