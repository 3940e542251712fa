//! Cosine annealing with warm restarts: Loshchilov and Hutter, "SGDR" (2017), as `CosineAnnealingWarmRestarts`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit, anneal, check_floor};
use crate::{Error, Result};

/// Half a cosine from the learning rate to `floor` times it, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CosineRestarts {
    /// Length of the first period.
    pub period: f64,
    /// How many times as long as the one before each period is, 1 or more.
    pub multiply: f64,
    /// The rate at the end of each, relative to the learning rate, 0 to 1.
    pub floor: f64,
    /// What `period` counts.
    pub unit: Unit,
}

impl Default for CosineRestarts {
    /// Ten epochs, then twice as many each time.
    fn default() -> Self {
        Self { period: 10.0, multiply: 2.0, floor: 0.0, unit: Unit::Epochs }
    }
}

impl Schedule for CosineRestarts {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let mut period = match self.unit {
            Unit::Epochs => self.period * at.steps_per_epoch as f64,
            Unit::Steps => self.period,
        }
        .max(1.0);
        let mut step = at.step as f64;
        if self.multiply == 1.0 {
            step %= period;
        }
        while step >= period {
            step -= period;
            period *= self.multiply.max(1.0);
        }
        anneal(base, base * self.floor, step / period)
    }

    fn check(&self) -> Result<()> {
        if !(self.period > 0.0 && self.period.is_finite()) {
            return Err(Error::argument("schedule.period", self.period, "a number above 0"));
        }
        // Any less than these would make of a long run a loop of very many periods.
        if !(self.multiply == 1.0 || self.multiply >= 1.01 && self.multiply.is_finite()) {
            return Err(Error::argument("schedule.multiply", self.multiply, "1, or 1.01 or more"));
        }
        check_floor(self.floor)
    }
}
