//! Learning-rate schedules: the rate as a pure function of the place in the run.
//!
//! A schedule has no state, so resuming needs nothing but the number of the step.
//! The rate is given relative to the learning rate that the user names: `one-cycle` and `cosine` rise to it,
//! `step` starts from it. [`AnySchedule`] is what a configuration file can name; a schedule of the user's own
//! implements [`Schedule`].
//! One-cycle's counter-movement of the momentum is deliberately not here.

mod constant;
mod cosine;
mod one_cycle;
mod step;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

pub use constant::Constant;
pub use cosine::Cosine;
pub use one_cycle::OneCycle;
pub use step::StepDecay;

use crate::Result;

/// A place in a run: which step of how many, and how many make an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps done before this one; the first step is 0.
    pub step: u64,
    /// Steps in the whole run.
    pub steps: u64,
    /// Steps in one epoch.
    pub steps_per_epoch: u64,
}

impl Progress {
    /// Epochs done before this step; the first epoch is 0.
    pub fn epoch(self) -> u64 {
        self.step / self.steps_per_epoch.max(1)
    }
}

/// The learning rate as a function of the place in the run.
pub trait Schedule: Debug + Send + Sync {
    /// The rate of one step, where `base` is the learning rate that the user named.
    fn rate(&self, base: f64, at: Progress) -> f64;

    /// Its name and arguments in words: two schedules with the same words give the same rates. A checkpoint holds
    /// it, and a run with other words does not resume from there.
    fn describe(&self) -> String {
        format!("{self:?}")
    }

    /// Whether the schedule's own arguments make sense.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) that names the one that does not.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Any schedule of this crate, as a configuration file names it: `kind = "one-cycle"`, then its arguments.
///
/// ```
/// use cnn_train::schedule::{AnySchedule, Progress, Schedule};
/// let schedule: AnySchedule = serde_json::from_str(r#"{"kind": "cosine", "warmup-epochs": 1.0}"#).unwrap();
/// let last = schedule.rate(0.1, Progress { step: 999, steps: 1000, steps_per_epoch: 100 });
/// assert!(last < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AnySchedule {
    /// The same rate throughout.
    Constant(Constant),
    /// Multiplied by a factor every few epochs.
    Step(StepDecay),
    /// Half a cosine down to a floor, after an optional linear warm-up.
    Cosine(Cosine),
    /// Up to the named rate and far below the start again.
    OneCycle(OneCycle),
}

impl AnySchedule {
    fn inner(&self) -> &dyn Schedule {
        match self {
            Self::Constant(schedule) => schedule,
            Self::Step(schedule) => schedule,
            Self::Cosine(schedule) => schedule,
            Self::OneCycle(schedule) => schedule,
        }
    }
}

impl Default for AnySchedule {
    fn default() -> Self {
        Self::Constant(Constant {})
    }
}

impl Schedule for AnySchedule {
    fn rate(&self, base: f64, at: Progress) -> f64 {
        self.inner().rate(base, at)
    }

    fn describe(&self) -> String {
        self.inner().describe()
    }

    fn check(&self) -> Result<()> {
        self.inner().check()
    }
}

/// The cosine's way from `start` to `end`: `fraction` 0 gives `start`, 1 gives `end`.
fn anneal(start: f64, end: f64, fraction: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * fraction).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_survives_toml() {
        for schedule in [
            AnySchedule::default(),
            AnySchedule::Step(StepDecay { every_epochs: 3, factor: 0.5 }),
            AnySchedule::Cosine(Cosine { warmup_epochs: 0.5, floor: 0.01 }),
            AnySchedule::OneCycle(OneCycle::default()),
        ] {
            let text = toml::to_string(&schedule).unwrap();
            assert_eq!(toml::from_str::<AnySchedule>(&text).unwrap(), schedule, "{text}");
        }
    }

    #[test]
    fn an_unknown_schedule_or_argument_is_refused_by_name() {
        let unknown = toml::from_str::<AnySchedule>("kind = \"linear\"").unwrap_err().to_string();
        assert!(unknown.contains("linear") && unknown.contains("one-cycle"), "{unknown}");
        for text in ["kind = \"constant\"\nrate = 1", "kind = \"one-cycle\"\npct_start = 0.3"] {
            let message = toml::from_str::<AnySchedule>(text).unwrap_err().to_string();
            assert!(message.contains("unknown field"), "{message}");
        }
    }

    #[test]
    fn an_epoch_has_as_many_steps_as_it_is_told() {
        let at = |step| Progress { step, steps: 20, steps_per_epoch: 10 };
        assert_eq!([at(0).epoch(), at(9).epoch(), at(10).epoch()], [0, 0, 1]);
    }
}
