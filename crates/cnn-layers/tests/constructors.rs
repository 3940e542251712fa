//! Constructors and operations with arbitrary arguments: an error where they make no sense, never a panic.

use cnn_layers::init::{
    Constant, Dirac, Fan, Fans, Gain, Initializer, KaimingNormal, KaimingUniform, Orthogonal, TorchDefault,
    TruncatedNormal, XavierNormal, XavierUniform,
};
use cnn_layers::{
    Affine, Approximation, AvgPool2d, Axis, BatchNorm1d, BatchNorm2d, BceWithLogits, Bias, Conv2d,
    CrossEntropy, Ctx, Denominator, Dense, DepthMode, Dice, Dropout, Dropout1d, Dropout2d, Elu, Flatten,
    Focal, Forward, Gelu, GlobalAvgPool2d, GroupNorm, HardSigmoid, HardSwish, Huber, InstanceNorm1d,
    InstanceNorm2d, Join, Key, KlDiv, KlTarget, L1, LayerNorm, LeakyRelu, LocalResponseNorm, LogSigmoid,
    LogSoftmax, MaxPool2d, Mode, Momentum, Mse, MultiHeadAttention, Nll, PRelu, Parallel, Permute,
    QueryKeyValue, Recompute, Recording, Reduction, Relu, Relu6, Reshape, Residual, Scores, Selu, Sequential,
    Sigmoid, Silu, SmoothL1, Softmax, Softplus, SqueezeExcite, StochasticDepth, Tanh, Tracking, Var, Visible,
};
use cnn_tensor::ops::pool2d::PaddingCounts;
use cnn_tensor::ops::window::{Padding2d, Rounding};
use cnn_tensor::testing::bounded;
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;

/// Sizes from nothing to what overflows, most of them ordinary.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 1usize..5,
        1 => Just(0),
        1 => prop_oneof![Just(1 << 20), Just(1 << 32), Just(usize::MAX / 2), Just(usize::MAX)],
    ]
}

fn pair() -> impl Strategy<Value = [usize; 2]> {
    [size(), size()]
}

fn padding() -> impl Strategy<Value = Padding2d> {
    (size(), size(), size(), size()).prop_map(|(top, bottom, left, right)| Padding2d {
        top: top.saturating_sub(1),
        bottom: bottom.saturating_sub(1),
        left: left.saturating_sub(1),
        right: right.saturating_sub(1),
    })
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0f64, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(2.0), Just(0.0), Just(1.0)]
}

/// Runs a layer forward and backward on small images and on shapes alone.
fn exercise(layer: &dyn Forward, shape: &[usize]) {
    let _bounded = bounded(1 << 28);
    for mode in [Mode::Train, Mode::Eval] {
        let mut cx = Ctx::new(Recording::Gradients, mode, Key::new(1));
        if let Ok(input) = Tensor::full(shape, 0.5, DType::F32) {
            let x = cx.variable(input);
            if let Ok(loss) = layer.forward(x, &mut cx).and_then(|y| Ok(y.mean()?)) {
                let _ = cx.backward(loss);
            }
        }
        let mut cx = Ctx::trace(mode);
        if let Ok(input) = Tensor::shape_only(shape, DType::F32) {
            let x = cx.input(input);
            if let Ok(y) = layer.forward(x, &mut cx) {
                let _ = cx.graph(&[&y]);
            }
        }
    }
}

fn small() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(0usize..6, 0..6),
        [0usize..4, 1usize..9, 1usize..9, 1usize..5].prop_map(Vec::from)
    ]
}

