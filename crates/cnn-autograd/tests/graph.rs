//! The traced graph: what it records, and how near its estimates of memory are to what the pool measures.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_autograd::Affine;
use cnn_autograd::graph::Source;
use cnn_autograd::ops::batch_norm::Epilogue;
use cnn_autograd::ops::loss::LossOptions;
use cnn_autograd::{Attribute, Ctx, Error, Mode, ParameterId, Result, Trainable, Value, Var, random::Key};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::Conv2dOptions;
use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::ops::window::Padding2d;
use cnn_tensor::{DType, Tensor, pool};

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parameters of a small residual network with batch norm and a classifier.
struct Net {
    parameters: Vec<(ParameterId, Tensor)>,
}

impl Net {
    fn new() -> Self {
        let shapes: [&[usize]; 6] = [&[3, 3, 3, 16], &[3, 3, 16, 16], &[16], &[16], &[16, 10], &[10]];
        let parameter =
            |shape: &&[usize]| (ParameterId::new(), Tensor::full(shape, 0.02, DType::F32).unwrap());
        Self { parameters: shapes.iter().map(parameter).collect() }
    }

    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let mut parameter = |index: usize| {
            let (id, value) = &self.parameters[index];
            cx.parameter(*id, value, Trainable::Yes)
        };
        let options = Conv2dOptions { padding: Padding2d::all(1), ..Conv2dOptions::default() };
        let x = x.conv2d_act(parameter(0)?, None, Activation::Relu, &options)?;
        let identity = x.clone();
        let x = x.conv2d(parameter(1)?, None, &options)?;
        let affine = Affine { weight: Some(parameter(2)?), bias: Some(parameter(3)?), epsilon: 1e-5 };
        let epilogue = Epilogue { residual: Some(identity), activation: Activation::Relu };
        let x = x.batch_norm_train(affine, epilogue)?.output.max_pool2d(2)?.relu()?;
        let x = x.global_average_pool2d()?.flatten()?;
        x.dense(parameter(4)?, Some(parameter(5)?))
    }
}

const IMAGES: [usize; 4] = [16, 32, 32, 3];

fn labels() -> Tensor {
    Tensor::from_slice(&[16], &[1i64; 16]).unwrap()
}

fn traced(net: &Net) -> (Ctx, Var) {
    let mut cx = Ctx::trace(Mode::Train);
    let images = cx.input(Tensor::shape_only(&IMAGES, DType::F32).unwrap());
    let logits = cx.scope("net", |cx| net.forward(images, cx)).unwrap();
    (cx, logits)
}

#[test]
fn a_graph_knows_operations_attributes_and_multiply_adds() {
    let (cx, logits) = traced(&Net::new());
    let graph = cx.graph(&[&logits]).unwrap();
    let names: Vec<&str> = graph.operations().map(|(_, operation)| operation.name).collect();
    let expected =
        ["conv2d", "conv2d", "batch_norm_train", "max_pool2d", "relu", "average_pool2d", "flatten", "dense"];
    assert_eq!(names, expected);
    // Pixels x taps x channels in x channels out, and the classifier.
    let pixels = 16 * 32 * 32;
    assert_eq!(graph.multiply_adds(), pixels * 9 * 3 * 16 + pixels * 9 * 16 * 16 + 16 * 16 * 10);
    assert_eq!(graph.parameters(), 9 * 3 * 16 + 9 * 16 * 16 + 16 + 16 + 160 + 10);
    let (node, conv) = graph.operations().next().unwrap();
    assert_eq!(node.path, "net");
    assert_eq!(node.output.shape, [16, 32, 32, 16]);
    let padding = conv.attributes.iter().find(|attribute| attribute.name == "padding").unwrap();
    assert_eq!(padding.value, Value::Integers(vec![1; 4]));
    assert!(matches!(graph.nodes()[conv.inputs[0]].source, Source::Input));
    assert!(matches!(graph.nodes()[conv.inputs[1]].source, Source::Parameter(_)));
    // The first convolution keeps its input for the weight and its output for the ReLU; nobody wants the
    // gradient of the input, so the weight is not kept.
    assert!(conv.kept.contains(&conv.inputs[0]) && !conv.kept.contains(&conv.inputs[1]));
}

#[test]
fn only_a_tracing_context_has_a_graph() {
    let mut cx = Ctx::training(Key::new(1));
    let x = cx.variable(Tensor::scalar(1.0f32).unwrap());
    assert_eq!(cx.graph(&[&x]).unwrap_err(), Error::NotTraced);
}

#[test]
fn tensors_met_on_the_way_are_constants_of_the_graph() {
    let (cx, logits) = traced(&Net::new());
    let loss = logits.cross_entropy(&labels(), Reduction::Mean).unwrap();
    let graph = cx.graph(&[&loss]).unwrap();
    let constants: Vec<_> =
        graph.nodes().iter().filter(|node| matches!(node.source, Source::Constant)).collect();
    assert_eq!(constants.len(), 1);
    assert_eq!(constants[0].output.dtype, DType::I64);
}

