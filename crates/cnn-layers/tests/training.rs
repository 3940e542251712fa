//! Layers in training: statistics, fusion, gradients in `f64`, and what a step costs in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_layers::{
    Affine, BatchNorm1d, BatchNorm2d, Bias, Conv2d, CrossEntropy, Ctx, Dense, Dropout, Error, FileLayout,
    Forward, GroupNorm, InstanceNorm1d, InstanceNorm2d, Key, Layer, Mode, Momentum, Parameter, Recording,
    Relu, Result, Sequential, StateDict, Strictness, Tracking, Trainable, Var, fold_statistics,
    for_each_parameter_mut, gradcheck, init, named_parameters, parameter_count, set_trainable,
};
use cnn_tensor::ops::update::{self, Descent};
use cnn_tensor::testing::same_bits;
use cnn_tensor::{DType, Tensor, ops::reduce::max_abs_difference, parallel, pool};

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A residual block whose batch norm is used in two places.
#[derive(Layer, Clone)]
struct Net {
    conv1: Conv2d,
    bn: BatchNorm2d,
    conv2: Conv2d,
    drop: Dropout,
    fc: Dense,
}

impl Net {
    fn new(key: Key) -> Result<Self> {
        let conv = |inputs, key| Conv2d::builder(inputs, 4, 3).padding(1).bias(Bias::Without).build(key);
        Ok(Self {
            conv1: conv(2, key.fold(1))?,
            bn: BatchNorm2d::new(4)?,
            conv2: conv(4, key.fold(2))?,
            drop: Dropout::new(0.1)?,
            fc: Dense::new(4, 3, key.fold(3))?,
        })
    }
}

impl Forward for Net {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv1.call(x, cx)?;
        let x = self.bn.call_act(x, Relu, cx)?;
        let identity = x.clone();
        let x = self.conv2.call(x, cx)?;
        let x = self.bn.call_add_act(x, identity, Relu, cx)?;
        let x = self.drop.call(x.global_average_pool2d()?.flatten()?, cx)?;
        self.fc.call(x, cx)
    }
}

fn images(seed: u64) -> Tensor {
    init::normal(&[6, 5, 4, 2], 1.0, Key::new(seed)).unwrap()
}

fn labels() -> Tensor {
    Tensor::from_slice(&[6], &[0i64, 1, 2, 0, 1, 2]).unwrap()
}

fn train(net: &mut Net, step: u64) -> f64 {
    let mut cx = Ctx::training(Key::new(1).fold(step));
    let x = cx.input(images(step % 2));
    let logits = net.call(x, &mut cx).unwrap();
    let loss = CrossEntropy::new().loss(logits, &labels()).unwrap();
    let value = loss.value().item().unwrap();
    let mut step = cx.backward(loss).unwrap();
    let options = Descent { lr: 0.05, weight_decay: 0.0 };
    for_each_parameter_mut(net, |path, parameter| {
        let gradient =
            step.gradients.take(parameter.id()).unwrap_or_else(|| panic!("{path} has no gradient"));
        update::apply(&options, parameter.value_mut(), &gradient, []).unwrap();
    });
    fold_statistics(net, &step.statistics).unwrap();
    value
}

#[test]
fn a_training_step_copies_nothing_on_write_and_soon_asks_the_system_for_nothing() {
    let _turn = turn();
    // One thread: how many hold scratch at one time, and so what a later step asks for, is a matter of when they come.
    let (first, before, last, after) = parallel::with_threads(1, || {
        let mut net = Net::new(Key::new(3)).unwrap();
        let first = train(&mut net, 0);
        train(&mut net, 1);
        let before = pool::stats();
        let mut last = first;
        for step in 2..20 {
            last = train(&mut net, step);
        }
        (first, before, last, pool::stats())
    })
    .unwrap();
    assert_eq!(after.copies_on_write, before.copies_on_write);
    assert_eq!(after.live_bytes, before.live_bytes);
    assert_eq!(after.system_allocations, before.system_allocations);
    assert!(last < first, "the loss went from {first} to {last}");
}

