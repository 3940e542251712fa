//! A run that was interrupted and resumed ends with the same bits as one that was not.

use std::path::Path;
use std::time::Duration;

use crate::common::{Net, preprocessing, samples, training, validation};
use crate::file;
use cnn_data::{Loader, Sequential, Shuffled};
use cnn_train::optim::{
    AdamW, AdamWOptions, DecayOn, Lookahead, LookaheadOptions, Optimizer, Sgd, SgdOptions,
};
use cnn_train::schedule::{Constant, OneCycle, Plateau, Warmup};
use cnn_train::{
    BatchEvent, BestBy, Callback, CallbackError, Checkpoint, CheckpointFolder, Ending, EpochEvent, Error,
    Flow, Freeze, History, Keep, Trainer, TrainerOptions, weights_sha256,
};

/// Ends the run after an epoch, as a kill would.
struct StopAfter(usize);

impl Callback for StopAfter {
    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        Ok(if event.record.epoch == self.0 { Flow::Stop } else { Flow::Continue })
    }
}

fn options(keep: Keep) -> TrainerOptions {
    TrainerOptions {
        epochs: 4,
        learning_rate: 0.02,
        seed: 7,
        label_smoothing: 0.1,
        keep,
        ..Default::default()
    }
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
    assert_eq!((last.position.epoch, last.recipe.options.seed, last.history.epochs.len()), (2, 7, 2));
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

/// What a run that resumes from this checkpoint says.
fn refusal(last: &Path, trainer: Trainer<'_>, train: &Loader) -> String {
    let trainer = trainer.resume_from(last).unwrap();
    trainer.fit(&mut Net::new(1), train).unwrap_err().to_string()
}

#[test]
fn a_checkpoint_of_another_run_is_refused_with_each_difference_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let last = checkpoint_of_two_epochs(folder.path()).last();
    let (train, validation) = (training(), validation());
    let asked = options(Keep::Last);
    let with = |options: TrainerOptions| {
        let trainer = Trainer::new(options).unwrap().optimizer(sgd()).schedule(OneCycle::default());
        trainer.validate_on(&validation)
    };
    let same = || with(options(Keep::Last));
    let fewer = Loader::new(samples(74, 1), Shuffled::new(1), preprocessing()).batch_size(16);
    let small_validation = Loader::new(samples(29, 2), Sequential, preprocessing());
    let undamped = Sgd::new(SgdOptions { momentum: 0.8, nesterov: true, ..SgdOptions::default() }).unwrap();
    for (trainer, train, told) in [
        (with(TrainerOptions { seed: 8, ..asked.clone() }), &train, "seed 7 (now 8)"),
        (with(TrainerOptions { epochs: 5, ..asked.clone() }), &train, "epochs 4 (now 5)"),
        (
            with(TrainerOptions { learning_rate: 0.03, ..asked.clone() }),
            &train,
            "learning rate 0.02 (now 0.03)",
        ),
        (
            with(TrainerOptions { label_smoothing: 0.0, ..asked.clone() }),
            &train,
            "label smoothing 0.1 (now 0.0)",
        ),
        (with(options(Keep::Best)), &train, "keep last (now best)"),
        (same().optimizer(adamw()), &train, "(now adamw {"),
        (same().optimizer(undamped), &train, "momentum: 0.8"),
        (same().schedule(Constant {}), &train, "(now Constant)"),
        (same().schedule(OneCycle { pct_start: 0.5, ..OneCycle::default() }), &train, "0.5"),
        (same(), &training().batch_size(25), "batches an epoch 5 (now 3)"),
        (same(), &fewer, "training images 75 (now 74)"),
        (same().validate_on(&small_validation), &train, "validation images 30 (now 29)"),
    ] {
        let text = refusal(&last, trainer, train);
        assert!(text.contains("last.safetensors: it is of a run with ") && text.contains(told), "{text}");
    }
    let text = refusal(&last, with(TrainerOptions { seed: 8, epochs: 5, ..asked }), &train);
    assert!(text.contains("epochs 4 (now 5), seed 7 (now 8); resume with the same"), "{text}");
}

/// Ends the run after a batch.
struct StopAt {
    epoch: usize,
    batch: usize,
}

impl Callback for StopAt {
    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        Ok(if (event.epoch, event.batch) == (self.epoch, self.batch) { Flow::Stop } else { Flow::Continue })
    }
}

/// Everything that a checkpoint has to hold, in one run.
fn with_everything(validation: &Loader) -> Trainer<'_> {
    let options = TrainerOptions {
        accumulate: 2,
        clip_norm: Some(0.5),
        clip_value: Some(0.1),
        sam_rho: Some(0.02),
        ema_decay: Some(0.8),
        patience: Some(3),
        best_by: BestBy::Loss,
        class_weights: Some(vec![1.0, 2.0, 0.5]),
        freeze: vec![
            Freeze { layers: "bn".into(), epochs: Some(1) },
            Freeze { layers: "conv".into(), epochs: Some(2) },
        ],
        ..options(Keep::Best)
    };
    let optimizer = Lookahead::new(adamw(), LookaheadOptions { steps: 2, alpha: 0.5 }).unwrap();
    let schedule =
        Warmup::epochs(0.5, Plateau { patience: 0, threshold: 0.5, factor: 0.5, ..Plateau::default() });
    Trainer::new(options).unwrap().optimizer(optimizer).schedule(schedule).validate_on(validation)
}

