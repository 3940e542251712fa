//! The real TensorBoard reads what a run leaves, also where the run was stopped and went on.
//!
//! With CNN_SLOW_TESTS=1, where `CNN_PYTHON` or else `python3` has the package `tensorboard`.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{cnn_in, small_mnist};
use serde_json::Value;

/// Prints the scalars of a folder as JSON: for each tag its steps and values.
const READ: &str = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
tags = events.Tags()['scalars']
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags}))
";

fn python(arguments: &[&str], folder: &Path) -> Option<String> {
    let python = std::env::var_os("CNN_PYTHON").unwrap_or_else(|| "python3".into());
    let output =
        Command::new(python).args(arguments).current_dir(folder).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn tensorboard_reads_the_events_of_a_run_that_was_made_longer() {
    if std::env::var_os("CNN_SLOW_TESTS").is_none() {
        eprintln!("skipped: it asks for CNN_SLOW_TESTS=1");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    if python(&["-c", "import tensorboard"], here).is_none() {
        eprintln!("skipped: no Python with the package tensorboard; CNN_PYTHON names one");
        return;
    }
    small_mnist(here, 600, 50);
    cnn_in(here, "train --data idx:small --epochs 2 --batch-size 16 --out run").good();
    cnn_in(here, "train --resume run --epochs 3").good();
    let read = python(&["-c", READ, "run"], here).expect("TensorBoard cannot read the events");
    let read: Value = serde_json::from_str(&read).unwrap();

    let metrics = std::fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = metrics.lines().map(|row| row.split(',').collect()).collect();
    for (tag, name) in [
        ("loss/train", "train_loss"),
        ("loss/validation", "validation_loss"),
        ("accuracy/train", "train_accuracy"),
        ("accuracy/validation", "validation_accuracy"),
        ("learning-rate", "learning_rate"),
    ] {
        let column = rows[0].iter().position(|met| *met == name).unwrap();
        let expected: Vec<(u64, f32)> =
            (1..).zip(&rows[1..]).map(|(epoch, row)| (epoch, row[column].parse().unwrap())).collect();
        assert_eq!(expected.len(), 3);
        assert_eq!(points(&read[tag]), expected, "{tag}");
    }
    assert_eq!(points(&read["images-per-second"]).len(), 3);
    let batches = std::fs::read_to_string(here.join("run/splits.csv")).unwrap();
    let train = batches.lines().filter(|row| row.contains("train")).count();
    let expected: Vec<u64> = (10..=3 * train.div_ceil(16) as u64).step_by(10).collect();
    for tag in ["batch/loss", "batch/learning-rate"] {
        let steps: Vec<u64> = points(&read[tag]).into_iter().map(|(step, _)| step).collect();
        assert!(steps.len() > 5 && steps == expected, "{tag}: {steps:?} instead of {expected:?}");
    }
}

fn points(points: &Value) -> Vec<(u64, f32)> {
    let point = |point: &Value| (point[0].as_u64().unwrap(), point[1].as_f64().unwrap() as f32);
    points.as_array().unwrap().iter().map(point).collect()
}
