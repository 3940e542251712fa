//! Learning-rate schedules: the rate as a pure function of the place in the run.
//!
//! A schedule has no state, so resuming needs nothing but the number of the step and what the run has measured.
//! The rate is given relative to the learning rate that the user names: most begin with it, `one-cycle` and `warmup`
//! rise to it. Those that are made of others ([`Warmup`], [`Sequence`], [`ByEpoch`]) take any, also the user's own.
//! [`AnySchedule`] is what a configuration file can name; a schedule of the user's own implements [`Schedule`].
//! One-cycle's counter-movement of the momentum is deliberately not here.

mod any;
mod by_epoch;
mod constant;
mod cosine;
mod exponential;
mod multi_step;
mod one_cycle;
mod plateau;
mod polynomial;
mod restarts;
mod sequence;
mod step;
mod warmup;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

pub use any::AnySchedule;
pub use by_epoch::ByEpoch;
pub use constant::Constant;
pub use cosine::Cosine;
pub use exponential::Exponential;
pub use multi_step::MultiStep;
pub use one_cycle::OneCycle;
pub use plateau::Plateau;
pub use polynomial::Polynomial;
pub use restarts::CosineRestarts;
pub use sequence::{Part, Sequence};
pub use step::StepDecay;
pub use warmup::Warmup;

use crate::history::EpochRecord;
use crate::{Error, Result};

/// A place in a run: which step of how many, how many make an epoch, and what was measured so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'a> {
    /// Steps done before this one; the first step is 0.
    pub step: u64,
    /// Steps in the whole run.
    pub steps: u64,
    /// Steps in one epoch.
    pub steps_per_epoch: u64,
    /// The finished epochs of the whole run.
    pub epochs: &'a [EpochRecord],
}

impl Progress<'_> {
    /// A place, with nothing measured.
    pub fn new(step: u64, steps: u64, steps_per_epoch: u64) -> Self {
        Self { step, steps, steps_per_epoch, epochs: &[] }
    }

    /// Epochs done before this step; the first epoch is 0.
    pub fn epoch(self) -> u64 {
        self.step / self.steps_per_epoch.max(1)
    }

    /// How much of the whole run is done, 0 to 1.
    pub fn fraction(self) -> f64 {
        if self.steps == 0 { 1.0 } else { (self.step as f64 / self.steps as f64).min(1.0) }
    }
}

/// The learning rate as a function of the place in the run.
pub trait Schedule: Debug + Send + Sync {
    /// The rate of one step, where `base` is the learning rate that the user named.
    fn rate(&self, base: f64, at: Progress<'_>) -> f64;

    /// Its name and arguments in words: two schedules with the same words give the same rates. A checkpoint holds
    /// it, and a run with other words does not resume from there.
    fn describe(&self) -> String {
        format!("{self:?}")
    }

    /// Whether the schedule's own arguments make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the one that does not.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        (**self).rate(base, at)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn check(&self) -> Result<()> {
        (**self).check()
    }
}

/// What a schedule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Finished epochs.
    #[default]
    Epochs,
    /// Steps.
    Steps,
}

impl Unit {
    /// How many are done.
    fn done(self, at: Progress<'_>) -> u64 {
        match self {
            Self::Epochs => at.epoch(),
            Self::Steps => at.step,
        }
    }

    /// So many of them, in steps.
    fn steps(self, count: f64, at: Progress<'_>) -> u64 {
        match self {
            Self::Epochs => (count * at.steps_per_epoch as f64).round() as u64,
            Self::Steps => count.round() as u64,
        }
    }
}

/// The cosine's way from `start` to `end`: `fraction` 0 gives `start`, 1 gives `end`.
fn anneal(start: f64, end: f64, fraction: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * fraction).cos())
}

/// `factor` as often as `times` says.
fn repeated(factor: f64, times: u64) -> f64 {
    factor.powi(times.min(i32::MAX as u64) as i32)
}

/// A factor above 0 and at most 1.
fn check_factor(factor: f64) -> Result<()> {
    if factor > 0.0 && factor <= 1.0 {
        return Ok(());
    }
    Err(Error::argument("schedule.factor", factor, "above 0 and at most 1"))
}

/// A rate at the end, relative to the learning rate.
fn check_floor(floor: f64) -> Result<()> {
    if (0.0..=1.0).contains(&floor) {
        return Ok(());
    }
    Err(Error::argument("schedule.floor", floor, "a number from 0 to 1"))
}

#[cfg(test)]
mod tests;
