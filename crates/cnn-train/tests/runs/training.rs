//! What a run does: it learns, it is the same on any number of threads, it stops when it should, it leaves its
//! folder.

use crate::common::{Net, preprocessing, samples, training, validation};
use crate::file;
use cnn_data::{Dataset, LastBatch, Loader, Sequential};
use cnn_layers::{Ctx, Forward, Layer, Var};
use cnn_tensor::parallel;
use cnn_train::optim::{Sgd, SgdOptions};
use cnn_train::schedule::{Progress, Schedule};
use cnn_train::{
    BatchEvent, Callback, CallbackError, Checkpoint, Ending, Error, Flow, Keep, LastGood, NotFinite, RunDir,
    Trainer, TrainerOptions, evaluate,
};

fn options(epochs: usize, learning_rate: f64) -> TrainerOptions {
    TrainerOptions { epochs, learning_rate, seed: 1, ..TrainerOptions::default() }
}

fn trainer<'a>(epochs: usize) -> Trainer<'a> {
    Trainer::new(options(epochs, 0.01)).unwrap()
}

#[test]
fn a_small_network_learns_and_its_evaluation_agrees_with_the_history() {
    let (train, validation) = (training(), validation());
    let mut net = Net::new(1);
    let history = trainer(6).validate_on(&validation).fit(&mut net, &train).unwrap();
    let last = history.last().unwrap().validation.unwrap();
    assert!(last.accuracy >= 0.9, "{history:?}");
    let evaluation = evaluate(&net, &validation).unwrap();
    assert_eq!((evaluation.accuracy(), evaluation.loss), (last.accuracy, last.loss));
    assert_eq!(evaluation.images(), 30);
    assert_eq!(evaluation.confusion.correct(), evaluation.correct() as u64);
    assert_eq!(
        evaluation.predictions.iter().map(|p| p.index).collect::<Vec<_>>(),
        (0..30).collect::<Vec<_>>()
    );
    assert!(
        evaluation.predictions.iter().all(|p| p.label == p.index % 3 && p.probability > 1.0 / 3.0 - 1e-6)
    );
}

#[test]
fn an_evaluation_does_not_depend_on_the_batch_size() {
    let net = Net::new(3);
    let with = |size| evaluate(&net, &validation().batch_size(size)).unwrap();
    let (one, all) = (with(1), with(30));
    assert_eq!(one.predictions, all.predictions);
    assert!((one.loss - all.loss).abs() < 1e-6);
}

#[test]
fn the_weights_have_the_same_bits_with_one_and_with_two_threads() {
    // Wide enough that the work is really split.
    let train = Loader::new(samples(64, 1), Sequential, preprocessing()).batch_size(64);
    let fit = |threads| {
        let mut net = Net::new(1);
        let before = parallel::splits();
        parallel::with_threads(threads, || trainer(2).fit(&mut net, &train)).unwrap().unwrap();
        (file(&net), parallel::splits() - before)
    };
    let ((one, _), (two, splits)) = (fit(1), fit(2));
    assert!(splits > 0, "the work was never split");
    assert_eq!(one, two);
}

#[test]
fn arguments_without_meaning_are_refused_before_the_first_step() {
    let argument = |options: TrainerOptions| match Trainer::new(options) {
        Err(Error::Argument { name, .. }) => name,
        _ => panic!("accepted"),
    };
    assert_eq!(argument(options(0, 0.1)), "epochs");
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(argument(options(1, rate)), "learning-rate");
    }
    assert_eq!(argument(TrainerOptions { label_smoothing: 1.0, ..options(1, 0.1) }), "label-smoothing");

    let fit =
        |trainer: Trainer<'_>, train: &Loader| trainer.fit(&mut Net::new(1), train).unwrap_err().to_string();
    let text = fit(trainer(1), &training().batch_size(0));
    assert!(text.contains("batch size is 0"), "{text}");
    let text = fit(trainer(1), &training().batch_size(100).last_batch(LastBatch::Drop));
    assert!(text.contains("training batches is 0"), "{text}");
    let best = Trainer::new(TrainerOptions { keep: Keep::Best, ..options(1, 0.1) }).unwrap();
    let text = fit(best, &training());
    assert!(text.contains("keep is best"), "{text}");
}

/// A rate so large that one of the first losses cannot be finite.
fn broken_loss() -> Trainer<'static> {
    let plain = Sgd::new(SgdOptions::default()).unwrap();
    Trainer::new(options(3, 1e38)).unwrap().optimizer(plain)
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let error = broken_loss().checkpoints(run.checkpoints()).fit(&mut Net::new(1), &training()).unwrap_err();
    let Error::NotFinite { epoch: 1, what: NotFinite::Loss { batch, .. }, ref kept, .. } = error else {
        panic!("{error}")
    };
    assert!((2..=4).contains(&batch), "{error}");
    assert_eq!(*kept, LastGood::Checkpoint(run.checkpoints().last()));
    let text = error.to_string();
    assert!(text.contains(&format!("epoch 1, batch {batch}")) && text.contains("learning rate"), "{text}");
    assert!(text.contains("last.safetensors"), "{text}");
    // The state before the first epoch is there, and good.
    assert_eq!(Checkpoint::read(&run.checkpoints().last()).unwrap().position.epoch, 0);
}

