//! Cosine annealing: Loshchilov and Hutter, "SGDR" (2017), without restarts, after a linear warm-up.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, anneal};
use crate::{Error, Result};

/// Half a cosine from the learning rate down to `floor` times it, after a linear rise over `warmup_epochs`.
///
/// Without warm-up this is the closed form of PyTorch's `CosineAnnealingLR`, stepped once a batch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cosine {
    /// Epochs, or a part of one, in which the rate rises in equal steps to the learning rate.
    pub warmup_epochs: f64,
    /// The rate at the end, relative to the learning rate, 0 to 1.
    pub floor: f64,
}

impl Schedule for Cosine {
    fn rate(&self, base: f64, at: Progress) -> f64 {
        let warmup = (self.warmup_epochs * at.steps_per_epoch as f64).round();
        let (step, steps) = (at.step as f64, at.steps as f64);
        if step < warmup {
            return base * (step + 1.0) / warmup;
        }
        let fraction = ((step - warmup) / (steps - warmup).max(1.0)).min(1.0);
        anneal(base, base * self.floor, fraction)
    }

    fn check(&self) -> Result<()> {
        if !(self.warmup_epochs >= 0.0 && self.warmup_epochs.is_finite()) {
            return Err(Error::argument("schedule.warmup-epochs", self.warmup_epochs, "a number from 0 on"));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(Error::argument("schedule.floor", self.floor, "a number from 0 to 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: Cosine, step: u64) -> f64 {
        schedule.rate(1.0, Progress { step, steps: 100, steps_per_epoch: 10 })
    }

    #[test]
    fn without_warm_up_it_falls_from_the_rate_to_the_floor() {
        let schedule = Cosine { warmup_epochs: 0.0, floor: 0.2 };
        assert_eq!(rate(schedule, 0), 1.0);
        assert!((rate(schedule, 50) - 0.6).abs() < 1e-12);
        assert!((rate(schedule, 100) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn warm_up_rises_in_equal_steps_and_meets_the_cosine() {
        let schedule = Cosine { warmup_epochs: 1.0, floor: 0.0 };
        assert!((rate(schedule, 0) - 0.1).abs() < 1e-12);
        assert!((rate(schedule, 4) - 0.5).abs() < 1e-12);
        assert_eq!([rate(schedule, 9), rate(schedule, 10)], [1.0, 1.0]);
        assert!(rate(schedule, 11) < 1.0);
    }

    #[test]
    fn a_warm_up_longer_than_the_run_stays_finite() {
        let schedule = Cosine { warmup_epochs: 20.0, floor: 0.0 };
        assert!((0..=100).all(|step| rate(schedule, step).is_finite()));
    }

    #[test]
    fn arguments_without_meaning_are_refused() {
        for (warmup_epochs, floor) in [(-1.0, 0.0), (f64::NAN, 0.0), (0.0, 1.1), (0.0, f64::NAN)] {
            assert!(matches!(Cosine { warmup_epochs, floor }.check(), Err(Error::Argument { .. })));
        }
    }
}
