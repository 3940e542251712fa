//! Step decay at chosen places, as PyTorch's `MultiStepLR`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit, check_factor, repeated};
use crate::{Error, Result};

/// The learning rate times `factor` for each milestone that is behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MultiStep {
    /// Epochs (or steps) done at which the rate falls, in rising order.
    pub milestones: Vec<u64>,
    /// What the rate is multiplied by, above 0 and at most 1.
    #[serde(default = "tenth")]
    pub factor: f64,
    /// What the milestones count.
    #[serde(default)]
    pub unit: Unit,
}

fn tenth() -> f64 {
    0.1
}

impl Schedule for MultiStep {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let done = self.unit.done(at);
        let behind = self.milestones.iter().filter(|&&milestone| milestone <= done).count();
        base * repeated(self.factor, behind as u64)
    }

    fn check(&self) -> Result<()> {
        if !self.milestones.is_sorted_by(|before, after| before < after) {
            let met = format!("{:?}", self.milestones);
            return Err(Error::argument("schedule.milestones", met, "numbers in rising order"));
        }
        check_factor(self.factor)
    }
}