#[test]
fn indices_and_conditions_are_constants_of_the_graph_that_backward_keeps() {
    let each = Tensor::zeros(&[2, 3], DType::I64).unwrap();
    let some = Tensor::zeros(&[3], DType::I64).unwrap();
    let holds = Tensor::zeros(&[2, 3], DType::Bool).unwrap();
    let same = |cx: &mut Ctx| cx.variable(Tensor::zeros(&[2, 3], DType::F32).unwrap());
    type Rule<'a> = (&'a str, &'a Tensor, usize, &'a dyn Fn(Var, Var) -> Result<Var>);
    let rules: [Rule<'_>; 5] = [
        ("gather", &each, 1, &|x, _| x.gather(&each, 1)),
        ("index_select", &some, 1, &|x, _| x.index_select(&some, 1)),
        ("scatter_add", &each, 1, &|x, y| x.scatter_add(&each, y, 1)),
        ("index_add", &some, 1, &|x, y| x.index_add(&some, y, 1)),
        ("select", &holds, 0, &|x, y| x.select(&holds, y)),
    ];
    for (name, constant, place, run) in rules {
        let mut cx = Ctx::trace(Mode::Eval);
        let (x, y) = (same(&mut cx), same(&mut cx));
        let output = run(x, y).unwrap();
        let graph = cx.graph(&[&output]).unwrap();
        let (_, operation) = graph.operations().next().unwrap();
        assert_eq!(operation.name, name);
        let input = operation.inputs[place];
        assert!(matches!(graph.nodes()[input].source, Source::Constant), "{name}");
        assert_eq!(graph.nodes()[input].output, constant.spec(), "{name}");
        assert_eq!(operation.kept, [input], "{name}");
    }
}

#[test]
fn settings_of_a_loss_are_shown_with_a_weight_of_the_positive_class_too() {
    let mut cx = Ctx::trace(Mode::Train);
    let logits = cx.variable(Tensor::zeros(&[2, 3], DType::F32).unwrap());
    let target = Var::constant(Tensor::zeros(&[2, 3], DType::F32).unwrap());
    let positive = Tensor::full(&[3], 2.0, DType::F32).unwrap();
    let options =
        LossOptions { attributes: vec![Attribute::new("source", "labels")], ..LossOptions::default() };
    let loss = logits.binary_cross_entropy_with_logits(target, Some(&positive), options).unwrap();
    let graph = cx.graph(&[&loss]).unwrap();
    let (_, operation) = graph.operations().next().unwrap();
    assert_eq!(operation.name, "weighted_binary_cross_entropy_with_logits");
    let names: Vec<&str> = operation.attributes.iter().map(|attribute| attribute.name).collect();
    assert_eq!(names, ["source", "reduction"]);
}

#[test]
fn totals_beyond_the_largest_number_stop_there() {
    let shape_only = |shape: &[usize]| Tensor::shape_only(shape, DType::F32).unwrap();
    let images = 10_000_000_000_000;
    let mut cx = Ctx::trace(Mode::Train);
    let x = cx.input(shape_only(&[images, 8, 8, 128]));
    let options = Conv2dOptions { padding: Padding2d::all(1), ..Conv2dOptions::default() };
    let mut weight =
        |shape: &[usize]| cx.parameter(ParameterId::new(), &shape_only(shape), Trainable::Yes).unwrap();
    let mut x = x.conv2d(weight(&[3, 3, 128, 512]), None, &options).unwrap();
    for _ in 0..30 {
        x = x.conv2d(weight(&[1, 1, 512, 512]), None, &Conv2dOptions::default()).unwrap();
    }
    let x = x.flatten().unwrap().dense(weight(&[8 * 8 * 512, 512]), None).unwrap();
    let graph = cx.graph(&[&x]).unwrap();
    let (_, dense) = graph.operations().last().unwrap();
    assert_eq!((dense.name, dense.multiply_adds), ("dense", u64::MAX));
    assert_eq!(graph.multiply_adds(), u64::MAX);
    assert_eq!(graph.training_bytes(2), usize::MAX);
    assert!(graph.inference_bytes() > images * 8 * 8 * 512 * 4);
}

/// Relative difference of an estimate from what the pool measured.
fn error(estimate: usize, measured: usize) -> f64 {
    (estimate as f64 / measured as f64 - 1.0).abs()
}

#[test]
fn the_estimate_for_inference_is_within_a_tenth_of_what_is_measured() {
    let _turn = turn();
    let start = pool::stats().live_bytes;
    let net = Net::new();
    let (cx, logits) = traced(&net);
    let estimate = cx.graph(&[&logits]).unwrap().inference_bytes();
    let run = || {
        let mut cx = Ctx::new(cnn_autograd::Recording::None, Mode::Train, Key::new(1));
        let images = cx.input(Tensor::full(&IMAGES, 0.5, DType::F32).unwrap());
        net.forward(images, &mut cx).unwrap()
    };
    drop(run());
    pool::reset_peak();
    drop(run());
    let measured = pool::stats().peak_live_bytes - start;
    assert!(error(estimate, measured) < 0.1, "estimated {estimate}, measured {measured}");
}

#[test]
fn the_estimate_for_training_is_within_a_tenth_of_what_is_measured() {
    let _turn = turn();
    let start = pool::stats().live_bytes;
    let net = Net::new();
    let labels = labels();
    let (cx, logits) = traced(&net);
    let loss = logits.cross_entropy(&labels, Reduction::Mean).unwrap();
    let graph = cx.graph(&[&loss]).unwrap();
    let estimate = graph.training_bytes(0);
    let parameter_bytes: usize =
        net.parameters.iter().map(|(_, value)| pool::block_bytes(value.bytes())).sum();
    assert_eq!(graph.training_bytes(2), estimate + 2 * parameter_bytes);
    let run = || {
        let mut cx = Ctx::training(Key::new(1));
        let images = cx.input(Tensor::full(&IMAGES, 0.5, DType::F32).unwrap());
        let loss = net.forward(images, &mut cx).unwrap().cross_entropy(&labels, Reduction::Mean).unwrap();
        cx.backward(loss).unwrap()
    };
    drop(run());
    pool::reset_peak();
    drop(run());
    let measured = pool::stats().peak_live_bytes - start;
    assert!(error(estimate, measured) < 0.1, "estimated {estimate}, measured {measured}");
}
