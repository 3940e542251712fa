//! Segments that are computed again on the way back: the same bits in less memory, as much less as the estimate says.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_autograd::graph::Graph;
use cnn_autograd::{Ctx, Mode, ParameterId, Result, Seeded, Trainable, Var, random::Key};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::Conv2dOptions;
use cnn_tensor::ops::pool2d::Pool2dOptions;
use cnn_tensor::ops::window::Padding2d;
use cnn_tensor::testing::{normal, same_bits};
use cnn_tensor::{DType, Tensor, pool};

/// The pool belongs to the process, so the tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stages of some convolutions each, random zeros and a pooling in between, a part at the end that is shared.
struct Net {
    stages: Vec<Vec<(ParameterId, Tensor)>>,
    shared: (ParameterId, Tensor),
}

const STAGES: usize = 4;
const LAYERS: usize = 3;

impl Net {
    fn new() -> Self {
        let weight = |seed: u64| {
            let values = normal(&[3, 3, 8, 8], seed, DType::F32).unwrap();
            (ParameterId::new(), cnn_tensor::ops::unary::scale(values, 0.1).unwrap())
        };
        let stages = (0..STAGES).map(|s| (0..LAYERS).map(|l| weight((LAYERS * s + l) as u64)).collect());
        Self { stages: stages.collect(), shared: weight(99) }
    }

    /// `recomputes` says whether a stage is computed again.
    fn forward(&self, mut x: Var, cx: &mut Ctx, recomputes: impl Fn(usize) -> bool) -> Result<Var> {
        let options = Conv2dOptions { padding: Padding2d::all(1), ..Conv2dOptions::default() };
        for (index, stage) in self.stages.iter().enumerate() {
            let body = |cx: &mut Ctx| -> Result<Var> {
                let mut x = x;
                for (id, weight) in stage.iter().chain([&self.shared]) {
                    let weight = cx.parameter(*id, weight, Trainable::Yes)?;
                    x = x.conv2d_act(weight, None, Activation::Relu, &options)?;
                    x = x.clone().dropout(0.2, cx.random_key())?.add(x)?;
                }
                x.max_pool2d(Pool2dOptions {
                    stride: [1, 1],
                    padding: Padding2d::all(1),
                    ..Pool2dOptions::new([3, 3])
                })
            };
            x = if recomputes(index) { cx.recompute(body)? } else { body(cx)? };
        }
        let weight = cx.parameter(self.shared.0, &self.shared.1, Trainable::Yes)?;
        x.conv2d(weight, None, &options)?.mean()
    }

    fn parameters(&self) -> impl Iterator<Item = ParameterId> {
        self.stages.iter().flatten().chain([&self.shared]).map(|(id, _)| *id)
    }
}

const IMAGE: [usize; 4] = [2, 20, 24, 8];

/// The gradients of all parameters and of the input.
fn gradients(net: &Net, recomputes: impl Fn(usize) -> bool) -> Vec<Tensor> {
    let mut cx = Ctx::training(Key::new(7));
    let x = cx.variable(normal(&IMAGE, 5, DType::F32).unwrap());
    let loss = net.forward(x.clone(), &mut cx, recomputes).unwrap();
    let step = cx.backward(loss).unwrap();
    let mut all: Vec<Tensor> = net.parameters().map(|id| step.gradients.get(id).unwrap().clone()).collect();
    all.push(step.gradients.of(&x).unwrap().clone());
    all
}

fn assert_same(met: &[Tensor], expected: &[Tensor]) {
    assert_eq!(met.len(), expected.len());
    for (index, (met, expected)) in met.iter().zip(expected).enumerate() {
        assert!(same_bits(met, expected), "gradient {index}");
    }
}

#[test]
fn gradients_have_the_same_bits() {
    let _turn = turn();
    let net = Net::new();
    let plain = gradients(&net, |_| false);
    assert!(plain.iter().all(|gradient| gradient.to_f64_vec().unwrap().iter().any(|&value| value != 0.0)));
    assert_same(&gradients(&net, |_| true), &plain);
    assert_same(&gradients(&net, |stage| stage % 2 == 1), &plain);
    assert_same(&gradients(&net, |stage| stage == 0), &plain);
}

