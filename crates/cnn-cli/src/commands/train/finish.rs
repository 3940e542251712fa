//! What follows the last epoch: the model file, then the test images, once, what came out, and the report of it.

use std::time::{Duration, Instant};

use cnn_data::sources::FolderOptions;
use cnn_data::{Dataset, Loader, Sequential, Split, name_below};
use cnn_layers::Forward;
use cnn_tensor::random::Key;
use cnn_train::metrics::Scores;
use cnn_train::{
    Durations, Ending, Evaluation, History, Prediction, Predictions, RunInfo, RunResult, evaluate,
    weights_sha256,
};
use serde_json::json;

use super::Plan;
use super::setup::rows;
use crate::commands::{EVALUATION_BATCH, counted, figures, more_figures, with_workers};
use crate::config::Calibrate;
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::report::{self, confusion};
use crate::{clock, model};

pub(super) fn finish(plan: &Plan, network: &dyn Forward, history: &History) -> Outcome<RunResult> {
    if history.epochs.is_empty() {
        say!("stopped in the first epoch; the test images were not read")?;
        how_to_go_on(plan)?;
        return Err(Failure::Interrupted);
    }
    let training = &plan.setup.config.training;
    let about = plan.setup.about.clone().with_training(json!({
        "data": plan.setup.config.data.source,
        "epochs": history.epochs.len(),
        "seed": training.seed,
        "validation": history.best().and_then(|record| record.validation),
    }))?;
    let file = model::to_bytes(network, &about)?;
    plan.run.write_best(&file)?;
    let mut result = RunResult {
        test: None,
        evaluated: None,
        scores: None,
        validation: history.best().and_then(|record| record.validation),
        best_epoch: history.best().map(|record| record.epoch),
        train_seconds: history.train_seconds(),
        epochs: history.epochs.len(),
        seed: training.seed,
        threads: plan.threads,
        weights_sha256: weights_sha256(&file)?,
    };
    plan.run.write_result(&result)?;

    if history.ending == Ending::OutOfPatience {
        say!("the validation got no better for {}", counted(history.waited(), "epoch"))?;
    }
    let time = clock::length(Duration::from_secs_f64(result.train_seconds));
    say!("trained {} in {time}", counted(result.epochs, "epoch"))?;
    if let Some(record) = history.best().filter(|record| record.validation.is_some()) {
        let accuracy = record.validation.map_or(0.0, |validation| validation.accuracy);
        say!("validation accuracy {:.2} % (epoch {})", accuracy * 100.0, record.epoch)?;
    }
    if history.ending == Ending::Stopped {
        report::build(&plan.run)?;
        say!("stopped before the end; the test images were not read")?;
        places(plan)?;
        how_to_go_on(plan)?;
        return Err(Failure::Interrupted);
    }
    // The curves are on the disk before a test image is opened.
    report::build(&plan.run)?;
    let began = Instant::now();
    let (validation, temperature) = calibrate(plan, network)?;
    plan.run.write_best(&model::to_bytes(network, &about.with_temperature(temperature)?)?)?;
    if let Some((split, evaluation, images)) = last_look(plan, network, validation, temperature)? {
        let scores = Scores::of(&evaluation.probabilities, Key::new(training.seed).fold_str("bootstrap"))?;
        result.test = (split == Split::Test).then(|| evaluation.summary());
        result.evaluated = Some(split.name().to_owned());
        result.scores = Some(scores);
        say!("{split} accuracy {}", figures(&evaluation.summary()))?;
        more_figures(&scores).iter().try_for_each(|line| say!("  {line}"))?;
        say!("\n{}\n", confusion::text(&evaluation.confusion, plan.setup.classes.names()))?;
        record(plan, split, evaluation, images.dataset())?;
        plan.run.write_result(&result)?;
    }
    let seconds = Durations { training: result.train_seconds, evaluation: began.elapsed().as_secs_f64() };
    plan.run.write_run(&RunInfo { seconds: Some(seconds), ..plan.info.clone() })?;
    report::build(&plan.run)?;
    places(plan)?;
    Ok(result)
}

