//! `cnn find-lr`: the learning-rate range test, its curve, and a rate to begin with.

use cnn_tensor::Tensor;
use cnn_train::{LossOptions, RangeOptions, find_learning_rate};

use super::train::set_up;
use super::{counted, set_threads};
use crate::cli::FindLrArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::output::{say, tell};
use crate::report;

/// Rows of the table.
const ROWS: usize = 20;

/// Blocks of the bar of the lowest loss.
const BAR: f64 = 40.0;

pub(crate) fn run(arguments: &FindLrArgs) -> Outcome {
    let config = Config::resolve(&arguments.as_training())?;
    set_threads(&arguments.threads)?;
    if let Some(out) = arguments.out.as_ref().filter(|out| out.exists()) {
        return Err(Failure::failed(format!("{} exists already: choose another --out", out.display())));
    }
    let (setup, mut network) = set_up(config)?;
    let training = &setup.config.training;
    let weights = setup.class_weights.as_ref().map(|weights| Tensor::from_slice(&[weights.len()], weights));
    let loss = LossOptions { label_smoothing: training.label_smoothing, class_weights: weights.transpose()? };
    let (low, high, steps) = (arguments.low, arguments.high, arguments.steps);
    let options = RangeOptions { low, high, steps, loss, seed: training.seed };
    tell!(
        "{} on {}: up to {} of {} images, at rates from {low:.0e} to {high:.0e}",
        setup.config.model.name,
        setup.location.name(),
        counted(steps, "step"),
        training.batch_size
    );
    let mut optimizer = setup.config.optimizer()?;
    let found = find_learning_rate(network.as_mut(), optimizer.as_mut(), &setup.train, &options)?;

    let shown = found.points.iter().step_by(found.points.len().div_ceil(ROWS).max(1));
    let range = found.points.iter().map(|point| point.smoothed);
    let (least, most) =
        range.fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), loss| (least.min(loss), most.max(loss)));
    say!("learning rate      loss")?;
    for point in shown {
        let share = (point.smoothed - least) / (most - least).max(1e-9);
        let bar = "\u{2588}".repeat((share * BAR).round() as usize);
        say!("{:>13.2e}  {:>8.4}  {bar}", point.rate, point.smoothed)?;
    }
    if let Some(out) = &arguments.out {
        cnn_train::write_atomically(out, &report::range_test(&found, out)?)?;
        say!("curve: {}", out.display())?;
    }
    match (found.suggestion(), found.steepest, found.lowest) {
        (Some(rate), Some(steepest), Some(lowest)) => {
            say!("the loss falls most steeply at {steepest:.1e} and is lowest at {lowest:.1e}")?;
            say!("suggestion: --lr {rate:.1e}")
        }
        _ => Err(Failure::failed(
            "the loss never fell: try rates further down (--low), more --steps, or look whether the labels fit the images",
        )),
    }
}
