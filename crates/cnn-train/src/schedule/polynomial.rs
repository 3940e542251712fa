//! Polynomial decay, as PyTorch's `PolynomialLR` over the whole run; with power 1 it is linear.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, check_floor};
use crate::{Error, Result};

/// From the learning rate to `floor` times it, by a power of the part of the run that is left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Polynomial {
    /// The power, above 0.
    pub power: f64,
    /// The rate at the end, relative to the learning rate, 0 to 1.
    pub floor: f64,
}

impl Default for Polynomial {
    fn default() -> Self {
        Self { power: 1.0, floor: 0.0 }
    }
}

impl Schedule for Polynomial {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        base * (self.floor + (1.0 - self.floor) * (1.0 - at.fraction()).powf(self.power))
    }

    fn check(&self) -> Result<()> {
        if !(self.power > 0.0 && self.power.is_finite()) {
            return Err(Error::argument("schedule.power", self.power, "a number above 0"));
        }
        check_floor(self.floor)
    }
}
