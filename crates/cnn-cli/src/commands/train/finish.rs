//! What follows the last epoch: the model file, the curves, then the test images, once, and what came out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cnn_data::sources::FolderOptions;
use cnn_data::{Loader, Sequential, Split};
use cnn_layers::Forward;
use cnn_train::{Ending, Evaluation, History, RunResult, evaluate, weights_sha256};
use serde_json::json;

use super::Plan;
use crate::commands::{EVALUATION_BATCH, counted, figures, with_workers};
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::report::{self, confusion};
use crate::{clock, model};

pub(super) fn finish(plan: &Plan, network: &dyn Forward, history: &History) -> Outcome {
    let run = plan.run.path();
    if history.epochs.is_empty() {
        say!("stopped in the first epoch; the test images were not read")?;
        how_to_go_on(plan)?;
        return Err(Failure::Interrupted);
    }
    let training = &plan.config.training;
    let about = plan.about.clone().with_training(json!({
        "data": plan.config.data.source,
        "epochs": history.epochs.len(),
        "seed": training.seed,
        "validation": history.best().and_then(|record| record.validation),
    }))?;
    let file = model::to_bytes(network, &about)?;
    plan.run.write_best(&file)?;
    let mut files = vec![plan.run.best(), report::write_curves(run, &history.epochs)?];
    let mut result = RunResult {
        test: None,
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
        say!("stopped before the end; the test images were not read")?;
        places(plan, &files)?;
        how_to_go_on(plan)?;
        return Err(Failure::Interrupted);
    }
    if let Some((name, evaluation, images)) = last_look(plan, network)? {
        if name == Split::Test {
            result.test = Some(evaluation.summary());
            plan.run.write_result(&result)?;
        }
        say!("{name} accuracy {}", figures(&evaluation.summary()))?;
        say!("\n{}\n", confusion::text(&evaluation.confusion, plan.classes.names()))?;
        files.extend(report::write_evaluation(run, &evaluation, images.dataset(), plan.classes.names())?);
    }
    places(plan, &files)
}

/// The evaluation that the run reports: of the test images, else of the validation images, else none.
fn last_look(plan: &Plan, network: &dyn Forward) -> Outcome<Option<(Split, Evaluation, Loader)>> {
    if plan.location.splits()?.contains(&Split::Test) {
        let options = FolderOptions { classes: Some(plan.classes.clone()), ..FolderOptions::default() };
        let images = plan.location.open(Split::Test, &options)?.dataset;
        let loader = Loader::new(images, Sequential, plan.preprocessing.clone()).batch_size(EVALUATION_BATCH);
        let loader = with_workers(loader);
        return Ok(Some((Split::Test, evaluate(network, &loader)?, loader)));
    }
    say!("no test images in {}: the run has no test figures", plan.location.path().display())?;
    match &plan.validation {
        Some(loader) => Ok(Some((Split::Validation, evaluate(network, loader)?, loader.clone()))),
        None => Ok(None),
    }
}

fn how_to_go_on(plan: &Plan) -> Outcome {
    say!("to go on: cnn train --resume {}", plan.run.path().display())
}

/// Where everything is, and what to do with it.
fn places(plan: &Plan, files: &[PathBuf]) -> Outcome {
    say!("in {}:", plan.run.path().display())?;
    for file in files.iter().map(PathBuf::as_path).chain([Path::new("result.json"), Path::new("metrics.csv")])
    {
        say!("  {}", file.strip_prefix(plan.run.path()).unwrap_or(file).display())?;
    }
    let program = std::env::args().next().unwrap_or_else(|| "cnn".into());
    let example = files.iter().find(|file| file.ends_with(report::EXAMPLE));
    let image = example.map_or_else(|| "IMAGE".to_string(), |file| file.display().to_string());
    say!("next: {program} predict {} {image}", plan.run.best().display())
}
