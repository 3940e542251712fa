//! Another schedule, looked at only at the start of an epoch, as PyTorch's examples step theirs.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule};
use crate::Result;

/// The rate that another schedule has at the first step of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByEpoch<S> {
    /// The other schedule.
    pub then: S,
}

impl<S: Schedule> Schedule for ByEpoch<S> {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        self.then.rate(base, Progress { step: at.epoch() * at.steps_per_epoch.max(1), ..at })
    }

    fn describe(&self) -> String {
        format!("ByEpoch {{ then: {} }}", self.then.describe())
    }

    fn check(&self) -> Result<()> {
        self.then.check()
    }
}
