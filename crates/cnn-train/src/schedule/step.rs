//! Step decay, as PyTorch's `StepLR`: the rate is multiplied by a factor every few epochs.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit, check_factor, repeated};
use crate::{Error, Result};

/// The learning rate times `factor` to the power of `done / every`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StepDecay {
    /// Epochs (or steps) between two reductions.
    pub every: u64,
    /// What the rate is multiplied by, above 0 and at most 1.
    pub factor: f64,
    /// What `every` counts.
    pub unit: Unit,
}

impl Default for StepDecay {
    /// A tenth after every ten epochs.
    fn default() -> Self {
        Self { every: 10, factor: 0.1, unit: Unit::Epochs }
    }
}

impl Schedule for StepDecay {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        base * repeated(self.factor, self.unit.done(at) / self.every.max(1))
    }

    fn check(&self) -> Result<()> {
        if self.every == 0 {
            return Err(Error::argument("schedule.every", 0, "1 or more"));
        }
        check_factor(self.factor)
    }
}
