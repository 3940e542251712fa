//! [`AnySchedule`]: a schedule as a configuration file names it.

use serde::{Deserialize, Serialize};

use super::{
    ByEpoch, Constant, Cosine, CosineRestarts, Exponential, MultiStep, OneCycle, Plateau, Polynomial,
    Progress, Schedule, Sequence, StepDecay, Warmup,
};
use crate::Result;

/// Any schedule of this crate, as a configuration file names it: `kind = "one-cycle"`, then its arguments.
///
/// ```
/// use cnn_train::schedule::{AnySchedule, Progress, Schedule};
/// let text = r#"{"kind": "warmup", "length": 1.0, "then": {"kind": "cosine"}}"#;
/// let schedule: AnySchedule = serde_json::from_str(text).unwrap();
/// assert_eq!(schedule.rate(0.1, Progress::new(100, 1000, 100)), 0.1);
/// assert!(schedule.rate(0.1, Progress::new(999, 1000, 100)) < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AnySchedule {
    /// The same rate throughout.
    Constant(Constant),
    /// Multiplied by a factor every few epochs.
    Step(StepDecay),
    /// Multiplied by a factor at given epochs.
    MultiStep(MultiStep),
    /// Multiplied by a factor after every epoch.
    Exponential(Exponential),
    /// A power of what is left of the run.
    Polynomial(Polynomial),
    /// Half a cosine down to a floor.
    Cosine(Cosine),
    /// Half a cosine, begun again after each period.
    CosineRestarts(CosineRestarts),
    /// Up to the named rate and far below the start again.
    OneCycle(OneCycle),
    /// Multiplied by a factor whenever the validation gets no better.
    Plateau(Plateau),
    /// A linear rise, then another schedule.
    Warmup(Warmup<Box<AnySchedule>>),
    /// One schedule after the other.
    Sequence(Sequence<AnySchedule>),
    /// Another schedule, whose rate changes only between epochs.
    ByEpoch(ByEpoch<Box<AnySchedule>>),
}

impl AnySchedule {
    fn inner(&self) -> &dyn Schedule {
        match self {
            Self::Constant(schedule) => schedule,
            Self::Step(schedule) => schedule,
            Self::MultiStep(schedule) => schedule,
            Self::Exponential(schedule) => schedule,
            Self::Polynomial(schedule) => schedule,
            Self::Cosine(schedule) => schedule,
            Self::CosineRestarts(schedule) => schedule,
            Self::OneCycle(schedule) => schedule,
            Self::Plateau(schedule) => schedule,
            Self::Warmup(schedule) => schedule,
            Self::Sequence(schedule) => schedule,
            Self::ByEpoch(schedule) => schedule,
        }
    }
}

impl Default for AnySchedule {
    fn default() -> Self {
        Self::Constant(Constant {})
    }
}

impl Schedule for AnySchedule {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        self.inner().rate(base, at)
    }

    fn describe(&self) -> String {
        self.inner().describe()
    }

    fn check(&self) -> Result<()> {
        self.inner().check()
    }
}
