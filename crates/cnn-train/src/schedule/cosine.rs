//! Cosine annealing: Loshchilov and Hutter, "SGDR" (2017), without restarts.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, anneal, check_floor};
use crate::Result;

/// Half a cosine from the learning rate down to `floor` times it.
///
/// The closed form of PyTorch's `CosineAnnealingLR`, stepped once a batch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cosine {
    /// The rate at the end, relative to the learning rate, 0 to 1.
    pub floor: f64,
}

impl Schedule for Cosine {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        anneal(base, base * self.floor, at.fraction())
    }

    fn check(&self) -> Result<()> {
        check_floor(self.floor)
    }
}