/// A rate so large that the one step of the epoch ruins the weights, which no loss of the epoch shows.
#[test]
fn weights_that_are_not_finite_after_an_epoch_reach_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let momentum = SgdOptions { momentum: 0.9, weight_decay: 1e3, ..SgdOptions::default() };
    let trainer = Trainer::new(options(3, 1e38)).unwrap().optimizer(Sgd::new(momentum).unwrap());
    let one_batch = training().batch_size(75);
    let error = trainer.checkpoints(run.checkpoints()).fit(&mut Net::new(1), &one_batch).unwrap_err();
    assert!(matches!(error, Error::NotFinite { epoch: 1, what: NotFinite::Weight { .. }, .. }), "{error}");
    assert_eq!(Checkpoint::read(&run.checkpoints().last()).unwrap().position.epoch, 0);
}

#[test]
fn a_schedule_of_the_users_own_that_gives_no_rate_is_an_error() {
    #[derive(Debug)]
    struct Wrong;
    impl Schedule for Wrong {
        fn rate(&self, base: f64, at: Progress) -> f64 {
            if at.step == 3 { f64::NAN } else { base }
        }
    }
    let text = trainer(1).schedule(Wrong).fit(&mut Net::new(1), &training()).unwrap_err().to_string();
    assert!(text.contains("NaN at step 3"), "{text}");
}

/// Counts batches, and stops after so many.
struct Count {
    batches: usize,
    stop_after: usize,
}

impl Callback for Count {
    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        self.batches += 1;
        assert!(event.mean_loss.is_finite() && event.images_per_second > 0.0 && event.images <= 75);
        Ok(if self.batches == self.stop_after { Flow::Stop } else { Flow::Continue })
    }
}

#[test]
fn a_callback_sees_every_batch_and_may_stop_the_run_in_the_middle_of_an_epoch() {
    let mut count = Count { batches: 0, stop_after: 7 };
    let history = trainer(3).callback(&mut count).fit(&mut Net::new(1), &training()).unwrap();
    assert_eq!((count.batches, history.epochs.len(), history.ending), (7, 1, Ending::Stopped));
}

#[test]
fn an_error_of_a_callback_ends_the_run_and_reaches_the_caller() {
    struct Full;
    impl Callback for Full {
        fn on_batch(&mut self, _event: &BatchEvent) -> Result<Flow, CallbackError> {
            Err("the disk is full".into())
        }
    }
    let error = trainer(1).callback(Full).fit(&mut Net::new(1), &training()).unwrap_err();
    assert_eq!(error.to_string(), "callback: the disk is full");
}

#[test]
fn a_network_with_two_parameters_of_one_path_is_refused_before_the_first_batch() {
    #[derive(Layer)]
    struct Twice {
        net: Net,
        #[layer(rename = "net")]
        other: Net,
    }
    impl Forward for Twice {
        fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
            self.other.forward(self.net.call(x, cx)?, cx)
        }
    }
    let mut count = Count { batches: 0, stop_after: 0 };
    let mut twice = Twice { net: Net::new(1), other: Net::new(2) };
    let text = trainer(1).callback(&mut count).fit(&mut twice, &training()).unwrap_err().to_string();
    assert!(text.contains("net.conv.weight") && count.batches == 0, "{text}");
}

#[test]
fn labels_that_the_network_does_not_have_are_an_error_that_names_them() {
    struct Relabelled(cnn_data::InMemory);
    impl Dataset for Relabelled {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn get(&self, index: usize) -> cnn_data::Result<cnn_data::Sample> {
            let image = self.0.get(index)?.image;
            Ok(cnn_data::Sample::new(image, cnn_data::Target::Class(12)))
        }
    }
    let loader = Loader::new(Relabelled(samples(8, 1)), Sequential, preprocessing());
    let text = evaluate(&Net::new(1), &loader).unwrap_err().to_string();
    assert!(text.contains("12"), "{text}");
}

#[test]
fn a_run_leaves_its_metrics_and_its_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let (train, validation) = (training(), validation());
    let trainer = trainer(2).validate_on(&validation).callback(run.metrics()).checkpoints(run.checkpoints());
    trainer.fit(&mut Net::new(1), &train).unwrap();
    let metrics = std::fs::read_to_string(run.path().join("metrics.csv")).unwrap();
    let rows: Vec<_> = metrics.lines().collect();
    assert!(rows.len() == 3 && rows[0].starts_with("epoch,") && rows[2].starts_with("2,"), "{metrics}");
    let mut names: Vec<_> = std::fs::read_dir(run.path().join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["last.prev.safetensors", "last.safetensors"]);
}
