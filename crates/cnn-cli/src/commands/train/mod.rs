//! `cnn train`: from images to a run folder.
//!
//! The order is the promise: training and every choice of the run see the training images alone; a model to use
//! and its curves are on the disk before the first test image is opened; the test images are read once.

mod dry_run;
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
use crate::tui::{self, Tui};
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
        _ if arguments.dry_run => rehearse(arguments),
        Some(folds) => folds::train(arguments, folds),
        None => train(arguments).map(drop),
    }
}

/// Two batches of what the arguments say.
fn rehearse(arguments: &TrainArgs) -> Outcome {
    let config = Config::resolve(arguments)?;
    let threads = set_threads(&arguments.threads)?;
    let (setup, network) = set_up(config)?;
    announce(&setup, threads);
    dry_run::run(&setup, network, arguments)
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
    if arguments.tui {
        tui::check()?;
    }
    let threads = set_threads(&arguments.threads)?;
    interrupt::listen();
    let (plan, mut network) = plan(config, threads, resumed.as_ref(), arguments)?;
    output::log_to(&plan.run.path().join("train.log"))?;
    announce(&plan.setup, plan.threads);
    tell!("run folder: {}", plan.run.path().display());
    detail!("everything resolved: {}", plan.run.config().display());

    let training = &plan.setup.config.training;
    let mut progress = Progress::new(plan.run.path());
    let mut terminal = None;
    if arguments.tui {
        progress = progress.without_bar();
        let (model, data) = (&plan.setup.config.model.name, plan.setup.location.name());
        terminal = Some(Tui::begin(format!("{model} on {data}, {}", plan.run.path().display()))?);
    }
    let mut trainer = trainer(&plan.setup)?
        .checkpoints(plan.run.checkpoints())
        .checkpoint_every(Duration::try_from_secs_f64(training.checkpoint_seconds).unwrap_or(Duration::MAX))
        .callback(KeepBest::new(&plan.run, &plan.setup.about, keep(&plan.setup)))
        .callback(plan.run.metrics())
        .callback(plan.run.events())
        .callback(&mut progress)
        .callback(interrupt::StopWhenAsked);
    if let Some(terminal) = &mut terminal {
        trainer = trainer.callback(terminal);
    }
    if resumed.is_some()
        && let Some(checkpoint) = resume::checkpoint(&plan)?
    {
        trainer = trainer.extend_from(&checkpoint)?;
    }
    let phase = Phase::begin("training with its validations and checkpoints");
    let history = trainer.fit(network.as_mut(), &plan.setup.train);
    if let Some(terminal) = &mut terminal {
        terminal.end();
    }
    progress.end(&history);
    drop(phase);
    let history = history?;
    let _phase = Phase::begin("evaluation and report");
    finish::finish(&plan, network.as_ref(), &history)
}

/// What trains, without anything that watches or writes.
fn trainer(setup: &Setup) -> Outcome<Trainer<'_>> {
    let class_weights = setup.class_weights.clone();
    let options = TrainerOptions { class_weights, ..setup.config.trainer_options(keep(setup)) };
    let trainer =
        Trainer::new(options)?.optimizer(setup.config.optimizer()?).schedule(setup.config.schedule.clone());
    Ok(match &setup.validation {
        Some(validation) => trainer.validate_on(validation),
        None => trainer,
    })
}

/// Without validation there is no best epoch.
fn keep(setup: &Setup) -> Keep {
    if setup.validation.is_some() { setup.config.training.keep } else { Keep::Last }
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
    let text = setup.config.to_toml()?;
    let run = RunDir::create(place(setup, info.started, arguments))?;
    run.write_run(info)?;
    // With its configuration the folder is a run that can be resumed.
    run.write_config(&text)?;
    Ok(run)
}

/// Where the folder of a run that begins then is to be.
fn place(setup: &Setup, started: u64, arguments: &TrainArgs) -> PathBuf {
    let (model, data) = (&setup.config.model.name, setup.location.name());
    match &arguments.out {
        Some(path) => path.clone(),
        None => free(arguments.runs.join(format!("{}-{model}-{data}", clock::stamp(started)))),
    }
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

fn announce(setup: &Setup, threads: usize) {
    let (size, channels) = (setup.preprocessing.size(), setup.preprocessing.channels());
    let held_out = match &setup.validation {
        Some(validation) => format!("{} validation images", group(validation.dataset().len() as u64)),
        None => "no validation images".into(),
    };
    tell!(
        "{} on {}: {} training images, {held_out}, {} classes, {size}x{channels}, {}",
        setup.config.model.name,
        setup.location.name(),
        group(setup.train.dataset().len() as u64),
        setup.classes.len(),
        counted(threads, "thread"),
    );
    let config = &setup.config;
    detail!("classes: {}", setup.classes.names().join(", "));
    if let Ok(optimizer) = config.optimizer() {
        detail!("optimiser: {}", optimizer.describe());
    }
    detail!("schedule: {}", Schedule::describe(&config.schedule));
}
