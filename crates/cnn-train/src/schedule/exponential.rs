//! Exponential decay, as PyTorch's `ExponentialLR`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit, check_factor, repeated};
use crate::Result;

/// The learning rate times `factor` to the power of the epochs (or steps) done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Exponential {
    /// What the rate is multiplied by, above 0 and at most 1.
    pub factor: f64,
    /// After each of what.
    pub unit: Unit,
}

impl Default for Exponential {
    /// A twentieth less after every epoch.
    fn default() -> Self {
        Self { factor: 0.95, unit: Unit::Epochs }
    }
}

impl Schedule for Exponential {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        base * repeated(self.factor, self.unit.done(at))
    }

    fn check(&self) -> Result<()> {
        check_factor(self.factor)
    }
}
