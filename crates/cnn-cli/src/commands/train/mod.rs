//! `cnn train`: from images to a run folder.
//!
//! The order is the promise: training and every choice of the run see the training images alone; a model to use
//! and its curves are on the disk before the first test image is opened; the test images are read once.

mod finish;
mod keep;
mod machine;
mod resume;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cnn_data::sources::FolderOptions;
use cnn_data::transform::BatchChoice;
use cnn_data::{
    Classes, DataLocation, Dataset, Loader, Preprocessing, Sequential, Shuffled, Split, content_sha256,
    name_below,
};
use cnn_layers::summary::group;
use cnn_layers::{Forward, parameters_named};
use cnn_models::{About, Arguments};
use cnn_tensor::random::Key;
use cnn_train::{Keep, RunDir, RunInfo, RunResult, SplitRow, Trainer, TrainerOptions};

use super::{EVALUATION_BATCH, counted, set_threads, with_workers};
use crate::cli::TrainArgs;
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::output::tell;
use crate::progress::Progress;
use crate::{clock, interrupt, report, source};

use keep::KeepBest;

/// Everything about a run that is fixed before its first step.
struct Plan {
    config: Config,
    threads: usize,
    location: DataLocation,
    classes: Classes,
    preprocessing: Preprocessing,
    train: Loader,
    validation: Option<Loader>,
    about: About,
    run: RunDir,
    info: RunInfo,
    splits: Vec<SplitRow>,
    class_weights: Option<Vec<f64>>,
}

pub(crate) fn run(arguments: &TrainArgs) -> Outcome {
    train(arguments).map(drop)
}

/// Trains as the arguments say; what came out.
pub(super) fn train(arguments: &TrainArgs) -> Outcome<RunResult> {
    let resumed = arguments.resume.as_deref().map(resume::open).transpose()?;
    let config = match &resumed {
        Some(run) => Config::resume(run, arguments)?,
        None => Config::resolve(arguments)?,
    };
    let threads = set_threads(&arguments.threads)?;
    interrupt::listen();
    let (plan, mut network) = plan(config, threads, resumed.as_ref(), arguments)?;
    announce(&plan);

    let training = &plan.config.training;
    let keep = if plan.validation.is_some() { training.keep } else { Keep::Last };
    let options =
        TrainerOptions { class_weights: plan.class_weights.clone(), ..plan.config.trainer_options(keep) };
    let mut trainer = Trainer::new(options)?
        .optimizer(plan.config.optimizer()?)
        .schedule(plan.config.schedule.clone())
        .checkpoints(plan.run.checkpoints())
        .checkpoint_every(Duration::try_from_secs_f64(training.checkpoint_seconds).unwrap_or(Duration::MAX))
        .callback(KeepBest::new(&plan.run, &plan.about, keep))
        .callback(plan.run.metrics())
        .callback(Progress::new())
        .callback(interrupt::StopWhenAsked);
    if let Some(validation) = &plan.validation {
        trainer = trainer.validate_on(validation);
    }
    if resumed.is_some()
        && let Some(checkpoint) = resume::checkpoint(&plan)?
    {
        trainer = trainer.extend_from(&checkpoint)?;
    }
    let history = trainer.fit(network.as_mut(), &plan.train)?;
    finish::finish(&plan, network.as_ref(), &history)
}

