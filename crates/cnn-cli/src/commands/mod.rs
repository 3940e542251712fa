//! The verbs, one file for each, and what they share.

mod compare;
mod data;
mod eval;
mod find_lr;
mod predict;
mod report;
mod reproduce;
mod summary;
mod train;

use std::num::NonZero;

use cnn_data::Loader;
use cnn_layers::summary::group;
use cnn_train::Summary;
use cnn_train::metrics::{Interval, Scores};

use crate::cli::{Command, Threads};
use crate::failure::Outcome;
use crate::output::detail;

/// Images computed at once where nothing is trained.
const EVALUATION_BATCH: usize = 256;

pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Train(arguments) => train::run(&arguments),
        Command::FindLr(arguments) => find_lr::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Summary(arguments) => summary::run(&arguments),
        Command::Data(command) => data::run(&command),
    }
}

/// Sets the number of threads that compute, and returns it.
fn set_threads(arguments: &Threads) -> Outcome<usize> {
    if let Some(threads) = arguments.threads {
        cnn_tensor::parallel::set_threads(threads)?;
    }
    // A wrong CNN_ISA is told before any work begins.
    let instructions = cnn_tensor::simd::active()?.name();
    let threads = cnn_tensor::parallel::threads()?;
    detail!("{} with {instructions}", counted(threads, "thread"));
    Ok(threads)
}

/// A loader with as many threads of its own as the machine can use; batches do not depend on them.
fn with_workers(loader: Loader) -> Loader {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    loader.workers(processors.div_ceil(2))
}

/// `1 epoch`, `3,000 epochs`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", group(number as u64), if number == 1 { "" } else { "s" })
}

/// The figures of an evaluation as a line.
fn figures(summary: &Summary) -> String {
    let Summary { images, correct, accuracy, loss } = summary;
    let (correct, images) = (group(*correct as u64), group(*images as u64));
    format!("{:.2} % ({correct} of {images} images), loss {loss:.4}", accuracy * 100.0)
}

/// The figures that a summary does not have, a line each, with their intervals.
fn more_figures(scores: &Scores) -> Vec<String> {
    let line = |(name, interval): (&str, Interval)| {
        let Interval { value, low, high } = interval;
        format!("{name:<22} {value:>7.4}   95 %: {low:.4} to {high:.4}")
    };
    scores.named().into_iter().map(line).collect()
}
