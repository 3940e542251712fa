//! TensorBoard's events of whole runs: what they say, and that they are the same however often a run was disturbed.

use std::path::Path;

use crate::common::{Net, training, validation};
use crate::event_file::{figures, points};
use cnn_train::schedule::OneCycle;
use cnn_train::{
    BatchEvent, Callback, CallbackError, EventsLog, Flow, History, OnNonFinite, RunDir, Trainer,
    TrainerOptions,
};

fn options() -> TrainerOptions {
    TrainerOptions { epochs: 3, learning_rate: 0.02, seed: 7, accumulate: 2, ..TrainerOptions::default() }
}

/// Stops after so many steps.
struct StopAfter(usize);

impl Callback for StopAfter {
    fn on_batch(&mut self, _: &BatchEvent) -> Result<Flow, CallbackError> {
        self.0 = self.0.saturating_sub(1);
        Ok(if self.0 == 0 { Flow::Stop } else { Flow::Continue })
    }
}

fn fit(run: &RunDir, every: usize, steps: usize) -> History {
    let (train, validation) = (training(), validation());
    let mut trainer = Trainer::new(options()).unwrap().schedule(OneCycle::default()).validate_on(&validation);
    trainer = trainer.checkpoints(run.checkpoints()).callback(EventsLog::new(run.path()).every(every));
    if run.checkpoints().last().exists() {
        trainer = trainer.resume_from(&run.checkpoints().last()).unwrap();
    }
    trainer.callback(StopAfter(steps)).fit(&mut Net::new(1), &train).unwrap()
}

fn new_run(folder: &Path, name: &str) -> RunDir {
    RunDir::create(folder.join(name)).unwrap()
}

#[test]
fn a_run_has_its_figures_by_epoch_and_by_batch() {
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path(), "run");
    let history = fit(&run, 1, usize::MAX);
    let points = points(run.path());
    let of = |tag: &str| -> Vec<(u64, f32)> {
        points.iter().filter(|point| point.tag == tag).map(|point| (point.step, point.value)).collect()
    };
    let expected = |of: fn(&cnn_train::EpochRecord) -> f64| -> Vec<(u64, f32)> {
        history.epochs.iter().map(|record| (record.epoch as u64, of(record) as f32)).collect()
    };
    assert_eq!(of("loss/train"), expected(|record| record.train_loss));
    assert_eq!(of("accuracy/train"), expected(|record| record.train_accuracy));
    assert_eq!(of("loss/validation"), expected(|record| record.validation.unwrap().loss));
    assert_eq!(of("accuracy/validation"), expected(|record| record.validation.unwrap().accuracy));
    assert_eq!(of("learning-rate"), expected(|record| record.learning_rate));
    assert_eq!(of("images-per-second"), expected(|record| record.images_per_second));
    // Five batches an epoch, two a step.
    let steps: Vec<u64> = of("batch/loss").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [2, 4, 5, 7, 9, 10, 12, 14, 15]);
    assert_eq!(of("batch/learning-rate").last().unwrap().1, history.epochs[2].learning_rate as f32);
}

#[test]
fn a_run_that_was_disturbed_has_the_events_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    for every in [1, 3, 4] {
        let whole = new_run(folder.path(), &format!("whole-{every}"));
        fit(&whole, every, usize::MAX);
        let expected = figures(whole.path());
        for steps in 1..9 {
            let run = new_run(folder.path(), &format!("disturbed-{every}-{steps}"));
            fit(&run, every, steps);
            let before = figures(run.path());
            assert!(before.len() < expected.len() && expected.starts_with(&before), "{before:?}");
            let history = fit(&run, every, usize::MAX);
            assert_eq!(history.epochs.len(), 3);
            assert_eq!(figures(run.path()), expected, "every {every}, after {steps} steps");
        }
    }
}

/// Multiplies the rate until a loss cannot be finite, in the second epoch, once.
struct Spike(std::sync::atomic::AtomicBool);

/// What a checkpoint compares: the schedule is the same before and after.
impl std::fmt::Debug for Spike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spike")
    }
}

impl cnn_train::schedule::Schedule for Spike {
    fn rate(&self, base: f64, at: cnn_train::schedule::Progress<'_>) -> f64 {
        let is_first = at.step == 4 && !self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
        if is_first { 1e38 } else { base }
    }
}

#[test]
fn a_run_that_goes_back_takes_its_events_back() {
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path(), "run");
    let options = TrainerOptions { on_nonfinite: OnNonFinite::Rollback, ..options() };
    let plain = cnn_train::optim::Sgd::new(Default::default()).unwrap();
    let trainer = Trainer::new(options).unwrap().optimizer(plain);
    let trainer = trainer.schedule(Spike(false.into())).checkpoints(run.checkpoints());
    let history =
        trainer.callback(EventsLog::new(run.path()).every(1)).fit(&mut Net::new(1), &training()).unwrap();
    let rates: Vec<f64> = history.epochs.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, [0.02, 0.01, 0.01], "it did not go back");
    let points = points(run.path()).into_iter().filter(|point| point.tag == "batch/learning-rate");
    let (steps, rates): (Vec<u64>, Vec<f32>) = points.map(|point| (point.step, point.value)).unzip();
    assert_eq!(steps, [2, 4, 5, 7, 9, 10, 12, 14, 15]);
    assert_eq!(rates, [0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]);
}