#[test]
fn a_batch_norm_in_two_places_folds_twice_in_order() {
    let _turn = turn();
    let mut norm = BatchNorm2d::new(1).unwrap();
    let mut cx = Ctx::training(Key::new(1));
    let batch = |values: &[f32]| Var::constant(Tensor::from_slice(&[values.len(), 1, 1, 1], values).unwrap());
    norm.call(batch(&[1.0, 3.0]), &mut cx).unwrap();
    norm.call(batch(&[10.0, 14.0]), &mut cx).unwrap();
    let step = cx.finish();
    assert_eq!(step.statistics.len(), 2);
    assert_eq!(step.statistics[0].count, 2);
    // Nothing enters the running values before the step is applied.
    assert_eq!(norm.running_mean().unwrap().item().unwrap(), 0.0);
    fold_statistics(&mut norm, &step.statistics).unwrap();
    // Mean 0 -> 0.1 * 2 -> 0.9 * 0.2 + 0.1 * 12; variance 1 -> 0.9 + 0.1 * 2 -> 0.9 * 1.1 + 0.1 * 8.
    assert!((norm.running_mean().unwrap().item().unwrap() - 1.38).abs() < 1e-6);
    assert!((norm.running_var().unwrap().item().unwrap() - 1.79).abs() < 1e-6);
    assert_eq!(norm.num_batches_tracked().unwrap(), 2);
}

#[test]
fn cumulative_momentum_is_the_mean_of_all_batches() {
    let _turn = turn();
    let mut norm = BatchNorm2d::builder(1).momentum(Momentum::Cumulative).build().unwrap();
    for batch in [[1.0f32, 3.0], [5.0, 7.0], [9.0, 17.0]] {
        let mut cx = Ctx::training(Key::new(1));
        norm.call(Var::constant(Tensor::from_slice(&[2, 1, 1, 1], &batch).unwrap()), &mut cx).unwrap();
        fold_statistics(&mut norm, &cx.finish().statistics).unwrap();
    }
    assert!((norm.running_mean().unwrap().item().unwrap() - 7.0).abs() < 1e-5);
    assert!((norm.running_var().unwrap().item().unwrap() - 12.0).abs() < 1e-5);
}

