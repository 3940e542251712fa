//! A linear rise before any other schedule, as PyTorch's `LinearLR` in a `SequentialLR`.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, Unit};
use crate::{Error, Result};

/// From `start` times the learning rate up to it, in equal steps; then another schedule over what is left of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Warmup<S> {
    /// Epochs (or steps) of the rise; a part of an epoch too.
    pub length: f64,
    /// What `length` counts.
    #[serde(default)]
    pub unit: Unit,
    /// The rate of the first step, relative to the learning rate, 0 to 1.
    #[serde(default = "hundredth")]
    pub start: f64,
    /// What follows.
    pub then: S,
}

fn hundredth() -> f64 {
    0.01
}

impl<S> Warmup<S> {
    /// A rise over so many epochs from a hundredth of the learning rate.
    pub fn epochs(length: f64, then: S) -> Self {
        Self { length, unit: Unit::Epochs, start: hundredth(), then }
    }
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let rise = self.unit.steps(self.length, at);
        if at.step < rise {
            return base * (self.start + (1.0 - self.start) * at.step as f64 / rise as f64);
        }
        self.then.rate(base, Progress { step: at.step - rise, steps: at.steps.saturating_sub(rise), ..at })
    }

    fn describe(&self) -> String {
        let Self { length, unit, start, then } = self;
        format!("Warmup {{ length: {length}, unit: {unit:?}, start: {start}, then: {} }}", then.describe())
    }

    fn check(&self) -> Result<()> {
        if !(self.length >= 0.0 && self.length.is_finite()) {
            return Err(Error::argument("schedule.length", self.length, "a number from 0 on"));
        }
        if !(0.0..=1.0).contains(&self.start) {
            return Err(Error::argument("schedule.start", self.start, "a number from 0 to 1"));
        }
        self.then.check()
    }
}