proptest! {
    #[test]
    fn convolutions_never_panic(
        channels in pair(), kernel in pair(), stride in pair(), padding in padding(), dilation in pair(),
        groups in size(), with_bias in any::<bool>(), shape in small(),
    ) {
        let _bounded = bounded(1 << 28);
        let bias = if with_bias { Bias::With } else { Bias::Without };
        let builder = Conv2d::builder(channels[0], channels[1], kernel);
        let builder = builder.stride(stride).padding(padding).dilation(dilation).groups(groups).bias(bias);
        if let Ok(layer) = builder.build(Key::new(1)) {
            exercise(&layer, &shape);
        }
    }

    #[test]
    fn poolings_never_panic(
        kernel in pair(), stride in pair(), padding in padding(), dilation in pair(), choice in 0usize..4,
        shape in small(),
    ) {
        let _bounded = bounded(1 << 28);
        let rounding = if choice % 2 == 0 { Rounding::Floor } else { Rounding::Ceil };
        let counts = if choice < 2 { PaddingCounts::Included } else { PaddingCounts::Excluded };
        let max = MaxPool2d::builder(kernel).stride(stride).padding(padding).rounding(rounding);
        if let Ok(layer) = max.dilation(dilation).build() {
            exercise(&layer, &shape);
        }
        let average = AvgPool2d::builder(kernel).stride(stride).padding(padding).rounding(rounding);
        if let Ok(layer) = average.padding_counts(counts).build() {
            exercise(&layer, &shape);
        }
    }

    #[test]
    fn layers_made_of_layers_never_panic(
        channels in pair(), join in 0usize..3, branches in 0usize..4, form in prop::collection::vec(size(), 0..4),
        axes in prop::collection::vec(0usize..6, 0..6), shape in small(),
    ) {
        let _bounded = bounded(1 << 28);
        let ordinary = channels.map(|size| size.min(6));
        let conv = |inputs, outputs| Conv2d::new(inputs, outputs, 1, Key::new(1));
        if let (Ok(body), Ok(shortcut)) = (conv(ordinary[0], ordinary[1]), conv(ordinary[1], ordinary[0])) {
            exercise(&Residual::new(body.clone()), &shape);
            exercise(&Residual::new(body.clone()).shortcut(shortcut).activation(Relu), &shape);
            exercise(&Recompute::new(body.clone()), &shape);
            let mut parallel = Parallel::new([Join::Concat, Join::Sum, Join::Product][join]);
            for _ in 0..branches {
                parallel = parallel.branch(body.clone());
            }
            exercise(&parallel, &shape);
            exercise(&Sequential::new().then(parallel.branch(Flatten)).then(Recompute::new(Flatten)), &shape);
        }
        if let Ok(layer) = Reshape::new(&form) {
            exercise(&layer, &shape);
        }
        if let Ok(layer) = Permute::new(&axes) {
            exercise(&layer, &shape);
        }
    }

    #[test]
    fn initialisers_never_panic(
        shape in prop::collection::vec(size(), 0..5), fans in pair(), number in number(), other in number(),
        groups in size(), kind in 0usize..7,
    ) {
        let _bounded = bounded(1 << 20);
        let gain = match kind {
            0 => Gain::Linear,
            1 => Gain::Sigmoid,
            2 => Gain::Tanh,
            3 => Gain::Relu,
            4 => Gain::Selu,
            5 => Gain::LeakyRelu(number),
            _ => Gain::Of(number),
        };
        let fan = if kind % 2 == 0 { Fan::In } else { Fan::Out };
        let truncated = TruncatedNormal { mean: number, deviation: other, least: -number, most: number };
        let all: [&dyn Initializer; 9] = [
            &TorchDefault, &KaimingUniform { fan, gain }, &KaimingNormal { fan, gain }, &XavierUniform { gain },
            &XavierNormal { gain }, &Constant(number), &truncated, &Orthogonal { gain }, &Dirac { groups },
        ];
        for initializer in all {
            let fans = Fans { fan_in: fans[0], fan_out: fans[1] };
            let _ = initializer.tensor(&shape, fans, Key::new(1));
            let _ = Conv2d::builder(4, 2, 1).groups(2).build_with(initializer, Key::new(1));
            let _ = Dense::builder(3, 2).build_with(initializer, Key::new(1));
        }
    }

    #[test]
    fn dense_layers_never_panic(inputs in size(), outputs in size(), shape in small()) {
        let _bounded = bounded(1 << 28);
        if let Ok(layer) = Dense::new(inputs, outputs, Key::new(1)) {
            exercise(&layer, &shape);
        }
    }

    #[test]
    fn normalisations_never_panic(
        channels in size(), groups in size(), epsilon in number(), momentum in number(), parts in 0usize..4,
        normalized_shape in prop::collection::vec(size(), 0..4), shape in small(),
    ) {
        let _bounded = bounded(1 << 28);
        let affine = if parts % 2 == 0 { Affine::With } else { Affine::Without };
        let tracking = if parts < 2 { Tracking::With } else { Tracking::Without };
        let batch = BatchNorm2d::builder(channels).epsilon(epsilon).momentum(Momentum::Exponential(momentum));
        if let Ok(layer) = batch.affine(affine).tracking(tracking).build() {
            exercise(&layer, &shape);
        }
        let batch = BatchNorm1d::builder(channels).epsilon(epsilon).momentum(Momentum::Cumulative);
        if let Ok(layer) = batch.affine(affine).tracking(tracking).build() {
            exercise(&layer, &shape);
        }
        let instance = InstanceNorm2d::builder(channels).epsilon(epsilon).momentum(Momentum::Exponential(momentum));
        if let Ok(layer) = instance.affine(affine).tracking(tracking).build() {
            exercise(&layer, &shape);
        }
        let instance = InstanceNorm1d::builder(channels).epsilon(epsilon).momentum(Momentum::Cumulative);
        if let Ok(layer) = instance.affine(affine).tracking(tracking).build() {
            exercise(&layer, &shape);
        }
        if let Ok(layer) = GroupNorm::builder(groups, channels).epsilon(epsilon).affine(affine).build() {
            exercise(&layer, &shape);
        }
        let bias = if parts < 2 { Bias::With } else { Bias::Without };
        let response = LocalResponseNorm::builder(channels).alpha(epsilon).beta(momentum).build();
        if let Ok(layer) = response {
            exercise(&layer, &shape);
        }
        let axes = shape.len().min(parts);
        for normalized in [&normalized_shape[..], &shape[shape.len() - axes..]] {
            let builder = LayerNorm::builder(normalized).epsilon(epsilon).affine(affine).bias(bias);
            if let Ok(layer) = builder.build() {
                exercise(&layer, &shape);
            }
        }
    }

    #[test]
    fn attention_never_panics(
        channels in size(), heads in size(), probability in number(), shape in small(), mask in small(),
        kind in 0usize..4,
    ) {
        let _bounded = bounded(1 << 28);
        // Weights that fit the budget but are large take long to draw.
        let ordinary = channels.checked_mul(heads).is_none_or(|weights| weights < 1 << 16);
        if let Some(Ok(layer)) = ordinary.then(|| SqueezeExcite::new(channels, heads, Key::new(1))) {
            exercise(&layer, &shape);
        }
        let bias = if kind < 2 { Bias::With } else { Bias::Without };
        for channels in [channels, shape.last().copied().unwrap_or(1)] {
            let builder = MultiHeadAttention::builder(channels, heads).dropout(probability).bias(bias);
            let Ok(layer) = builder.build(Key::new(1)) else { continue };
            exercise(&layer, &shape);
            let dtype = [DType::Bool, DType::F32, DType::F64, DType::I64][kind];
            let visible = Visible::masked(Tensor::full(&mask, 1.0, dtype).unwrap());
            let mut cx = Ctx::training(Key::new(1));
            let variable = |cx: &mut Ctx, shape: &[usize]| cx.variable(Tensor::full(shape, 0.5, DType::F32).unwrap());
            let (query, key) = (variable(&mut cx, &shape), variable(&mut cx, &mask));
            let inputs = QueryKeyValue { query: query.clone(), value: key.clone(), key };
            if let Ok(loss) = layer.call_qkv(inputs, &visible, &mut cx).and_then(|y| Ok(y.mean()?)) {
                let _ = cx.backward(loss);
            }
            let _ = layer.call_visible(Var::constant(query.into_value()), &visible, &mut Ctx::inference());
        }
    }

    #[test]
    fn activations_never_panic(number in number(), other in number(), axis in size(), shape in small()) {
        let _bounded = bounded(1 << 28);
        let plain: [&dyn Forward; 11] = [
            &Relu, &Relu6, &Selu, &Sigmoid, &LogSigmoid, &Tanh, &Silu, &HardSigmoid, &HardSwish,
            &Gelu::new(Approximation::Exact), &Gelu::new(Approximation::Tanh),
        ];
        for layer in plain {
            exercise(layer, &shape);
        }
        exercise(&LeakyRelu::new(number), &shape);
        exercise(&Elu::new(number), &shape);
        for axis in [Axis::Last, Axis::At(axis)] {
            exercise(&Softmax::new(axis), &shape);
            exercise(&LogSoftmax::new(axis), &shape);
        }
        if let Ok(layer) = Softplus::new(number, other) {
            exercise(&layer, &shape);
        }
        if let Ok(layer) = PRelu::starting_at(axis, number) {
            exercise(&layer, &shape);
        }
    }

    #[test]
    fn losses_never_panic(
        number in number(), other in number(), choice in 0usize..4, label in -2i64..6, count in size(),
        shape in small(), target in small(),
    ) {
        let _bounded = bounded(1 << 28);
        let reduction = [Reduction::Mean, Reduction::Sum, Reduction::BatchMean, Reduction::None][choice];
        let weights = vec![number; count.min(9)];
        let of = |shape: &[usize]| Tensor::full(shape, 0.25, DType::F32).unwrap();
        let run = |loss: &dyn Fn(Var, Var) -> cnn_layers::Result<Var>| {
            for target in [&target, &shape] {
                let mut cx = Ctx::training(Key::new(1));
                let (x, t) = (cx.variable(of(&shape)), cx.variable(of(target)));
                if let Ok(loss) = loss(x, t).and_then(|loss| Ok(loss.mean()?)) {
                    let _ = cx.backward(loss);
                }
                let cx = Ctx::trace(Mode::Train);
                let only = |shape: &[usize]| Var::constant(Tensor::shape_only(shape, DType::F32).unwrap());
                if let Ok(loss) = loss(only(&shape), only(target)) {
                    let _ = cx.graph(&[&loss]);
                }
            }
        };
        run(&|x, t| Mse::new().with_reduction(reduction).loss(x, t));
        run(&|x, t| L1::new().with_reduction(reduction).loss(x, t));
        run(&|x, t| SmoothL1::new(number)?.with_reduction(reduction).loss(x, t));
        run(&|x, t| Huber::new(number)?.with_reduction(reduction).loss(x, t));
        run(&|x, t| KlDiv::new(KlTarget::Logarithms).with_reduction(reduction).loss(x, t));
        run(&|x, t| KlDiv::default().with_reduction(reduction).loss(x, t));
        run(&|x, t| BceWithLogits::new().with_positive_weights(&weights)?.with_reduction(reduction).loss(x, t));
        run(&|x, t| BceWithLogits::new().with_weight(of(&target)).with_reduction(reduction).loss(x, t));
        run(&|x, t| Focal::new().with_gamma(number)?.with_alpha(Some(other)).with_reduction(reduction).loss(x, t));
        let dice = || Dice::new().with_scores(Scores::Logits).with_reduction(reduction);
        run(&|x, t| dice().with_smoothing(number)?.loss(x, t));
        run(&|x, t| dice().with_denominator(Denominator::Squares).loss(x, t));
        let classes = CrossEntropy::new().with_label_smoothing(number).unwrap_or_default().with_reduction(reduction);
        let weighted = classes.clone().with_weights(&weights).unwrap();
        let likelihood = Nll::new().with_reduction(reduction).ignoring(label);
        run(&|x, t| classes.soft_loss(x, t.value()));
        run(&|x, t| weighted.soft_loss(x, t.value()));
        for rows in [&target[..], &shape[..shape.len().saturating_sub(1)]] {
            let labels = Tensor::full(rows, label as f64, DType::I64).unwrap();
            run(&|x, _| classes.loss(x, &labels));
            run(&|x, _| classes.clone().ignoring(label).loss(x, &labels));
            run(&|x, _| weighted.loss(x, &labels));
            run(&|x, _| likelihood.loss(x, &labels));
            run(&|x, _| likelihood.clone().with_weights(&weights)?.loss(x, &labels));
        }
    }

    #[test]
    fn layers_without_parameters_never_panic(probability in number(), shape in small(), label in -2i64..6) {
        let _bounded = bounded(1 << 28);
        exercise(&Relu, &shape);
        exercise(&Flatten, &shape);
        exercise(&GlobalAvgPool2d, &shape);
        if let Ok(layer) = Dropout::new(probability) {
            exercise(&layer, &shape);
            exercise(&Dropout1d::new(probability).unwrap(), &shape);
            exercise(&Dropout2d::new(probability).unwrap(), &shape);
            exercise(&StochasticDepth::new(probability, DepthMode::Row).unwrap(), &shape);
            exercise(&StochasticDepth::new(probability, DepthMode::Batch).unwrap(), &shape);
        }
        if let Ok(loss) = CrossEntropy::new().with_label_smoothing(probability) {
            let mut cx = Ctx::training(Key::new(1));
            let logits = cx.variable(Tensor::full(&shape, 0.5, DType::F32).unwrap());
            let labels = Tensor::full(&shape[..shape.len().min(1)], label as f64, DType::I64).unwrap();
            if let Ok(loss) = loss.loss(logits, &labels) {
                let _ = cx.backward(loss);
            }
        }
    }
}