#[test]
fn an_empty_batch_is_counted_and_moves_no_statistics() {
    let _turn = turn();
    // As torch.nn.BatchNorm2d(3)(torch.zeros(0, 3, 2, 2)) does.
    for momentum in [Momentum::Exponential(0.1), Momentum::Cumulative] {
        let mut norm = BatchNorm2d::builder(3).momentum(momentum).build().unwrap();
        let mut cx = Ctx::training(Key::new(1));
        let x = cx.variable(Tensor::zeros(&[0, 2, 2, 3], DType::F32).unwrap());
        let y = norm.call_act(x.clone(), Relu, &mut cx).unwrap();
        assert_eq!(y.shape(), [0, 2, 2, 3]);
        let step = cx.backward(y.sum().unwrap()).unwrap();
        assert_eq!(step.gradients.of(&x).unwrap().shape(), [0, 2, 2, 3]);
        for (name, parameter) in named_parameters(&norm) {
            let gradient = step.gradients.get(parameter.id()).unwrap();
            assert_eq!(gradient.to_vec::<f32>().unwrap(), [0.0; 3], "{name}");
        }
        fold_statistics(&mut norm, &step.statistics).unwrap();
        assert_eq!(norm.running_mean().unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
        assert_eq!(norm.running_var().unwrap().to_vec::<f32>().unwrap(), [1.0; 3]);
        assert_eq!(norm.num_batches_tracked().unwrap(), 1);
    }
}

#[test]
fn statistics_that_cannot_be_are_refused_with_the_path_of_the_layer() {
    let _turn = turn();
    let one = |shape: &[usize]| Var::constant(Tensor::full(shape, 1.0, DType::F32).unwrap());
    let refused = |layer: &dyn Forward, shape: &[usize], mode| {
        let mut cx = Ctx::new(Recording::Gradients, mode, Key::new(1));
        let result = cx.scope("head.norm", |cx| layer.call(one(shape), cx));
        result.unwrap_err().to_string()
    };
    let message = refused(&BatchNorm1d::new(3).unwrap(), &[1, 3], Mode::Train);
    assert_eq!(
        message,
        "head.norm: batch_norm: input [1, 3] has one value per channel, training needs 2 or more"
    );
    let untracked = BatchNorm1d::builder(3).tracking(Tracking::Without).build().unwrap();
    assert!(refused(&untracked, &[1, 1, 3], Mode::Eval).contains("one value per channel"));
    let message = refused(&InstanceNorm2d::new(3).unwrap(), &[5, 1, 1, 3], Mode::Eval);
    assert!(message.starts_with("head.norm: instance_norm: input [5, 1, 1, 3] has one value"), "{message}");
    let plain = BatchNorm1d::builder(3).affine(Affine::Without).tracking(Tracking::Without).build().unwrap();
    let message = refused(&plain, &[2, 5], Mode::Train);
    assert_eq!(message, "head.norm: batch_norm: input [2, 5] should be [batch, .., 3]");
    let message = refused(&BatchNorm2d::new(3).unwrap(), &[4, 3], Mode::Train);
    assert!(message.contains("should be [batch, height, width, channels]"), "{message}");
    let message =
        refused(&GroupNorm::builder(1, 6).affine(Affine::Without).build().unwrap(), &[4, 3], Mode::Train);
    assert_eq!(message, "head.norm: group_norm: input [4, 3] should be [batch, .., 6]");
}

#[test]
fn running_statistics_of_instances_are_means_over_the_batch() {
    let _turn = turn();
    let mut norm = InstanceNorm1d::builder(1)
        .tracking(Tracking::With)
        .momentum(Momentum::Exponential(0.5))
        .build()
        .unwrap();
    let batch = Tensor::from_slice(&[2, 2, 1], &[1.0f32, 3.0, 10.0, 16.0]).unwrap();
    let mut cx = Ctx::training(Key::new(1));
    norm.call(Var::constant(batch.clone()), &mut cx).unwrap();
    norm.call(Var::constant(batch.narrow(0..0).unwrap()), &mut cx).unwrap();
    norm.call(Var::constant(Tensor::zeros(&[2, 0, 1], DType::F32).unwrap()), &mut cx).unwrap();
    let step = cx.finish();
    let counts: Vec<usize> = step.statistics.iter().map(|batch| batch.count).collect();
    assert_eq!(counts, [2, 0, 0]);
    fold_statistics(&mut norm, &step.statistics).unwrap();
    // Means 2 and 13, unbiased variances 2 and 18.
    assert!((norm.running_mean().unwrap().item().unwrap() - 3.75).abs() < 1e-6);
    assert!((norm.running_var().unwrap().item().unwrap() - 5.5).abs() < 1e-4);
    let mut cx = Ctx::inference();
    let output = norm.call(Var::constant(batch), &mut cx).unwrap();
    let expected = (1.0 - 3.75) / (5.5f64 + 1e-5).sqrt();
    assert!((output.value().to_f64_vec().unwrap()[0] - expected).abs() < 1e-4);
}

/// As torch.nn.BatchNorm1d(1, momentum=None) does after an empty batch and one of 4 and 6.
#[test]
fn an_empty_batch_has_the_same_weight_in_the_mean_of_batches_and_of_instances() {
    let _turn = turn();
    let batches = || {
        let batch = Tensor::from_slice(&[1, 2, 1], &[4.0f32, 6.0]).unwrap();
        [batch.narrow(0..0).unwrap(), batch].map(Var::constant)
    };
    let mut of_batches = BatchNorm1d::builder(1).momentum(Momentum::Cumulative).build().unwrap();
    let builder = InstanceNorm1d::builder(1).tracking(Tracking::With).momentum(Momentum::Cumulative);
    let mut of_instances = builder.build().unwrap();
    for batch in batches() {
        let mut cx = Ctx::training(Key::new(1));
        of_batches.call(batch.clone(), &mut cx).unwrap();
        fold_statistics(&mut of_batches, &cx.finish().statistics).unwrap();
        let mut cx = Ctx::training(Key::new(1));
        of_instances.call(batch, &mut cx).unwrap();
        fold_statistics(&mut of_instances, &cx.finish().statistics).unwrap();
    }
    let statistics = [
        (of_batches.running_mean(), of_batches.running_var()),
        (of_instances.running_mean(), of_instances.running_var()),
    ];
    for (mean, variance) in statistics {
        assert!((mean.unwrap().item().unwrap() - 2.5).abs() < 1e-6, "{mean:?}");
        assert!((variance.unwrap().item().unwrap() - 1.5).abs() < 1e-4, "{variance:?}");
    }
}

/// As torch.nn.InstanceNorm1d(4)(torch.zeros(2, 4, 0)) does.
#[test]
fn sequences_of_no_length_are_normalised_to_nothing() {
    let _turn = turn();
    let norm = InstanceNorm1d::builder(4).affine(Affine::With).build().unwrap();
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::zeros(&[2, 0, 4], DType::F32).unwrap());
    let y = norm.call(x.clone(), &mut cx).unwrap();
    assert_eq!(y.shape(), [2, 0, 4]);
    let step = cx.backward(y.sum().unwrap()).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().shape(), [2, 0, 4]);
}

