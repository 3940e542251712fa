//! Step decay, as PyTorch's `StepLR`: the rate is multiplied by a factor every few epochs.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule};
use crate::{Error, Result};

/// The learning rate times `factor` to the power of `epoch / every_epochs`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StepDecay {
    /// Epochs between two reductions.
    pub every_epochs: u64,
    /// What the rate is multiplied by, above 0 and at most 1.
    pub factor: f64,
}

impl Default for StepDecay {
    /// A tenth after every ten epochs.
    fn default() -> Self {
        Self { every_epochs: 10, factor: 0.1 }
    }
}

impl Schedule for StepDecay {
    fn rate(&self, base: f64, at: Progress) -> f64 {
        let reductions = at.epoch() / self.every_epochs.max(1);
        base * self.factor.powi(reductions.min(i32::MAX as u64) as i32)
    }

    fn check(&self) -> Result<()> {
        if self.every_epochs == 0 {
            return Err(Error::argument("schedule.every-epochs", 0, "1 or more"));
        }
        if !(self.factor > 0.0 && self.factor <= 1.0) {
            return Err(Error::argument("schedule.factor", self.factor, "above 0 and at most 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_at_the_first_step_of_every_second_epoch() {
        let schedule = StepDecay { every_epochs: 2, factor: 0.5 };
        let rate = |step| schedule.rate(0.8, Progress { step, steps: 50, steps_per_epoch: 10 });
        assert_eq!([rate(0), rate(19), rate(20), rate(39), rate(40)], [0.8, 0.8, 0.4, 0.4, 0.2]);
    }

    #[test]
    fn arguments_without_meaning_are_refused() {
        for (every_epochs, factor) in [(0, 0.5), (1, 0.0), (1, 1.5), (1, f64::NAN)] {
            assert!(matches!(StepDecay { every_epochs, factor }.check(), Err(Error::Argument { .. })));
        }
    }
}