#[test]
fn a_run_stopped_after_any_batch_goes_on_with_the_next() {
    let (train, validation) = (training(), validation());
    let plain = |validation| trainer(sgd, Keep::Last, validation);
    type Make<'m> = &'m dyn Fn(&'static Loader) -> Trainer<'static>;
    let kinds: [(Make<'_>, [usize; 4]); 2] = [(&plain, [1, 3, 4, 5]), (&with_everything, [2, 4, 5, 5])];
    let validation: &'static Loader = Box::leak(Box::new(validation));
    for (make, batches) in kinds {
        let mut whole = Net::new(1);
        let expected = make(validation).fit(&mut whole, &train).unwrap();
        assert_eq!(expected.epochs.len(), 4);
        for (epoch, batch) in (1..=4).zip(batches) {
            let folder = tempfile::tempdir().unwrap();
            let checkpoints = CheckpointFolder::new(folder.path());
            let stopped = make(validation).checkpoints(checkpoints.clone()).callback(StopAt { epoch, batch });
            let history = stopped.fit(&mut Net::new(1), &train).unwrap();
            assert_eq!((history.epochs.len(), history.ending), (epoch - 1, Ending::Stopped));
            let mut resumed = Net::new(99);
            let trainer = make(validation).resume_from(&checkpoints.last()).unwrap();
            let history = trainer.fit(&mut resumed, &train).unwrap();
            assert_eq!(figures(&history), figures(&expected), "after batch {batch} of epoch {epoch}");
            assert_eq!(file(&resumed), file(&whole), "after batch {batch} of epoch {epoch}");
        }
    }
}

/// Reads the checkpoint after every batch, as a kill at that instant would leave it.
struct CopyEach<'a> {
    from: &'a CheckpointFolder,
    copies: Vec<Vec<u8>>,
}

impl Callback for CopyEach<'_> {
    fn on_batch(&mut self, _: &BatchEvent) -> Result<Flow, CallbackError> {
        self.copies.push(std::fs::read(self.from.last())?);
        Ok(Flow::Continue)
    }
}

#[test]
fn a_checkpoint_may_be_written_after_every_step_and_each_leads_to_the_same_end() {
    let (train, validation) = (training(), validation());
    let mut whole = Net::new(1);
    trainer(adamw, Keep::Best, &validation).fit(&mut whole, &train).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = CheckpointFolder::new(folder.path());
    let mut copy = CopyEach { from: &checkpoints, copies: Vec::new() };
    let run = trainer(adamw, Keep::Best, &validation).checkpoints(checkpoints.clone());
    let run = run.checkpoint_every(Duration::ZERO).callback(&mut copy);
    run.fit(&mut Net::new(1), &train).unwrap();
    assert_eq!(copy.copies.len(), 20);
    let path = folder.path().join("copy.safetensors");
    let mut places = std::collections::BTreeSet::new();
    for bytes in &copy.copies {
        std::fs::write(&path, bytes).unwrap();
        places.insert(Checkpoint::read(&path).unwrap().position.batch);
        let mut resumed = Net::new(99);
        let run = trainer(adamw, Keep::Best, &validation).resume_from(&path).unwrap();
        run.fit(&mut resumed, &train).unwrap();
        assert_eq!(file(&resumed), file(&whole));
    }
    assert!(places.into_iter().eq(0..20));
}

#[test]
fn a_run_may_be_made_longer_and_its_schedule_goes_by_the_new_length() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoint_of_two_epochs(folder.path());
    let (train, validation) = (training(), validation());
    let longer = |epochs| {
        let trainer = Trainer::new(TrainerOptions { epochs, ..options(Keep::Last) }).unwrap();
        trainer.optimizer(sgd()).schedule(OneCycle::default()).validate_on(&validation)
    };
    let trainer = longer(6).extend_from(&checkpoints.last()).unwrap();
    let history = trainer.fit(&mut Net::new(99), &train).unwrap();
    assert_eq!(history.epochs.len(), 6);
    let mut whole = Vec::new();
    let records = longer(6).fit(&mut Net::new(1), &train).unwrap().epochs;
    records.iter().for_each(|record| whole.push(record.learning_rate));
    let met: Vec<f64> = history.epochs.iter().map(|record| record.learning_rate).collect();
    assert_eq!(met[2..], whole[2..]);
    assert_ne!(met[..2], whole[..2]);
    // Shorter, or otherwise different, is refused as ever.
    let text = longer(3).extend_from(&checkpoints.last()).unwrap().fit(&mut Net::new(1), &train).unwrap_err();
    assert!(text.to_string().contains("epochs 4 (now 3)"), "{text}");
}

#[test]
fn a_loader_that_draws_in_another_order_does_not_go_on_in_the_middle_of_an_epoch() {
    let (train, validation) = (training(), validation());
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = CheckpointFolder::new(folder.path());
    let stopped = trainer(sgd, Keep::Last, &validation).checkpoints(checkpoints.clone());
    stopped.callback(StopAt { epoch: 2, batch: 3 }).fit(&mut Net::new(1), &train).unwrap();
    let other = Loader::new(samples(75, 1), Shuffled::new(2), preprocessing()).batch_size(16);
    let text = refusal(&checkpoints.last(), trainer(sgd, Keep::Last, &validation), &other);
    assert!(text.contains("another order"), "{text}");
}

#[test]
fn a_run_that_goes_on_from_the_one_before_a_damaged_checkpoint_never_loses_it() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoint_of_two_epochs(folder.path());
    std::fs::write(checkpoints.last(), b"damaged").unwrap();
    let (train, validation) = (training(), validation());
    let resumed = trainer(sgd, Keep::Last, &validation).resume_from(&checkpoints.latest().unwrap()).unwrap();
    let resumed = resumed.checkpoints(checkpoints.clone()).callback(StopAfter(2));
    resumed.fit(&mut Net::new(99), &train).unwrap();
    let epoch = |path: &Path| Checkpoint::read(path).unwrap().position.epoch;
    assert_eq!((epoch(&checkpoints.last()), epoch(&checkpoints.previous())), (2, 1));
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