#[test]
fn a_request_over_the_budget_names_the_layer_the_bytes_and_the_budget() {
    let budget = 1 << 20;
    let _bounded = bounded(budget);
    let key = Key::new(1);
    let net = Sequential::new().then(Relu).then(Sequential::new().then(Conv2d::new(3, 64, 3, key).unwrap()));
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::full(&[1, 66, 66, 3], 0.5, DType::F32).unwrap());
    let error = net.call(x, &mut cx).unwrap_err();
    let message = error.to_string();
    // 64 by 64 pixels of 64 channels.
    assert!(message.starts_with("1.0: conv2d: cannot allocate 1048576 bytes: "), "{message}");
    assert!(message.contains("of the 1048576 bytes allowed are in use"), "{message}");
    // The pool is whole afterwards: what fits goes on.
    let x = cx.input(Tensor::full(&[1, 10, 10, 3], 0.5, DType::F32).unwrap());
    assert_eq!(net.call(x, &mut cx).unwrap().shape(), [1, 8, 8, 64]);

    // On the way back it is the operation whose gradient does not fit.
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::full(&[1, 50_000], 0.5, DType::F32).unwrap());
    let wide = x.broadcast_to(&[3, 50_000]).unwrap();
    let loss = cx.scope("head", |_| wide.clone().sum()).unwrap();
    let message = cx.backward(loss).unwrap_err().to_string();
    assert!(message.starts_with("head: sum: cannot allocate 600000 bytes: "), "{message}");
    assert!(message.contains("of the") && message.contains("1048576 bytes allowed"), "{message}");
}

