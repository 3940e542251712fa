//! A rehearsal does what a run does and leaves nothing.

use crate::common::{Net, training, validation};
use crate::file;
use cnn_data::Loader;
use cnn_data::transform::MixUp;
use cnn_layers::{Ctx, Forward, Layer, Var};
use cnn_train::{
    BatchEvent, Callback, CallbackError, Checkpoint, Error, Flow, Keep, OnNonFinite, Rehearsal, RunDir,
    StartEvent, Trainer, TrainerOptions,
};

/// A callback that must not be told anything.
struct Deaf;

impl Callback for Deaf {
    fn on_start(&mut self, _: &StartEvent<'_>) -> Result<(), CallbackError> {
        Err("told of a start".into())
    }

    fn on_batch(&mut self, _: &BatchEvent) -> Result<Flow, CallbackError> {
        Err("told of a batch".into())
    }

    fn on_checkpoint(&mut self) -> Result<(), CallbackError> {
        Err("told of a checkpoint".into())
    }
}

fn options() -> TrainerOptions {
    TrainerOptions { epochs: 3, learning_rate: 0.02, keep: Keep::Best, ..TrainerOptions::default() }
}

fn rehearse(options: TrainerOptions, train: &Loader, net: &mut dyn Forward) -> Result<Rehearsal, Error> {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let validation = validation();
    let trainer = Trainer::new(options).unwrap().validate_on(&validation).callback(Deaf);
    let rehearsal = trainer.checkpoints(run.checkpoints()).rehearse(net, train);
    assert_eq!(std::fs::read_dir(run.path().join("checkpoints")).unwrap().count(), 0);
    rehearsal
}

#[test]
fn two_batches_go_through_everything_and_nothing_is_written() {
    let mut net = Net::new(1);
    let rehearsal = rehearse(options(), &training(), &mut net).unwrap();
    assert_eq!((rehearsal.input, rehearsal.output), (vec![16, 8, 8, 1], vec![16, 3]));
    assert_eq!(rehearsal.batches, 2);
    assert!(rehearsal.step_seconds > 0.0 && rehearsal.validation_seconds.unwrap() > 0.0);
    assert_ne!(file(&net), file(&Net::new(1)), "no step was taken");

    // As large as the checkpoint of a run, but for the few letters that say where it stands.
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let validation = validation();
    let trainer = Trainer::new(options()).unwrap().validate_on(&validation).checkpoints(run.checkpoints());
    trainer.fit(&mut Net::new(1), &training()).unwrap();
    let best = Checkpoint::read(&run.checkpoints().last()).unwrap().best.unwrap();
    let best: usize = best.iter().map(|(_, tensor)| tensor.len() * 4).sum();
    let written = std::fs::metadata(run.checkpoints().last()).unwrap().len() as usize;
    assert!(
        rehearsal.checkpoint_bytes.abs_diff(written) < best + 4096,
        "{written} {}",
        rehearsal.checkpoint_bytes
    );
    assert!(rehearsal.checkpoint_bytes > 2 * file(&net).len());
}

#[test]
fn a_step_of_more_batches_is_taken_whole_and_mixed_batches_are_batches_too() {
    let options = TrainerOptions { accumulate: 3, ema_decay: Some(0.9), sam_rho: Some(0.01), ..options() };
    let train = training().mix(MixUp { num_classes: Some(3), ..MixUp::default() }, 1);
    assert_eq!(rehearse(options, &train, &mut Net::new(1)).unwrap().batches, 3);
}

#[test]
fn what_a_run_would_refuse_a_rehearsal_refuses() {
    let text = |result: Result<Rehearsal, Error>| result.unwrap_err().to_string();
    let none = rehearse(options(), &training().batch_size(0), &mut Net::new(1));
    assert!(text(none).contains("batch size is 0"));
    let validated = Trainer::new(options()).unwrap().rehearse(&mut Net::new(1), &training());
    assert!(text(validated).contains("keep is best"));
}

/// Outputs that are no numbers.
#[derive(Debug, Layer)]
struct Broken {
    net: Net,
}

impl Forward for Broken {
    fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
        Ok(self.net.call(x, cx)?.scale(f64::NAN)?)
    }
}

#[test]
fn what_is_not_finite_is_an_error_whatever_the_run_would_do() {
    for on_nonfinite in [OnNonFinite::Stop, OnNonFinite::Skip, OnNonFinite::Rollback] {
        let options = TrainerOptions { on_nonfinite, ..options() };
        let error = rehearse(options, &training(), &mut Broken { net: Net::new(1) }).unwrap_err();
        assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    }
}
