//! The one-cycle policy: Smith and Topin, "Super-convergence" (2018), in the form of PyTorch's `OneCycleLR`
//! with cosine annealing and two phases.

use serde::{Deserialize, Serialize};

use super::{Progress, Schedule, anneal};
use crate::{Error, Result};

/// From `rate / div_factor` up to the learning rate, then down to `rate / div_factor / final_div_factor`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OneCycle {
    /// The rising part of the run, 0 to 1.
    pub pct_start: f64,
    /// How far below the learning rate the run starts.
    pub div_factor: f64,
    /// How far below its start the run ends.
    pub final_div_factor: f64,
}

impl Default for OneCycle {
    /// PyTorch's defaults: 0.3, 25 and 10,000.
    fn default() -> Self {
        Self { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 }
    }
}

impl Schedule for OneCycle {
    fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
        let initial = base / self.div_factor;
        let last = initial / self.final_div_factor;
        let (step, steps) = (at.step as f64, at.steps as f64);
        let (peak, end) = (self.pct_start * steps - 1.0, steps - 1.0);
        if step <= peak {
            return anneal(initial, base, fraction(step, 0.0, peak));
        }
        anneal(base, last, fraction(step, peak, end).min(1.0))
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.pct_start) {
            return Err(Error::argument("schedule.pct-start", self.pct_start, "a number from 0 to 1"));
        }
        for (name, factor) in
            [("schedule.div-factor", self.div_factor), ("schedule.final-div-factor", self.final_div_factor)]
        {
            if !(factor > 0.0 && factor.is_finite()) {
                return Err(Error::argument(name, factor, "a number above 0"));
            }
        }
        Ok(())
    }
}

/// How far `step` is on the way from `start` to `end`; a way without length is at its end.
fn fraction(step: f64, start: f64, end: f64) -> f64 {
    if end > start { (step - start) / (end - start) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `OneCycleLR(optimizer, max_lr=0.1, total_steps=10)` of PyTorch 2.15, its `get_last_lr()` at each step.
    #[test]
    fn every_rate_of_a_short_run_is_pytorchs() {
        let expected = [
            0.0040000000000000036,
            0.052000000000000005,
            0.1,
            0.09504846320134738,
            0.0811745653949763,
            0.06112620219362893,
            0.03887419780637107,
            0.0188258346050237,
            0.004951936798652629,
            4e-07,
        ];
        for (step, expected) in (0..).zip(expected) {
            let rate = OneCycle::default().rate(0.1, Progress::new(step, 10, 5));
            assert!((rate - expected).abs() < 1e-15, "step {step}: {rate} instead of {expected}");
        }
    }

    #[test]
    fn the_shortest_runs_stay_finite() {
        for steps in 1..5 {
            for pct_start in [0.0, 0.3, 1.0] {
                let schedule = OneCycle { pct_start, ..OneCycle::default() };
                let rates = (0..steps).map(|step| schedule.rate(0.1, Progress::new(step, steps, 1)));
                assert!(rates.into_iter().all(|rate| rate.is_finite() && rate > 0.0 && rate <= 0.1));
            }
        }
    }

    #[test]
    fn arguments_without_meaning_are_refused() {
        let good = OneCycle::default();
        for bad in [
            OneCycle { pct_start: 1.5, ..good },
            OneCycle { div_factor: 0.0, ..good },
            OneCycle { final_div_factor: f64::NAN, ..good },
        ] {
            assert!(matches!(bad.check(), Err(Error::Argument { .. })));
        }
    }
}
