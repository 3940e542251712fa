//! `cnn train --dry-run`: two batches through everything, and what the run would take; nothing is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cnn_layers::Forward;
use cnn_layers::summary::{bytes, group};
use cnn_train::{CheckpointFolder, Error, Rehearsal};

use super::{Setup, trainer};
use crate::cli::TrainArgs;
use crate::clock;
use crate::commands::{counted, summary};
use crate::failure::{Failure, Outcome};
use crate::output::say;

pub(super) fn run(setup: &Setup, mut network: Box<dyn Forward>, arguments: &TrainArgs) -> Outcome {
    let folder = super::place(setup, clock::now(), arguments);
    check_writable(&folder)?;
    // Everything is reckoned with before the first batch, which may be more than the machine has.
    let training = &setup.config.training;
    let costs = summary::summarise(network.as_ref(), setup.about.arguments, training.batch_size)?;
    let trainer = trainer(setup)?.checkpoints(CheckpointFolder::new(folder.join("checkpoints")));
    let rehearsal = trainer.rehearse(network.as_mut(), &setup.train)?;
    let time = Time::new(setup, &rehearsal);

    say!("input         {}", shape(&rehearsal.input))?;
    say!("output        {}", shape(&rehearsal.output))?;
    say!("parameters    {}", group(costs.parameters as u64))?;
    say!(
        "memory        about {} for a batch of {} with Adam",
        bytes(costs.training_bytes),
        training.batch_size
    )?;
    say!("checkpoint    about {}, of which two are kept", bytes(rehearsal.checkpoint_bytes))?;
    say!(
        "an epoch      {} of {} ms{}: about {}",
        counted(time.steps, "step"),
        millis(time.step),
        time.validation(),
        clock::length(time.epoch())
    )?;
    let run = time.epoch().saturating_mul(u32::try_from(training.epochs).unwrap_or(u32::MAX));
    say!("the run       {}: about {}", counted(training.epochs, "epoch"), clock::length(run))?;
    say!("run folder    {} can be made", folder.display())?;
    let taken = match rehearsal.batches {
        1 => "a batch".to_owned(),
        batches => format!("{batches} batches"),
    };
    say!("{taken} went through loading, training, validation and a checkpoint; nothing was written")
}

/// What an epoch takes.
struct Time {
    steps: usize,
    step: Duration,
    /// Batches of the validation, and the time of one.
    validation: Option<(usize, Duration)>,
}

impl Time {
    fn new(setup: &Setup, rehearsal: &Rehearsal) -> Self {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let validation = setup.validation.as_ref().zip(rehearsal.validation_seconds);
        Self {
            steps: usize::try_from(setup.steps_per_epoch()).unwrap_or(usize::MAX),
            step: seconds(rehearsal.step_seconds),
            validation: validation.map(|(loader, time)| (loader.batches_per_epoch(), seconds(time))),
        }
    }

    fn epoch(&self) -> Duration {
        let times =
            |time: Duration, count: usize| time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let validation = self.validation.map_or(Duration::ZERO, |(batches, time)| times(time, batches));
        times(self.step, self.steps).saturating_add(validation)
    }

    fn validation(&self) -> String {
        self.validation.map_or_else(String::new, |(batches, time)| {
            format!(", {batches} of {} ms for the validation", millis(time))
        })
    }
}

/// Milliseconds with as many digits as mean something.
fn millis(time: Duration) -> String {
    let millis = 1e3 * time.as_secs_f64();
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// Whether the folder of a run could be made: there is nothing of its name, and the nearest folder that is there takes a
/// file, which has no name and is gone at once.
fn check_writable(folder: &Path) -> Outcome {
    if folder.symlink_metadata().is_ok() {
        return Err(Error::RunExists { path: folder.to_owned() }.into());
    }
    let absolute = std::path::absolute(folder).map_err(|error| Failure::io("create", folder, &error))?;
    let parent: Option<PathBuf> =
        absolute.ancestors().skip(1).find(|path| path.symlink_metadata().is_ok()).map(Path::to_owned);
    let Some(parent) = parent else {
        return Err(Failure::io("create", folder, &"no part of its path is there"));
    };
    match tempfile::tempfile_in(&parent) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::io("create", folder, &format!("{}: {error}", parent.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_its_steps_and_its_validation() {
        let time = |validation| Time { steps: 100, step: Duration::from_millis(20), validation };
        assert_eq!(time(None).epoch(), Duration::from_secs(2));
        let validated = time(Some((4, Duration::from_millis(250))));
        assert_eq!(validated.epoch(), Duration::from_secs(3));
        assert_eq!(validated.validation(), ", 4 of 250 ms for the validation");
        let endless = Time { steps: usize::MAX, step: Duration::MAX, validation: None };
        assert_eq!(endless.epoch(), Duration::MAX);
        assert_eq!([0.00123, 0.5].map(|seconds| millis(Duration::from_secs_f64(seconds))), ["1.2", "500"]);
    }

    #[test]
    fn a_folder_is_checked_at_the_nearest_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        check_writable(&folder.path().join("a/b/c")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let text = |path: &Path| check_writable(path).unwrap_err().message().unwrap().to_owned();
        assert!(text(folder.path()).contains("exists already"));
        let below = text(&file.join("run"));
        assert!(below.starts_with("cannot create ") && below.contains("file/run"), "{below}");
    }
}