/// Writes down what the final evaluation found, image by image and class by class.
fn record(plan: &Plan, split: Split, evaluation: Evaluation, images: &dyn Dataset) -> Outcome {
    let (run, classes) = (plan.run.path(), plan.setup.classes.names());
    let root = plan.setup.location.path();
    let file = |prediction: &Prediction| {
        images.path(prediction.index).map_or_else(String::new, |path| name_below(path, root))
    };
    let files = evaluation.predictions.iter().map(file).collect();
    plan.run.write_confusion(&evaluation.confusion, classes)?;
    plan.run.write_per_class(&evaluation.confusion, &evaluation.probabilities, classes)?;
    report::write_evaluated(run, &evaluation, images, classes)?;
    plan.run.write_predictions(&Predictions { evaluation, files }, classes)?;
    if split == Split::Test && plan.setup.fold.is_none() {
        let test = rows(Split::Test, images, &(0..images.len()).collect::<Vec<_>>(), root)?;
        plan.run.write_splits(&[plan.setup.splits.as_slice(), &test].concat())?;
    }
    Ok(())
}

/// The evaluation that the run reports: of the test images, else of the validation images, else none.
fn last_look(
    plan: &Plan,
    network: &dyn Forward,
    validation: Option<Evaluation>,
    temperature: f64,
) -> Outcome<Option<(Split, Evaluation, Loader)>> {
    let setup = &plan.setup;
    let test = match &setup.fold {
        Some(fold) => Some(fold.clone()),
        None if setup.location.splits()?.contains(&Split::Test) => {
            let options = FolderOptions { classes: Some(setup.classes.clone()), ..FolderOptions::default() };
            Some(setup.location.open(Split::Test, &options)?.dataset)
        }
        None => None,
    };
    if let Some(images) = test {
        let loader =
            Loader::new(images, Sequential, setup.preprocessing.clone()).batch_size(EVALUATION_BATCH);
        let loader = with_workers(loader);
        let evaluation = evaluate(network, &loader)?.at_temperature(temperature)?;
        return Ok(Some((Split::Test, evaluation, loader)));
    }
    say!("no test images in {}: the run has no test figures", setup.location.path().display())?;
    let found = validation.zip(setup.validation.clone());
    found
        .map(|(found, loader)| Ok((Split::Validation, found.at_temperature(temperature)?, loader)))
        .transpose()
}

/// The network on the validation images, and the temperature that fits them best.
fn calibrate(plan: &Plan, network: &dyn Forward) -> Outcome<(Option<Evaluation>, f64)> {
    let Some(loader) = &plan.setup.validation else { return Ok((None, 1.0)) };
    let found = evaluate(network, loader)?;
    let temperature = match plan.setup.config.training.calibrate {
        Calibrate::Temperature => found.probabilities.temperature(),
        Calibrate::None => 1.0,
    };
    if temperature != 1.0 {
        let bins = cnn_train::metrics::CALIBRATION_BINS;
        let error = |found: &Evaluation| 100.0 * found.probabilities.calibration_error(bins);
        let after = error(&found.clone().at_temperature(temperature)?);
        let before = error(&found);
        say!(
            "temperature {temperature:.3}: calibration error {before:.2} % before, {after:.2} % after (validation)"
        )?;
    }
    report::write_validation(plan.run.path(), &found, loader.dataset(), plan.setup.classes.names())?;
    Ok((Some(found), temperature))
}

fn how_to_go_on(plan: &Plan) -> Outcome {
    say!("to go on: cnn train --resume {}", plan.run.path().display())
}

/// Where everything is, and what to do with it.
fn places(plan: &Plan) -> Outcome {
    let run = plan.run.path();
    let of_folder = |folder: &str| {
        let entries = std::fs::read_dir(run.join(folder)).ok().into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())).collect();
        names.sort();
        names.retain(|name| !name.ends_with(".svg"));
        names
    };
    let names = FILES.iter().filter(|name| run.join(name).exists()).map(ToString::to_string);
    say!("in {}:", run.display())?;
    for name in names.chain(of_folder("plots")).chain(of_folder("samples")) {
        say!("  {name}")?;
    }
    let program = std::env::args().next().unwrap_or_else(|| "cnn".into());
    let example = run.join(report::EXAMPLE);
    let image = if example.exists() { example.display().to_string() } else { "IMAGE".to_owned() };
    say!("next: {program} predict {} {image}", plan.run.best().display())
}

/// What a run leaves beside its plots and samples, as it is told.
const FILES: [&str; 7] = [
    "report.html",
    "card.md",
    "best.safetensors",
    "result.json",
    "metrics.csv",
    "per_class.csv",
    "predictions.csv",
];
