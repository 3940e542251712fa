//! A rate that falls when the validation gets no better, as PyTorch's `ReduceLROnPlateau`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, check_factor, check_floor, repeated};
use crate::{Error, Result};

/// The learning rate times `factor` for each time that the validation loss stayed for more than `patience` epochs at
/// or above its lowest. Where there is no validation, the training loss is looked at.
///
/// Counted anew from the run's records at each step: there is no state that a resumed run could lack.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Plateau {
    /// What the rate is multiplied by, above 0 and at most 1.
    pub factor: f64,
    /// Epochs without an improvement that are waited for.
    pub patience: u64,
    /// By what share of itself the loss has to fall to have improved, 0 or more and below 1.
    pub threshold: f64,
    /// Epochs after a reduction that are not looked at.
    pub cooldown: u64,
    /// The lowest rate, relative to the learning rate, 0 to 1.
    pub floor: f64,
}

impl Default for Plateau {
    /// PyTorch's defaults.
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, floor: 0.0 }
    }
}

impl Plateau {
    /// How often the rate was reduced, after epochs with these losses.
    fn reductions(&self, losses: impl Iterator<Item = f64>) -> u64 {
        let (mut best, mut waited, mut cooling, mut reductions) = (f64::INFINITY, 0, 0, 0);
        for loss in losses {
            match loss < best * (1.0 - self.threshold) || best == f64::INFINITY {
                true => (best, waited) = (loss, 0),
                false => waited += 1,
            }
            if cooling > 0 {
                (cooling, waited) = (cooling - 1, 0);
            }
            if waited > self.patience {
                (cooling, waited, reductions) = (self.cooldown, 0, reductions + 1);
            }
        }
        reductions
    }
}

impl Schedule for Plateau {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let losses = at.epochs.iter().map(|record| record.validation.map_or(record.train_loss, |v| v.loss));
        base * repeated(self.factor, self.reductions(losses)).max(self.floor)
    }

    fn check(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.threshold) {
            return Err(Error::argument("schedule.threshold", self.threshold, "0 or more and below 1"));
        }
        check_factor(self.factor)?;
        check_floor(self.floor)
    }
}
