//! `cnn train --folds K`: cross-validation. Each fold is an ordinary run in a folder of its own, tested on the fold and
//! trained, with a validation split as ever, on the rest; together they have seen every image as a test image once.

use std::path::Path;

use cnn_data::Fold;
use cnn_tensor::random::Key;
use cnn_train::metrics::{ConfusionMatrix, Probabilities, Scores};
use cnn_train::{Evaluation, Predictions, RunDir, RunResult};
use serde_json::json;

use super::{free, train_with};
use crate::cli::TrainArgs;
use crate::commands::{figures, more_figures};
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::output::{self, say, tell};
use crate::report::{self, confusion};
use crate::{clock, interrupt};

/// Trains each fold, and says what they come to.
pub(super) fn train(arguments: &TrainArgs, folds: usize) -> Outcome {
    let config = Config::resolve(arguments)?;
    if config.data.fold.is_some() {
        return Err(Failure::failed(
            "data.fold names one fold, and --folds trains them all: leave one of them out",
        ));
    }
    let name = format!("{}-{}-folds", clock::stamp(clock::now()), config.model.name);
    let root = arguments.out.clone().unwrap_or_else(|| free(arguments.runs.join(name)));
    let whole = RunDir::create(&root)?;
    let mut runs = Vec::new();
    for number in 1..=folds {
        tell!("\nfold {number} of {folds}");
        let mut config = config.clone();
        config.data.fold = Some(Fold { number, of: folds });
        let out = root.join(format!("fold-{number}"));
        let fold = TrainArgs {
            out: Some(out.clone()),
            threads: arguments.threads.clone(),
            tui: arguments.tui,
            ..TrainArgs::default()
        };
        let result = train_with(config, &fold, None)?;
        runs.push((RunDir::open(out)?, result));
        if interrupt::asked() {
            return Err(Failure::Interrupted);
        }
    }
    output::log_to(&root.join("train.log"))?;
    sum_up(&whole, &runs, config.training.seed)
}

/// Every image by the network that had not seen it.
fn sum_up(whole: &RunDir, runs: &[(RunDir, RunResult)], seed: u64) -> Outcome {
    let classes = match runs.first() {
        Some((run, _)) => run.read_classes()?,
        None => return Ok(()),
    };
    let mut parts = Vec::new();
    for (run, result) in runs {
        let loss = result.test.map_or(0.0, |test| test.loss);
        parts.extend(run.read_predictions(&classes, loss)?);
    }
    let predictions = joined(parts, classes.len())?;
    let Predictions { evaluation, .. } = &predictions;
    let scores = Scores::of(&evaluation.probabilities, Key::new(seed).fold_str("bootstrap"))?;
    whole.write_classes(&classes)?;
    whole.write_confusion(&evaluation.confusion, &classes)?;
    whole.write_per_class(&evaluation.confusion, &evaluation.probabilities, &classes)?;
    whole.write_predictions(&predictions, &classes)?;
    let of_folds: Vec<_> =
        runs.iter().map(|(_, result)| json!({"test": result.test, "scores": result.scores})).collect();
    let result = json!({"folds": of_folds, "test": evaluation.summary(), "scores": scores});
    let text = serde_json::to_string_pretty(&result)? + "\n";
    cnn_train::write_atomically(&whole.path().join("result.json"), text.as_bytes())?;
    let files = report::write_judgement(whole.path(), evaluation, &classes)?;

    say!("\n{} folds, each image by the network that had not seen it", runs.len())?;
    for (number, (_, result)) in (1..).zip(runs) {
        let test = result.test.as_ref().map(figures).unwrap_or_default();
        say!("  fold {number}: {test}")?;
    }
    let accuracies: Vec<f64> = runs.iter().filter_map(|(_, result)| Some(result.test?.accuracy)).collect();
    let (mean, deviation) = mean_and_deviation(&accuracies);
    say!("accuracy of the folds: {:.2} %, standard deviation {:.2} %", 100.0 * mean, 100.0 * deviation)?;
    say!("all images: {}", figures(&evaluation.summary()))?;
    more_figures(&scores).iter().try_for_each(|line| say!("  {line}"))?;
    say!("\n{}\n", confusion::text(&evaluation.confusion, &classes))?;
    say!("in {}:", whole.path().display())?;
    let shown = |path: &Path| path.strip_prefix(whole.path()).unwrap_or(path).display().to_string();
    files.iter().try_for_each(|file| say!("  {}", shown(file)))
}

/// The folds' images one after the other, numbered anew.
fn joined(parts: Vec<Predictions>, classes: usize) -> Outcome<Predictions> {
    let (mut files, mut predictions, mut rows, mut loss) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    for part in parts {
        files.extend(part.files);
        loss += part.evaluation.loss * part.evaluation.images() as f64;
        rows.extend(part.evaluation.probabilities.iter().flat_map(|(row, _)| row.to_vec()));
        predictions.extend(part.evaluation.predictions);
    }
    let mut confusion = ConfusionMatrix::new(classes);
    for (index, prediction) in predictions.iter_mut().enumerate() {
        prediction.index = index;
        confusion.add(prediction.label, prediction.predicted)?;
    }
    let loss = loss / predictions.len().max(1) as f64;
    let truths = predictions.iter().map(|prediction| prediction.label).collect();
    let probabilities = Probabilities::new(classes, rows, truths)?;
    Ok(Predictions { evaluation: Evaluation { loss, confusion, predictions, probabilities }, files })
}

/// The mean, and the standard deviation with one degree of freedom less.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), (2.0, 2f64.sqrt()));
        assert_eq!(mean_and_deviation(&[0.5]), (0.5, 0.0));
    }
}
