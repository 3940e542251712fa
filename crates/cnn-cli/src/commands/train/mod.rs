//! `cnn train`: from images to a run folder.
//!
//! The order is the promise: training and every choice of the run see the training images alone; a model to use
//! and its curves are on the disk before the first test image is opened; the test images are read once.

mod finish;
mod folds;
mod keep;
mod machine;
mod resume;
mod setup;

use std::path::PathBuf;
use std::time::Duration;

use cnn_layers::Forward;
use cnn_layers::summary::group;
use cnn_train::schedule::Schedule;
use cnn_train::{Keep, RunDir, RunInfo, RunResult, Trainer, TrainerOptions};

use super::{counted, set_threads};
use crate::cli::TrainArgs;
use crate::config::Config;
use crate::failure::Outcome;
use crate::output::{self, Phase, detail, tell};
use crate::progress::Progress;
use crate::{clock, interrupt, report};

use keep::KeepBest;
pub(super) use setup::{Setup, set_up};

/// Everything about a run that is fixed before its first step.
struct Plan {
    setup: Setup,
    threads: usize,
    run: RunDir,
    info: RunInfo,
}

pub(crate) fn run(arguments: &TrainArgs) -> Outcome {
    match arguments.folds {
        Some(folds) => folds::train(arguments, folds),
        None => train(arguments).map(drop),
    }
}

/// Trains as the arguments say; what came out.
pub(super) fn train(arguments: &TrainArgs) -> Outcome<RunResult> {
    let resumed = arguments.resume.as_deref().map(resume::open).transpose()?;
    let config = match &resumed {
        Some(run) => Config::resume(run, arguments)?,
        None => Config::resolve(arguments)?,
    };
    train_with(config, arguments, resumed)
}

/// Trains by a configuration; of the arguments, only where to and with how many threads counts.
fn train_with(config: Config, arguments: &TrainArgs, resumed: Option<RunDir>) -> Outcome<RunResult> {
    let threads = set_threads(&arguments.threads)?;
    interrupt::listen();
    let (plan, mut network) = plan(config, threads, resumed.as_ref(), arguments)?;
    output::log_to(&plan.run.path().join("train.log"))?;
    announce(&plan);

    let training = &plan.setup.config.training;
    let keep = if plan.setup.validation.is_some() { training.keep } else { Keep::Last };
    let options = TrainerOptions {
        class_weights: plan.setup.class_weights.clone(),
        ..plan.setup.config.trainer_options(keep)
    };
    let mut progress = Progress::new(plan.run.path());
    let mut trainer = Trainer::new(options)?
        .optimizer(plan.setup.config.optimizer()?)
        .schedule(plan.setup.config.schedule.clone())
        .checkpoints(plan.run.checkpoints())
        .checkpoint_every(Duration::try_from_secs_f64(training.checkpoint_seconds).unwrap_or(Duration::MAX))
        .callback(KeepBest::new(&plan.run, &plan.setup.about, keep))
        .callback(plan.run.metrics())
        .callback(plan.run.events())
        .callback(&mut progress)
        .callback(interrupt::StopWhenAsked);
    if let Some(validation) = &plan.setup.validation {
        trainer = trainer.validate_on(validation);
    }
    if resumed.is_some()
        && let Some(checkpoint) = resume::checkpoint(&plan)?
    {
        trainer = trainer.extend_from(&checkpoint)?;
    }
    let phase = Phase::begin("training with its validations and checkpoints");
    let history = trainer.fit(network.as_mut(), &plan.setup.train);
    progress.end(&history);
    drop(phase);
    let history = history?;
    let _phase = Phase::begin("evaluation and report");
    finish::finish(&plan, network.as_ref(), &history)
}

/// Sets everything up and makes the run's folder, in this order, so that a mistake in the arguments leaves no folder
/// behind.
fn plan(
    config: Config,
    threads: usize,
    resumed: Option<&RunDir>,
    arguments: &TrainArgs,
) -> Outcome<(Plan, Box<dyn Forward>)> {
    let phase = Phase::begin("opening the images and building the network");
    let (setup, network) = set_up(config)?;
    drop(phase);
    let phase = Phase::begin("reading the images for their sum");
    let data_sha256 = setup.data_sha256()?;
    drop(phase);
    let info = RunInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("CNN_REVISION").into(),
        seed: setup.config.training.seed,
        threads,
        cpu: machine::processor(),
        instruction_set: cnn_tensor::simd::active()?.name().into(),
        model: setup.config.model.name.clone(),
        data: setup.config.data.source.clone(),
        data_sha256,
        steps_per_epoch: setup.steps_per_epoch(),
        started: clock::now(),
        extended_at: None,
        seconds: None,
    };
    let (run, info) = match resumed {
        Some(run) => (run.clone(), resume::same_data(run, info)?),
        None => {
            let run = make_folder(&setup, &info, arguments)?;
            report::write_batch(run.path(), &setup.train, &setup.preprocessing, setup.classes.names())?;
            (run, info)
        }
    };
    run.write_classes(setup.classes.names())?;
    run.write_splits(&setup.splits)?;
    Ok((Plan { setup, threads, run, info }, network))
}

fn make_folder(setup: &Setup, info: &RunInfo, arguments: &TrainArgs) -> Outcome<RunDir> {
    let (model, data) = (&info.model, setup.location.name());
    let text = setup.config.to_toml()?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => free(arguments.runs.join(format!("{}-{model}-{data}", clock::stamp(info.started)))),
    };
    let run = RunDir::create(path)?;
    run.write_run(info)?;
    // With its configuration the folder is a run that can be resumed.
    run.write_config(&text)?;
    Ok(run)
}

/// How many epochs the configuration of a run asks for.
pub(super) fn epochs_of(run: &RunDir) -> Outcome<usize> {
    Ok(Config::read(&run.config())?.training.epochs)
}

/// The path, or where a run of the same second has it, the path with a number.
pub(super) fn free(path: PathBuf) -> PathBuf {
    let numbered = |number: u32| PathBuf::from(format!("{}-{number}", path.display()));
    match path.exists() {
        false => path,
        true => (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path),
    }
}

fn announce(plan: &Plan) {
    let (size, channels) = (plan.setup.preprocessing.size(), plan.setup.preprocessing.channels());
    let held_out = match &plan.setup.validation {
        Some(validation) => format!("{} validation images", group(validation.dataset().len() as u64)),
        None => "no validation images".into(),
    };
    tell!(
        "{} on {}: {} training images, {held_out}, {} classes, {size}x{channels}, {}",
        plan.setup.config.model.name,
        plan.setup.location.name(),
        group(plan.setup.train.dataset().len() as u64),
        plan.setup.classes.len(),
        counted(plan.threads, "thread"),
    );
    tell!("run folder: {}", plan.run.path().display());
    let config = &plan.setup.config;
    detail!("classes: {}", plan.setup.classes.names().join(", "));
    if let Ok(optimizer) = config.optimizer() {
        detail!("optimiser: {}", optimizer.describe());
    }
    detail!("schedule: {}", Schedule::describe(&config.schedule));
    detail!("everything resolved: {}", plan.run.config().display());
}
