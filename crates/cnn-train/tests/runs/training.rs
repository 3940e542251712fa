//! What a run does: it learns, it is the same on any number of threads, it stops when it should, it leaves its
//! folder.

use crate::common::{Net, preprocessing, samples, training, validation};
use crate::file;
use cnn_data::{Dataset, LastBatch, Loader, Sequential, Shuffled};
use cnn_layers::{Ctx, Dense, Forward, Layer, Var, named_buffers, named_parameters};
use cnn_tensor::parallel;
use cnn_train::optim::{Sgd, SgdOptions};
use cnn_train::schedule::{Progress, Schedule};
use cnn_train::{
    BatchEvent, BestBy, Callback, CallbackError, Checkpoint, Ending, Error, Flow, Freeze, Keep, LastGood,
    NotFinite, OnNonFinite, RunDir, Trainer, TrainerOptions, evaluate,
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
        fn rate(&self, base: f64, at: Progress<'_>) -> f64 {
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
        assert!(!event.waited.is_zero() && event.waited <= event.elapsed, "{event:?}");
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

#[test]
fn batches_that_are_accumulated_are_one_batch() {
    let one = |batch, accumulate| {
        let train = Loader::new(samples(60, 1), Shuffled::new(1), preprocessing()).batch_size(batch);
        let options = TrainerOptions { accumulate, ..options(2, 0.05) };
        let mut net = Linear::new();
        let trainer = Trainer::new(options).unwrap().optimizer(Sgd::new(SgdOptions::default()).unwrap());
        let history = trainer.fit(&mut net, &train).unwrap();
        (net.fc.weight().value().to_vec::<f32>().unwrap(), history.epochs[1].train_loss)
    };
    let (whole, loss) = one(20, 1);
    // Groups of unequal batches too: 8, 8 and 4 of the last group.
    for (batch, accumulate) in [(10, 2), (20, 1), (5, 4), (4, 5)] {
        let (parts, part_loss) = one(batch, accumulate);
        let off = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            off < 1e-6 && (loss - part_loss).abs() < 1e-6,
            "{batch} times {accumulate}: {off}, {part_loss}"
        );
    }
}

/// Nothing that depends on the batch.
#[derive(Debug, Layer)]
struct Linear {
    fc: Dense,
}

impl Linear {
    fn new() -> Self {
        Self { fc: Dense::new(64, 3, cnn_layers::Key::new(1)).unwrap() }
    }
}

impl Forward for Linear {
    fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
        self.fc.call(x.flatten()?, cx)
    }
}

#[test]
fn a_run_without_patience_ends_when_its_validation_gets_no_better() {
    let (train, validation) = (training(), validation());
    let options = TrainerOptions { patience: Some(2), best_by: BestBy::Loss, ..options(200, 0.03) };
    let history = Trainer::new(options.clone())
        .unwrap()
        .validate_on(&validation)
        .fit(&mut Net::new(1), &train)
        .unwrap();
    assert_eq!(history.ending, Ending::OutOfPatience);
    assert_eq!(history.epochs.len(), history.best().unwrap().epoch + 2);
    let text = Trainer::new(options).unwrap().fit(&mut Net::new(1), &train).unwrap_err().to_string();
    assert!(text.starts_with("patience is 2, expected none, or validation images"), "{text}");
}

#[test]
fn the_average_of_the_weights_is_what_is_validated_kept_and_returned() {
    let (train, validation) = (training(), validation());
    let run = |ema_decay| {
        let mut net = Net::new(1);
        let options = TrainerOptions { ema_decay, ..options(3, 0.01) };
        let history = Trainer::new(options).unwrap().validate_on(&validation).fit(&mut net, &train).unwrap();
        (evaluate(&net, &validation).unwrap().loss, history.last().unwrap().validation.unwrap().loss, history)
    };
    let (loss, validated, with) = run(Some(0.9));
    assert_eq!(loss, validated);
    let (_, _, without) = run(None);
    // The weights that are trained do not depend on their average.
    assert_eq!(with.last().unwrap().train_loss, without.last().unwrap().train_loss);
    assert_ne!(with.last().unwrap().validation, without.last().unwrap().validation);
}

/// Makes the loss of one batch of the run NaN, by its number, in the model itself.
#[derive(Debug, Layer)]
struct Poisoned {
    net: Net,
    #[layer(skip)]
    calls: std::sync::atomic::AtomicUsize,
    #[layer(skip)]
    at: std::ops::Range<usize>,
}

impl Poisoned {
    fn new(at: std::ops::Range<usize>) -> Self {
        Self { net: Net::new(1), calls: Default::default(), at }
    }
}

impl Forward for Poisoned {
    fn forward(&self, x: Var, cx: &mut Ctx) -> cnn_layers::Result<Var> {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let y = self.net.call(x, cx)?;
        if self.at.contains(&call) { y.scale(f64::NAN).map_err(Into::into) } else { Ok(y) }
    }
}

