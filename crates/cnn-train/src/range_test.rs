//! The learning-rate range test, Smith, "Cyclical learning rates for training neural networks" (arXiv:1506.01186): steps
//! at rates that rise until the loss breaks away say which rates a network can be trained with.
//!
//! As fastai does it, the rate rises by the same factor at each step, and the loss is smoothed by a moving average with its
//! start corrected.

use cnn_autograd::random::Key;
use cnn_data::Loader;
use cnn_layers::Forward;

use crate::optim::Optimizer;
use crate::trainer::{LossOptions, StepOptions, train_step};
use crate::{Error, Result};

/// Between which rates, and in how many steps.
#[derive(Debug, Clone)]
pub struct RangeOptions {
    /// The first rate.
    pub low: f64,
    /// The rate at which the test ends, if the loss has not broken away before.
    pub high: f64,
    /// Steps from the first to the last rate, 10 or more.
    pub steps: usize,
    /// What the loss is.
    pub loss: LossOptions,
    /// Seed of every random number of the steps.
    pub seed: u64,
}

impl Default for RangeOptions {
    fn default() -> Self {
        Self { low: 1e-6, high: 10.0, steps: 100, loss: LossOptions::default(), seed: 0 }
    }
}

/// What a step of the test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RangePoint {
    /// The learning rate.
    pub rate: f64,
    /// The loss of the batch before the step.
    pub loss: f64,
    /// The same, smoothed.
    pub smoothed: f64,
}

/// What the test found.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeTest {
    /// One for each step, at rising rates.
    pub points: Vec<RangePoint>,
    /// The rate at which the smoothed loss falls most steeply; `None` where it never falls by more than batches differ.
    pub steepest: Option<f64>,
    /// The rate at which the smoothed loss is lowest; `None` as before.
    pub lowest: Option<f64>,
}

/// Share of the moving average that a step leaves.
const SMOOTHING: f64 = 0.95;

/// The loss has broken away where it is so many times the lowest.
const BROKEN: f64 = 4.0;

/// A fall of this share of the loss may be one of the batches, and not of the network.
const NOISE: f64 = 0.02;

/// Steps at the beginning whose average says too little.
const UNSURE: usize = 5;

impl RangeTest {
    /// A rate to train with: that of the steepest fall, and no more than a tenth of that at which the loss was lowest, from
    /// where on training is unstable.
    pub fn suggestion(&self) -> Option<f64> {
        Some(self.steepest?.min(self.lowest? / 10.0))
    }

    fn of(points: Vec<RangePoint>) -> Self {
        let sure = points.get(UNSURE..).unwrap_or_default();
        let least = sure.iter().min_by(|a, b| a.smoothed.total_cmp(&b.smoothed));
        let fell = sure
            .first()
            .zip(least)
            .is_some_and(|(first, least)| first.smoothed - least.smoothed > NOISE * first.smoothed.abs());
        let lowest = least.filter(|_| fell).map(|point| point.rate);
        // The slope over five steps, up to the lowest point.
        let before =
            sure.iter().take_while(|point| lowest.is_some_and(|lowest| point.rate <= lowest)).count();
        let slopes =
            sure[..before].windows(5).map(|five| (five[4].smoothed - five[0].smoothed, five[2].rate));
        let steepest = slopes.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|(slope, _)| *slope < 0.0);
        Self { points, steepest: steepest.map(|(_, rate)| rate), lowest }
    }
}

/// Trains at rising rates and says what the loss did. The model is changed by it: build it anew, or keep its state.
///
/// ```
/// # use cnn_train::{RangeOptions, find_learning_rate};
/// # fn example(
/// #     mut model: Box<dyn cnn_layers::Forward>,
/// #     mut optimizer: Box<dyn cnn_train::optim::Optimizer>,
/// #     loader: &cnn_data::Loader,
/// # ) -> cnn_train::Result<()> {
/// let found = find_learning_rate(model.as_mut(), optimizer.as_mut(), loader, &RangeOptions::default())?;
/// if let Some(rate) = found.suggestion() {
///     println!("train with {rate:.1e}");
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] for rates that do not rise or too few steps; errors of the loader and of a step.
pub fn find_learning_rate(
    model: &mut dyn Forward,
    optimizer: &mut dyn Optimizer,
    loader: &Loader,
    options: &RangeOptions,
) -> Result<RangeTest> {
    let RangeOptions { low, high, steps, ref loss, seed } = *options;
    if !(low > 0.0 && low.is_finite()) {
        return Err(Error::argument("lowest rate", low, "a number above 0"));
    }
    if !(high > low && high.is_finite()) {
        return Err(Error::argument("highest rate", high, "a number above the lowest rate"));
    }
    if steps < 2 * UNSURE {
        return Err(Error::argument("steps", steps, "10 or more"));
    }
    let factor = (high / low).powf(1.0 / (steps - 1) as f64);
    let (mut points, mut average, mut lowest) = (Vec::new(), 0.0, f64::INFINITY);
    let mut epoch = 0;
    let mut batches = loader.epoch(epoch)?;
    while points.len() < steps {
        let Some(batch) = batches.next() else {
            epoch += 1;
            batches = loader.epoch(epoch)?;
            if loader.batches_per_epoch() == 0 {
                break;
            }
            continue;
        };
        let step = points.len();
        let rate = low * factor.powi(step as i32);
        let key = Key::new(seed).fold_str("range test").fold(step as u64);
        let step_options = StepOptions { key, learning_rate: rate, loss: loss.clone() };
        let met = train_step(model, optimizer, batch?, &step_options)?.loss;
        if !met.is_finite() {
            break;
        }
        average = SMOOTHING * average + (1.0 - SMOOTHING) * met;
        let smoothed = average / (1.0 - SMOOTHING.powi(step as i32 + 1));
        points.push(RangePoint { rate, loss: met, smoothed });
        if step >= UNSURE {
            lowest = lowest.min(smoothed);
            if smoothed > BROKEN * lowest {
                break;
            }
        }
    }
    Ok(RangeTest::of(points))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suggestion_lies_where_the_loss_falls_and_well_before_it_breaks_away() {
        // A fall around 1e-2, the lowest point at 1e-1, and then away.
        let point = |step: i32| {
            let rate = 10f64.powf(f64::from(step) / 10.0 - 6.0);
            let fall = 2.0 / (1.0 + (rate / 1e-2).powi(2));
            let smoothed = 0.5 + fall + if rate > 0.1 { (rate / 0.1).ln() } else { 0.0 };
            RangePoint { rate, loss: smoothed, smoothed }
        };
        let found = RangeTest::of((0..70).map(point).collect());
        let steepest = found.steepest.unwrap();
        assert!((5e-3..=2e-2).contains(&steepest), "{steepest}");
        let lowest = found.lowest.unwrap();
        assert!((0.08..0.13).contains(&lowest), "{lowest}");
        assert_eq!(found.suggestion(), Some(steepest.min(lowest / 10.0)));
    }

    #[test]
    fn a_loss_that_never_falls_has_no_suggestion() {
        let point = |step: i32| {
            let value = f64::from(step);
            RangePoint { rate: value + 1.0, loss: value, smoothed: value }
        };
        assert_eq!(RangeTest::of((0..30).map(point).collect()).suggestion(), None);
        assert_eq!(RangeTest::of(vec![]).suggestion(), None);
    }
}
