//! Going on with a run: what is taken from its folder, what is not, and where it stands.

use std::path::{Path, PathBuf};

use cnn_train::{Checkpoint, RunDir, RunInfo};

use super::Plan;
use crate::commands::counted;
use crate::failure::{Failure, Outcome};
use crate::output::{tell, warning};

/// The folder of a run that got as far as having a configuration.
pub(super) fn open(path: &Path) -> Outcome<RunDir> {
    let run = RunDir::open(path)?;
    if run.config().exists() {
        return Ok(run);
    }
    Err(Failure::failed(format!(
        "{} holds no config.toml, so it is no run that could go on: name the folder that `cnn train` made",
        path.display()
    )))
}

/// What the run was made with, as it wrote it down; an error where the images are others now.
pub(super) fn same_data(run: &RunDir, now: RunInfo) -> Outcome<RunInfo> {
    let begun = run.read_run()?;
    if begun.data_sha256 == now.data_sha256 {
        return Ok(begun);
    }
    Err(Failure::failed(format!(
        "the images of {} are not those that {} was begun with (their SHA-256 sums differ): bring them back, or begin a \
         new run",
        now.data,
        run.path().display()
    )))
}

/// The checkpoint to go on from, said with what it means; `None` where the run was stopped before it had written one,
/// and begins at its beginning.
pub(super) fn checkpoint(plan: &Plan) -> Outcome<Option<PathBuf>> {
    let (run, folder) = (&plan.run, plan.run.checkpoints());
    if !folder.last().exists() && !folder.previous().exists() {
        tell!("no checkpoint was written yet: the run begins at its beginning");
        return Ok(None);
    }
    let path = folder.latest()?;
    let checkpoint = Checkpoint::read(&path)?;
    let (asked, begun) = (plan.setup.config.training.epochs, checkpoint.recipe.options.epochs);
    let done = checkpoint.position.epoch;
    // A run that was killed in its last evaluation has a result, but has not written down how long that took.
    let ended = run.read_run()?.seconds.is_some();
    if done >= asked && ended && run.read_result()?.is_some_and(|result| result.epochs >= asked) {
        return Err(Failure::failed(format!(
            "{} is finished: all of its {} are trained; raise --epochs to train on",
            run.path().display(),
            counted(asked, "epoch")
        )));
    }
    if path != folder.last() {
        warning!("the last checkpoint cannot be read, and the one before it is used: {}", path.display());
    }
    let within = match &checkpoint.partial {
        Some(partial) => format!("after batch {} of epoch {}", partial.loader.batch, done + 1),
        None => format!("after {}", counted(done, "epoch")),
    };
    tell!(
        "goes on {within}, with the checkpoint's weights, optimiser, schedule, averages, order of the images and history"
    );
    if asked > begun {
        tell!(
            "epochs raised from {begun} to {asked}: from here on the schedule goes over {asked}, so that the run is another than one of {begun}"
        );
        run.write_config(&plan.setup.config.to_toml()?)?;
        run.write_run(&RunInfo { extended_at: Some(done), ..run.read_run()? })?;
    }
    let info = run.read_run()?;
    if info.threads != plan.threads {
        tell!("{} instead of {}: the result is the same", counted(plan.threads, "thread"), info.threads);
    }
    let now = cnn_tensor::simd::active()?.name();
    if info.instruction_set != now {
        warning!(
            "begun with {}, goes on with {now}: the result will differ in its last digits (CNN_ISA={} chooses)",
            info.instruction_set,
            info.instruction_set
        );
    }
    Ok(Some(path))
}