#[test]
fn a_count_of_batches_below_zero_is_refused() {
    let _turn = turn();
    let mut norm = BatchNorm1d::builder(1).momentum(Momentum::Cumulative).build().unwrap();
    let mut dict = StateDict::of(&norm).unwrap();
    dict.insert("num_batches_tracked", Tensor::scalar(-1i64).unwrap());
    dict.load_into(&mut norm, Strictness::Strict).unwrap();
    let mut cx = Ctx::training(Key::new(1));
    let batch = Var::constant(Tensor::from_slice(&[2, 1], &[1.0f32, 3.0]).unwrap());
    cx.scope("norm", |cx| norm.call(batch, cx)).unwrap();
    let error = fold_statistics(&mut norm, &cx.finish().statistics).unwrap_err().to_string();
    assert_eq!(error, "norm: num_batches_tracked is -1, expected 0 or more");
    assert!(norm.num_batches_tracked().is_err());
    assert_eq!(norm.running_mean().unwrap().item().unwrap(), 0.0);
}

#[test]
fn cumulative_statistics_of_instances_are_the_mean_of_all_batches() {
    let _turn = turn();
    let builder = InstanceNorm1d::builder(1).tracking(Tracking::With).momentum(Momentum::Cumulative);
    let mut norm = builder.build().unwrap();
    for batch in [[1.0f32, 3.0], [5.0, 7.0], [9.0, 17.0]] {
        let mut cx = Ctx::training(Key::new(1));
        norm.call(Var::constant(Tensor::from_slice(&[1, 2, 1], &batch).unwrap()), &mut cx).unwrap();
        fold_statistics(&mut norm, &cx.finish().statistics).unwrap();
    }
    assert!((norm.running_mean().unwrap().item().unwrap() - 7.0).abs() < 1e-5);
    assert!((norm.running_var().unwrap().item().unwrap() - 12.0).abs() < 1e-4);
}

#[test]
fn micro_batches_count_once_each_and_foreign_statistics_are_refused() {
    let _turn = turn();
    let mut net = Net::new(Key::new(1)).unwrap();
    let pass = |net: &Net, seed| {
        let mut cx = Ctx::training(Key::new(1));
        let x = cx.input(images(seed));
        let loss = CrossEntropy::new().loss(net.call(x, &mut cx).unwrap(), &labels()).unwrap();
        cx.backward(loss).unwrap()
    };
    let mut step = pass(&net, 1);
    step.accumulate(pass(&net, 2)).unwrap();
    assert_eq!(step.gradients.len(), named_parameters(&net).len());
    let error = fold_statistics(&mut net.clone(), &step.statistics).unwrap_err();
    assert!(matches!(error, Error::ForeignStatistics { .. }), "a clone is another model: {error}");
    fold_statistics(&mut net, &step.statistics).unwrap();
    assert_eq!(net.bn.num_batches_tracked().unwrap(), 4);
}

#[test]
fn a_network_that_is_computed_again_counts_its_statistics_once() {
    let _turn = turn();
    let net = Net::new(Key::new(1)).unwrap();
    let pass = |again: bool| {
        let mut cx = Ctx::training(Key::new(1));
        let x = cx.input(images(1));
        let logits =
            if again { cx.recompute(|cx| net.call(x, cx)).unwrap() } else { net.call(x, &mut cx).unwrap() };
        let loss = CrossEntropy::new().loss(logits, &labels()).unwrap();
        cx.backward(loss).unwrap()
    };
    let (plain, again) = (pass(false), pass(true));
    assert_eq!((plain.statistics.len(), again.statistics.len()), (2, 2));
    for (a, b) in plain.statistics.iter().zip(&again.statistics) {
        assert!(same_bits(&a.mean, &b.mean) && same_bits(&a.unbiased_variance, &b.unbiased_variance));
    }
    for ((id, a), (_, b)) in plain.gradients.iter().zip(again.gradients.iter()) {
        assert!(same_bits(a, b), "{id:?}");
    }
}

