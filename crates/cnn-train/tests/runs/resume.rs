//! A run that was interrupted and resumed ends with the same bits as one that was not.

use std::path::Path;

use crate::common::{Net, training, validation};
use crate::file;
use cnn_train::optim::{AdamW, AdamWOptions, DecayOn, Optimizer, Sgd, SgdOptions};
use cnn_train::schedule::OneCycle;
use cnn_train::{
    Callback, CallbackError, Checkpoint, CheckpointFolder, Ending, EpochEvent, Error, Flow, History, Keep,
    Trainer, TrainerOptions, weights_sha256,
};

/// Ends the run after an epoch, as a kill would.
struct StopAfter(usize);

impl Callback for StopAfter {
    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        Ok(if event.record.epoch == self.0 { Flow::Stop } else { Flow::Continue })
    }
}

fn options(keep: Keep) -> TrainerOptions {
    TrainerOptions { epochs: 4, learning_rate: 0.02, seed: 7, label_smoothing: 0.1, keep }
}

fn adamw() -> Box<dyn Optimizer> {
    Box::new(AdamW::new(AdamWOptions { decay_on: DecayOn::Kernels, ..AdamWOptions::default() }).unwrap())
}

fn sgd() -> Box<dyn Optimizer> {
    Box::new(Sgd::new(SgdOptions { momentum: 0.9, nesterov: true, ..SgdOptions::default() }).unwrap())
}

fn trainer<'a>(
    optimizer: fn() -> Box<dyn Optimizer>,
    keep: Keep,
    validation: &'a cnn_data::Loader,
) -> Trainer<'a> {
    let trainer = Trainer::new(options(keep)).unwrap();
    trainer.optimizer(optimizer()).schedule(OneCycle::default()).validate_on(validation)
}

/// The history without its timings.
fn figures(history: &History) -> Vec<(f64, f64, f64, f64)> {
    let of = |record: &cnn_train::EpochRecord| {
        let validation = record.validation.unwrap();
        (record.learning_rate, record.train_loss, validation.loss, validation.accuracy)
    };
    history.epochs.iter().map(of).collect()
}

fn resumed_equals_undisturbed(optimizer: fn() -> Box<dyn Optimizer>, keep: Keep) {
    let (train, validation) = (training(), validation());
    let mut whole = Net::new(1);
    let expected = trainer(optimizer, keep, &validation).fit(&mut whole, &train).unwrap();
    assert_eq!((expected.epochs.len(), expected.ending), (4, Ending::Completed));

    for epoch in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = CheckpointFolder::new(folder.path());
        let interrupted =
            trainer(optimizer, keep, &validation).checkpoints(checkpoints.clone()).callback(StopAfter(epoch));
        let history = interrupted.fit(&mut Net::new(1), &train).unwrap();
        assert_eq!((history.epochs.len(), history.ending), (epoch, Ending::Stopped));

        // Another process: another network, whose own weights must not matter.
        let mut resumed = Net::new(99);
        let trainer = trainer(optimizer, keep, &validation).resume_from(&checkpoints.last()).unwrap();
        let history = trainer.fit(&mut resumed, &train).unwrap();
        assert_eq!(figures(&history), figures(&expected), "after epoch {epoch}");
        assert_eq!(file(&resumed), file(&whole), "after epoch {epoch}");
        assert_eq!(weights_sha256(&file(&resumed)).unwrap(), weights_sha256(&file(&whole)).unwrap());
    }
}

#[test]
fn with_adamw_and_the_last_weights() {
    resumed_equals_undisturbed(adamw, Keep::Last);
}

#[test]
fn with_nesterov_momentum_and_the_best_weights() {
    resumed_equals_undisturbed(sgd, Keep::Best);
}

