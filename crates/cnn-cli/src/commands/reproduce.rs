//! `cnn reproduce`: a run is trained again from what it wrote down, and the bits of its weights are compared.

use std::path::PathBuf;

use cnn_train::{RunDir, RunInfo};

use super::train;
use crate::cli::{ReproduceArgs, TrainArgs};
use crate::failure::{Failure, Outcome};
use crate::output::{say, tell};

pub(crate) fn run(arguments: &ReproduceArgs) -> Outcome {
    let path = arguments.run.display();
    let run = RunDir::open(&arguments.run)?;
    let info = run.read_run()?;
    let Some(result) = run.read_result()? else {
        return Err(Failure::failed(format!(
            "{path} has no result yet: end it with `cnn train --resume {path}` first"
        )));
    };
    if let Some(epochs) = info.extended_at {
        return Err(Failure::failed(format!(
            "the epochs of {path} were raised when {epochs} were trained, so that its schedule changed on the way: no \
             configuration alone gives these weights"
        )));
    }
    if result.epochs < train::epochs_of(&run)? && result.evaluated.is_none() {
        return Err(Failure::failed(format!(
            "{path} was stopped before its end: `cnn train --resume {path}` first"
        )));
    }
    let out = arguments.out.clone().unwrap_or_else(|| beside(&arguments.run));
    let again = train::train(&TrainArgs {
        config: Some(run.config()),
        out: Some(out.clone()),
        threads: arguments.threads.clone(),
        data: arguments.data.clone(),
        ..TrainArgs::default()
    })?;
    let now = RunDir::open(&out)?.read_run()?;
    let others = differences(&info, &now);
    if again.weights_sha256 == result.weights_sha256 {
        say!("\nreproduced: the weights of {path} and {} are the same, bit for bit", out.display())?;
        return say!("  SHA-256 {}", result.weights_sha256);
    }
    say!("\nnot reproduced: the weights differ")?;
    say!("  {path}: SHA-256 {}", result.weights_sha256)?;
    say!("  {}: SHA-256 {}", out.display(), again.weights_sha256)?;
    for other in &others {
        tell!("  {other}");
    }
    Err(Failure::failed(match others.len() {
        0 => {
            "data, program, processor and instruction set are the same, so the bits should be: this is a mistake in the program"
        }
        _ => "the same bits are promised for the same data, program and instruction set alone",
    }))
}

/// The run's folder with an ending that is free.
fn beside(run: &std::path::Path) -> PathBuf {
    let name = run.components().as_path().display().to_string();
    train::free(PathBuf::from(format!("{name}-reproduced")))
}

/// What is not as it was, of all that the bits may depend on.
fn differences(then: &RunInfo, now: &RunInfo) -> Vec<String> {
    let all = [
        ("the images", &then.data_sha256, &now.data_sha256),
        ("the program's version", &then.version, &now.version),
        ("the program's revision", &then.revision, &now.revision),
        ("the processor", &then.cpu, &now.cpu),
        ("the instruction set", &then.instruction_set, &now.instruction_set),
    ];
    let differ = all.into_iter().filter(|(_, then, now)| then != now);
    differ.map(|(what, then, now)| format!("{what}: {then} then, {now} now")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_threads_do_not_count() {
        let then = RunInfo { cpu: "a".into(), threads: 1, ..RunInfo::default() };
        let now = RunInfo { cpu: "b".into(), threads: 2, ..RunInfo::default() };
        assert_eq!(differences(&then, &now), ["the processor: a then, b now"]);
        assert!(differences(&then, &then).is_empty());
    }
}
