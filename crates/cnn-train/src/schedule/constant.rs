//! The same rate throughout.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule};

/// The learning rate itself, at every step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

impl Schedule for Constant {
    fn rate(&self, base: f64, _at: Progress<'_>) -> f64 {
        base
    }
}