#[test]
fn a_segment_within_a_segment_belongs_to_it() {
    let _turn = turn();
    let net = Net::new();
    let mut cx = Ctx::training(Key::new(7));
    let x = cx.variable(normal(&IMAGE, 5, DType::F32).unwrap());
    let loss = cx.recompute(|cx| net.forward(x.clone(), cx, |stage| stage > 1)).unwrap();
    let step = cx.backward(loss).unwrap();
    let plain = gradients(&net, |_| false);
    for (id, expected) in net.parameters().zip(&plain) {
        assert!(same_bits(step.gradients.get(id).unwrap(), expected));
    }
}

#[test]
fn several_passes_over_one_forward_run_the_segments_each_time() {
    let _turn = turn();
    let net = Net::new();
    let mut cx = Ctx::training(Key::new(7));
    let x = cx.variable(normal(&IMAGE, 5, DType::F32).unwrap());
    let loss = net.forward(x.clone(), &mut cx, |_| true).unwrap();
    let plain = gradients(&net, |_| false);
    for _ in 0..2 {
        let seed = Tensor::scalar(1.0f32).unwrap();
        let found = cx.backward_retain(vec![Seeded { output: loss.clone(), seed }]).unwrap();
        for (id, expected) in net.parameters().zip(&plain) {
            assert!(same_bits(found.get(id).unwrap(), expected));
        }
    }
}

#[test]
fn a_part_of_a_segment_that_no_gradient_reaches_is_no_error() {
    let _turn = turn();
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::from_slice(&[2], &[1.0f32, 2.0]).unwrap());
    let [used, _unused] = cx
        .recompute(|_| {
            let y = x.clone().mul(x.clone())?;
            let z = y.clone().mul(y.clone())?;
            Ok::<_, cnn_autograd::Error>([y, z])
        })
        .unwrap();
    let step = cx.backward(used.sum().unwrap()).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
}

#[test]
fn an_error_leaves_the_tape_ready_for_what_follows() {
    let _turn = turn();
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::from_slice(&[2], &[1.0f32, 2.0]).unwrap());
    let wrong = cx.recompute(|_| x.clone().add(x.clone().sum()?.reshape(&[1])?.reshape(&[7])?));
    assert!(wrong.is_err());
    let loss = x.clone().mul(x.clone()).unwrap().sum().unwrap();
    let step = cx.backward(loss).unwrap();
    assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
}

fn graph(net: &Net, recomputes: impl Fn(usize) -> bool) -> Graph {
    let mut cx = Ctx::trace(Mode::Train);
    let x = cx.input(Tensor::shape_only(&IMAGE, DType::F32).unwrap());
    let loss = net.forward(x, &mut cx, recomputes).unwrap();
    cx.graph(&[&loss]).unwrap()
}

#[test]
fn the_peak_falls_by_what_the_estimate_says() {
    let _turn = turn();
    let start = pool::stats().live_bytes;
    let net = Net::new();
    let measure = |recomputes: fn(usize) -> bool| {
        let run = || {
            let mut cx = Ctx::training(Key::new(1));
            let x = cx.input(Tensor::full(&IMAGE, 0.5, DType::F32).unwrap());
            let loss = net.forward(x, &mut cx, recomputes).unwrap();
            cx.backward(loss).unwrap()
        };
        drop(run());
        pool::reset_peak();
        drop(run());
        pool::stats().peak_live_bytes - start
    };
    let measured = [measure(|_| false), measure(|_| true)];
    let estimated = [graph(&net, |_| false), graph(&net, |_| true)].map(|graph| graph.training_bytes(0));
    for (estimated, measured) in estimated.into_iter().zip(measured) {
        let error = (estimated as f64 / measured as f64 - 1.0).abs();
        assert!(error < 0.1, "estimated {estimated}, measured {measured}");
    }
    assert!(measured[1] < measured[0] * 6 / 10, "{measured:?}");
    let segments: Vec<_> =
        graph(&net, |stage| stage > 0).nodes().iter().map(|node| node.recomputed).collect();
    assert_eq!(segments.iter().flatten().max(), Some(&2));
    assert_eq!(segments.last(), Some(&None));
}

#[test]
fn a_dropped_pass_frees_everything() {
    let _turn = turn();
    let net = Net::new();
    let before = pool::stats().live_bytes;
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::full(&IMAGE, 0.5, DType::F32).unwrap());
    let loss = net.forward(x, &mut cx, |stage| stage != 1).unwrap();
    assert!(pool::stats().live_bytes > before);
    drop((cx, loss));
    assert_eq!(pool::stats().live_bytes, before);
}