/// Opens the training images, builds the network and makes the run's folder, in this order, so that a mistake in
/// the arguments leaves no folder behind.
fn plan(
    mut config: Config,
    threads: usize,
    resumed: Option<&RunDir>,
    arguments: &TrainArgs,
) -> Outcome<(Plan, Box<dyn Forward>)> {
    let location = source::locate(&config.data.source, config.data.dir.as_deref())?;
    let images = location.open(Split::Train, &FolderOptions::default())?.dataset;
    let classes = images.classes().cloned();
    let classes =
        classes.ok_or_else(|| Failure::failed(format!("{}: no classes", location.path().display())))?;

    if classes.len() < 2 {
        return Err(Failure::failed(format!(
            "{}: {} only, so there is nothing to tell apart; name the folder that holds one folder for each class",
            location.path().display(),
            counted(classes.len(), "class"),
        )));
    }

    let root = location.path();
    let (train, validation, splits): (Box<dyn Dataset>, Option<Box<dyn Dataset>>, _) =
        if location.splits()?.contains(&Split::Validation) {
            let options = FolderOptions { classes: Some(classes.clone()), ..FolderOptions::default() };
            let validation = location.open(Split::Validation, &options)?.dataset;
            let mut splits = rows(Split::Train, &images, 0..images.len(), root)?;
            splits.extend(rows(Split::Validation, &validation, 0..validation.len(), root)?);
            (Box::new(images), Some(Box::new(validation)), splits)
        } else if let Some(amount) = config.hold_out() {
            // The same images are held out whatever the seed, so that runs with several seeds can be compared.
            let (kept, held_out) = cnn_data::hold_out(images, amount, 0).map_err(|error| {
                Failure::failed(format!(
                    "data.validation: {error}; a share fits any number, --set data.validation=0.1 say"
                ))
            })?;
            let mut splits = rows(Split::Train, &kept, kept.indices().iter().copied(), root)?;
            splits.extend(rows(Split::Validation, &held_out, held_out.indices().iter().copied(), root)?);
            (Box::new(kept), Some(Box::new(held_out)), splits)
        } else {
            let splits = rows(Split::Train, &images, 0..images.len(), root)?;
            (Box::new(images), None, splits)
        };

    let preprocessing = source::preprocessing(&config.input, train.as_ref())?;
    config.input.set(&preprocessing);
    let (size, seed) = (preprocessing.size(), config.training.seed);
    let shape = Arguments {
        channels: preprocessing.channels(),
        classes: classes.len(),
        height: size.height,
        width: size.width,
    };
    let network = cnn_models::build(&config.model.name, &shape, Key::new(seed).fold_str("weights"))?;
    let about = About::new(&config.model.name, shape, classes.names(), &preprocessing)?;

    let data_sha256 = match &validation {
        Some(validation) => content_sha256(&(&train).concat(validation)?, root)?,
        None => content_sha256(&train, root)?,
    };
    let class_weights = match &config.training.class_weights {
        Some(weights) => Some(weights.resolve(&images_of_classes(&train, classes.len())?)?),
        None => None,
    };
    let mut train = Loader::new(train, Shuffled::new(seed), preprocessing.clone())
        .augment(config.augment.clone(), seed)
        .batch_size(config.training.batch_size);
    match config.mix.as_slice() {
        [] => {}
        [one] => train = train.mix(one.clone(), seed),
        several => train = train.mix(BatchChoice::new(several.to_vec()), seed),
    }
    for entry in &config.freeze {
        parameters_named(network.as_ref(), &entry.layers)?;
    }
    let validation = validation
        .map(|images| Loader::new(images, Sequential, preprocessing.clone()).batch_size(EVALUATION_BATCH));
    let info = RunInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("CNN_REVISION").into(),
        seed,
        threads,
        cpu: machine::processor(),
        instruction_set: cnn_tensor::simd::active()?.name().into(),
        model: config.model.name.clone(),
        data: config.data.source.clone(),
        data_sha256,
        steps_per_epoch: train.batches_per_epoch().div_ceil(config.training.accumulate.max(1)) as u64,
        started: clock::now(),
        extended_at: None,
        seconds: None,
    };
    let (run, info) = match resumed {
        Some(run) => (run.clone(), resume::same_data(run, info)?),
        None => {
            let run = make_folder(&config, &location, &info, arguments)?;
            report::write_batch(run.path(), &train, &preprocessing, classes.names())?;
            (run, info)
        }
    };
    run.write_classes(classes.names())?;
    run.write_splits(&splits)?;
    let plan = Plan {
        config,
        threads,
        location,
        classes,
        preprocessing,
        train: with_workers(train),
        validation: validation.map(with_workers),
        about,
        run,
        info,
        splits,
        class_weights,
    };
    Ok((plan, network))
}

/// How many images each class has.
fn images_of_classes(images: &dyn Dataset, classes: usize) -> Outcome<Vec<usize>> {
    let mut counts = vec![0; classes];
    for index in 0..images.len() {
        if let Some(count) = counts.get_mut(images.target(index)?.class()?) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The images of a split, as `splits.csv` lists them.
fn rows(
    split: Split,
    images: &dyn Dataset,
    indices: impl IntoIterator<Item = usize>,
    root: &Path,
) -> Outcome<Vec<SplitRow>> {
    let names = images.classes().map(Classes::names).unwrap_or_default();
    let row = |(at, index): (usize, usize)| {
        let class = images.target(at)?.class()?;
        let file = images.path(at).map_or_else(String::new, |path| name_below(path, root));
        let class = names.get(class).cloned().unwrap_or_else(|| class.to_string());
        Ok(SplitRow { split: split.name().to_owned(), index, file, class })
    };
    indices.into_iter().enumerate().map(row).collect()
}

fn make_folder(
    config: &Config,
    location: &DataLocation,
    info: &RunInfo,
    arguments: &TrainArgs,
) -> Outcome<RunDir> {
    let (model, data) = (&info.model, location.name());
    let text = config.to_toml()?;
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
    let (size, channels) = (plan.preprocessing.size(), plan.preprocessing.channels());
    let held_out = match &plan.validation {
        Some(validation) => format!("{} validation images", group(validation.dataset().len() as u64)),
        None => "no validation images".into(),
    };
    tell!(
        "{} on {}: {} training images, {held_out}, {} classes, {size}x{channels}, {}",
        plan.config.model.name,
        plan.location.name(),
        group(plan.train.dataset().len() as u64),
        plan.classes.len(),
        counted(plan.threads, "thread"),
    );
    tell!("run folder: {}", plan.run.path().display());
}