fn checkpoint_of_two_epochs(folder: &Path) -> CheckpointFolder {
    let (train, validation) = (training(), validation());
    let checkpoints = CheckpointFolder::new(folder);
    let trainer =
        trainer(sgd, Keep::Last, &validation).checkpoints(checkpoints.clone()).callback(StopAfter(2));
    trainer.fit(&mut Net::new(1), &train).unwrap();
    checkpoints
}

#[test]
fn a_checkpoint_says_where_the_run_stands_and_the_one_before_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoint_of_two_epochs(folder.path());
    let last = Checkpoint::read(&checkpoints.last()).unwrap();
    assert_eq!((last.position.epoch, last.position.seed, last.history.epochs.len()), (2, 7, 2));
    assert_eq!(Checkpoint::read(&checkpoints.previous()).unwrap().position.epoch, 1);
    assert_eq!(checkpoints.latest().unwrap(), checkpoints.last());
}

#[test]
fn where_the_last_checkpoint_is_damaged_or_absent_the_one_before_is_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoint_of_two_epochs(folder.path());
    let bytes = std::fs::read(checkpoints.last()).unwrap();
    std::fs::write(checkpoints.last(), &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(checkpoints.latest().unwrap(), checkpoints.previous());
    std::fs::remove_file(checkpoints.last()).unwrap();
    assert_eq!(checkpoints.latest().unwrap(), checkpoints.previous());
    std::fs::remove_file(checkpoints.previous()).unwrap();
    assert!(matches!(checkpoints.latest(), Err(Error::Checkpoint { .. })));
}

#[test]
fn a_checkpoint_of_another_run_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let last = checkpoint_of_two_epochs(folder.path()).last();
    let (train, validation) = (training(), validation());
    let message = |trainer: cnn_train::Result<Trainer<'_>>, train: &cnn_data::Loader| {
        let fitted = trainer.and_then(|trainer| trainer.fit(&mut Net::new(1), train));
        fitted.unwrap_err().to_string()
    };
    let other_seed = TrainerOptions { seed: 8, ..options(Keep::Last) };
    let text = message(Trainer::new(other_seed).unwrap().resume_from(&last), &train);
    assert!(text.contains("seed 7") && text.contains("seed 8"), "{text}");

    let text = message(trainer(sgd, Keep::Last, &validation).resume_from(&last), &training().batch_size(25));
    assert!(text.contains("5 batches") && text.contains("3"), "{text}");

    let text = message(trainer(sgd, Keep::Best, &validation).resume_from(&last), &train);
    assert!(text.contains("kept its last weights"), "{text}");

    let text = message(trainer(adamw, Keep::Last, &validation).resume_from(&last), &train);
    assert!(text.contains("optimiser"), "{text}");
}

#[test]
fn a_new_run_does_not_replace_the_checkpoints_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoint_of_two_epochs(folder.path());
    let before = std::fs::read(checkpoints.last()).unwrap();
    let validation = validation();
    let trainer = trainer(sgd, Keep::Last, &validation).checkpoints(checkpoints.clone());
    let text = trainer.fit(&mut Net::new(1), &training()).unwrap_err().to_string();
    assert!(text.contains("earlier run"), "{text}");
    assert_eq!(std::fs::read(checkpoints.last()).unwrap(), before);
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoint = Checkpoint::read(&checkpoint_of_two_epochs(folder.path()).last()).unwrap();
    checkpoint.position.epoch = 1;
    let path = folder.path().join("wrong.safetensors");
    std::fs::write(&path, checkpoint.to_bytes().unwrap()).unwrap();
    let text = Checkpoint::read(&path).unwrap_err().to_string();
    assert!(text.contains("contradicts itself"), "{text}");
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, file(&Net::new(1))).unwrap();
    let text = Checkpoint::read(&path).unwrap_err().to_string();
    assert!(text.contains("weights.safetensors") && text.contains("not a checkpoint"), "{text}");
    for bytes in [&b""[..], b"not safetensors at all", &[0xff; 64]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(Checkpoint::read(&path), Err(Error::Checkpoint { .. })));
    }
}