#[test]
fn a_step_that_is_not_finite_is_left_out_where_that_is_asked_for() {
    let run = |on_nonfinite, at| {
        let options = TrainerOptions { on_nonfinite, ..options(1, 0.01) };
        Trainer::new(options).unwrap().fit(&mut Poisoned::new(at), &training())
    };
    let text = run(OnNonFinite::Stop, 2..99).unwrap_err().to_string();
    assert!(text.contains("batch 3") && text.contains("NaN"), "{text}");
    let history = run(OnNonFinite::Skip, 2..3).unwrap();
    assert!(history.epochs[0].train_loss.is_finite());
    assert_eq!(history.ending, Ending::Completed);
    let text = run(OnNonFinite::Rollback, 2..3).unwrap_err().to_string();
    assert!(text.contains("a folder for checkpoints"), "{text}");
}

#[test]
fn a_run_goes_back_to_its_last_checkpoint_and_on_at_half_the_rate_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let options = TrainerOptions { on_nonfinite: OnNonFinite::Rollback, ..options(2, 0.01) };
    let trainer = || Trainer::new(options.clone()).unwrap();
    // In the second epoch, once.
    let mut net = Poisoned::new(7..8);
    let history = trainer().checkpoints(run.checkpoints()).fit(&mut net, &training()).unwrap();
    let rates: Vec<f64> = history.epochs.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, [0.01, 0.005]);
    // For ever: it gives up.
    let run = RunDir::create(folder.path().join("other")).unwrap();
    let mut net = Poisoned::new(3..usize::MAX);
    let error = trainer().checkpoints(run.checkpoints()).fit(&mut net, &training()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { epoch: 1, .. }), "{error}");
}

/// The bits of every parameter and buffer whose path begins so.
fn bits(net: &Net, layer: &str) -> Vec<u8> {
    let parameters = named_parameters(net).into_iter().map(|(path, parameter)| (path, parameter.value()));
    let all = parameters.chain(named_buffers(net)).filter(|(path, _)| path.starts_with(layer));
    all.flat_map(|(_, tensor)| match tensor.as_slice::<f32>() {
        Ok(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>(),
        Err(_) => tensor.as_slice::<i64>().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect(),
    })
    .collect()
}

#[test]
fn frozen_layers_and_their_batch_norms_keep_every_bit_until_they_are_freed() {
    let train = training();
    let freeze =
        vec![Freeze { layers: "conv".into(), epochs: None }, Freeze { layers: "bn".into(), epochs: Some(1) }];
    let run = |epochs| {
        let mut net = Net::new(1);
        let options = TrainerOptions { freeze: freeze.clone(), ..options(epochs, 0.01) };
        Trainer::new(options).unwrap().fit(&mut net, &train).unwrap();
        net
    };
    let (before, one, two) = (Net::new(1), run(1), run(2));
    assert_eq!(bits(&before, "conv"), bits(&two, "conv"));
    assert_eq!(bits(&before, "bn"), bits(&one, "bn"));
    assert_ne!(bits(&before, "bn"), bits(&two, "bn"));
    assert_ne!(bits(&before, "fc"), bits(&one, "fc"));

    let unknown = vec![Freeze { layers: "layer1".into(), epochs: None }];
    let options = TrainerOptions { freeze: unknown, ..options(1, 0.01) };
    let error = Trainer::new(options).unwrap().fit(&mut Net::new(1), &train).unwrap_err();
    assert!(error.to_string().contains("layer1") && error.to_string().contains("conv.weight"), "{error}");
}

#[test]
fn class_weights_count_in_the_loss_that_is_trained_by() {
    let train = Loader::new(samples(30, 1), Sequential, preprocessing()).batch_size(30);
    let loss = |weights: Option<Vec<f64>>| {
        let options = TrainerOptions { class_weights: weights, ..options(1, 0.01) };
        Trainer::new(options).unwrap().fit(&mut Net::new(1), &train).unwrap().epochs[0].train_loss
    };
    let plain = loss(None);
    assert!((loss(Some(vec![2.0; 3])) - plain).abs() < 1e-6);
    let one_class = [0, 1, 2].map(|class| {
        let weights = (0..3).map(|other| if other == class { 1.0 } else { 1e-9 }).collect();
        loss(Some(weights))
    });
    // Ten images of each class: the mean over all is the mean of the classes' means.
    assert!((one_class.iter().sum::<f64>() / 3.0 - plain).abs() < 1e-5, "{one_class:?} {plain}");
    let error = Trainer::new(TrainerOptions { class_weights: Some(vec![1.0, 0.0]), ..options(1, 0.01) });
    assert!(error.err().unwrap().to_string().starts_with("class-weights is 0"));
}