#[test]
fn a_frozen_batch_norm_uses_running_statistics_while_the_rest_trains() {
    let _turn = turn();
    let mut net = Net::new(Key::new(1)).unwrap();
    net.bn.freeze();
    let frozen = set_trainable(&mut net, Trainable::No, |path| path.starts_with("conv1"));
    assert_eq!(frozen, 1);
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.input(images(1));
    let loss = CrossEntropy::new().loss(net.call(x, &mut cx).unwrap(), &labels()).unwrap();
    let step = cx.backward(loss).unwrap();
    assert!(step.statistics.is_empty());
    assert!(step.gradients.get(net.conv1.weight().id()).is_none());
    assert!(step.gradients.get(net.bn.weight().unwrap().id()).is_some());
    assert!(step.gradients.get(net.conv2.weight().id()).is_some());
}

#[test]
fn gradients_exist_in_eval_mode_and_dropout_follows_the_mode() {
    let _turn = turn();
    let net = Net::new(Key::new(1)).unwrap();
    let run = |mode, key| {
        let mut cx = Ctx::new(Recording::Gradients, mode, Key::new(key));
        let x = cx.variable(images(1));
        let logits = net.call(x.clone(), &mut cx).unwrap();
        let values = logits.value().clone();
        let step = cx.backward(logits.mean().unwrap()).unwrap();
        assert!(step.gradients.of(&x).is_some());
        values.to_vec::<f32>().unwrap()
    };
    assert_eq!(run(Mode::Eval, 1), run(Mode::Eval, 2));
    assert_eq!(run(Mode::Train, 1), run(Mode::Train, 1));
    assert_ne!(run(Mode::Train, 1), run(Mode::Train, 2));
}

#[test]
fn fused_and_unfused_layers_agree() {
    let _turn = turn();
    let key = Key::new(2);
    let conv = Conv2d::builder(2, 4, 3).stride(2).build(key).unwrap();
    let dense = Dense::new(2, 4, key).unwrap();
    let norm = BatchNorm2d::new(2).unwrap();
    for mode in [Mode::Train, Mode::Eval] {
        let mut cx = Ctx::new(Recording::None, mode, key);
        let (x, residual) = (Var::constant(images(1)), Var::constant(images(2)));
        let pairs = [
            (conv.call_act(x.clone(), Relu, &mut cx), conv.call(x.clone(), &mut cx)),
            (dense.call_act(x.clone(), Relu, &mut cx), dense.call(x.clone(), &mut cx)),
            (norm.call_act(x.clone(), Relu, &mut cx), norm.call(x.clone(), &mut cx)),
            (
                norm.call_add_act(x.clone(), residual.clone(), Relu, &mut cx),
                norm.call(x.clone(), &mut cx).and_then(|y| Ok(y.add(residual)?)),
            ),
        ];
        for (index, (fused, plain)) in pairs.into_iter().enumerate() {
            let plain = plain.unwrap().relu().unwrap();
            let difference = max_abs_difference(fused.unwrap().value(), plain.value()).unwrap();
            assert!(difference < 1e-6, "pair {index} differs by {difference} in {mode:?}");
        }
    }
}

#[test]
fn gradients_of_a_network_agree_with_differences() {
    let _turn = turn();
    let mut net = Net::new(Key::new(9)).unwrap();
    let images = images(4).to_dtype(DType::F64).unwrap();
    let report = gradcheck::check(&mut net, std::slice::from_ref(&images), Mode::Train, |net, mut x, cx| {
        net.call(x.remove(0), cx)
    });
    assert_eq!(report.unwrap().elements, images.len() + parameter_count(&net));
}

#[test]
fn a_wrong_gradient_of_a_parameter_is_named() {
    let _turn = turn();
    /// `x + w`, with a gradient of `w` that is lost.
    #[derive(Layer)]
    struct Lossy {
        shift: Parameter,
    }
    let value = Tensor::from_slice(&[2], &[1.0f64, 2.0]).unwrap();
    let mut lossy = Lossy { shift: Parameter::new(value.clone(), FileLayout::AsIs) };
    let error = gradcheck::check(&mut lossy, &[value], Mode::Train, |lossy, mut x, cx| {
        Ok(x.remove(0).add(lossy.shift.var(cx)?.detach())?)
    });
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("gradcheck: element 0 of shift [2]: backward says 0e0"), "{text}");
}

const fn assert_send_and_sync<T: Send + Sync>() {}

const _: () = {
    assert_send_and_sync::<Net>();
    assert_send_and_sync::<Sequential>();
    assert_send_and_sync::<Box<dyn Forward>>();
    assert_send_and_sync::<Error>();
};
