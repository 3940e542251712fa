//! One schedule after the other, as PyTorch's `SequentialLR`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit};
use crate::{Error, Result};

/// Schedules in order, each as if the run were its part alone. The last one has what is left, whatever its length says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sequence<S> {
    /// The parts, one or more.
    pub parts: Vec<Part<S>>,
    /// What their lengths count.
    #[serde(default)]
    pub unit: Unit,
}

/// A part of a [`Sequence`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Part<S> {
    /// Epochs (or steps); the last part needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<f64>,
    /// The schedule.
    pub schedule: S,
}

impl<S: Schedule> Schedule for Sequence<S> {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let (mut begin, last) = (0, self.parts.len().saturating_sub(1));
        for (index, Part { length, schedule }) in self.parts.iter().enumerate() {
            let left = at.steps.saturating_sub(begin);
            let steps = match length {
                Some(length) if index < last => self.unit.steps(*length, at),
                _ => left,
            };
            if at.step < begin.saturating_add(steps) || index == last {
                return schedule.rate(base, Progress { step: at.step - begin, steps, ..at });
            }
            begin += steps;
        }
        base
    }

    fn describe(&self) -> String {
        let part = |Part { length, schedule }: &Part<S>| format!("{length:?} of {}", schedule.describe());
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        format!("Sequence {{ parts: [{}], unit: {:?} }}", parts.join(", "), self.unit)
    }

    fn check(&self) -> Result<()> {
        let Some((_, before)) = self.parts.split_last() else {
            return Err(Error::argument("schedule.parts", "empty", "one or more schedules"));
        };
        for Part { length, .. } in before {
            let length = length.unwrap_or(f64::NAN);
            if !(length >= 0.0 && length.is_finite()) {
                let expected = "a number from 0 on for every part but the last";
                return Err(Error::argument("schedule.parts.length", length, expected));
            }
        }
        self.parts.iter().try_for_each(|part| part.schedule.check())
    }
}