#[test]
fn arguments_that_make_no_sense_are_refused_at_construction() {
    let message =
        |result: Result<Conv2d, _>| -> String { cnn_layers::Error::to_string(&result.unwrap_err()) };
    let key = Key::new(1);
    assert_eq!(message(Conv2d::new(0, 1, 3, key)), "Conv2d: in_channels is 0, expected 1 or more");
    assert_eq!(
        message(Conv2d::builder(6, 4, 3).groups(4).build(key)),
        "Conv2d: in_channels is 6, expected a multiple of the 4 groups"
    );
    assert_eq!(message(Conv2d::new(1, 1, [3, 0], key)), "Conv2d: kernel is 0, expected 1 or more");
    assert!(message(Conv2d::builder(1, 1, 3).stride(0).build(key)).contains("stride"));
    assert!(message(Conv2d::builder(1, 1, 3).dilation(usize::MAX).build(key)).contains("overflow"));
    assert!(MaxPool2d::builder(2).padding(2).build().is_err());
    assert!(BatchNorm2d::builder(3).epsilon(f64::NAN).build().is_err());
    assert!(BatchNorm2d::builder(3).momentum(Momentum::Exponential(1.5)).build().is_err());
    let message = |error: cnn_layers::Error| error.to_string();
    assert_eq!(message(GroupNorm::new(4, 6).unwrap_err()), "GroupNorm: groups is 4, expected a divisor of 6");
    assert_eq!(
        message(InstanceNorm1d::new(0).unwrap_err()),
        "InstanceNorm1d: channels is 0, expected 1 or more"
    );
    assert_eq!(
        message(LayerNorm::new([3, 0]).unwrap_err()),
        "LayerNorm: normalized_shape is [3, 0], expected one or more sizes of 1 or more"
    );
    assert_eq!(
        message(MultiHeadAttention::new(6, 4, key).unwrap_err()),
        "MultiHeadAttention: heads is 4, expected a divisor of 6"
    );
    assert!(
        MultiHeadAttention::new(usize::MAX, 1, key).is_err() && MultiHeadAttention::new(0, 0, key).is_err()
    );
    assert!(MultiHeadAttention::builder(4, 2).dropout(-0.1).build(key).is_err());
    assert!(SqueezeExcite::new(0, 1, key).is_err() && SqueezeExcite::new(1, 0, key).is_err());
    assert!(LocalResponseNorm::new(0).is_err() && LocalResponseNorm::builder(3).k(-1.0).build().is_err());
    assert!(LayerNorm::new([]).is_err() && LayerNorm::builder(3).epsilon(-1.0).build().is_err());
    assert!(Dropout::new(f64::NAN).is_err());
    assert!(CrossEntropy::new().with_label_smoothing(-0.1).is_err());
    assert!(PRelu::per_channel(0).is_err());
    assert!(Softplus::new(0.0, 20.0).is_err());
}
