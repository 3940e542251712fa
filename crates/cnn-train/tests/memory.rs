//! What training holds: nothing that grows from step to step, and about what the summary says.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_layers::{
    BatchNorm2d, Conv2d, Ctx, Dense, Dropout2d, FileLayout, Flatten, Forward, GlobalAvgPool2d, GroupNorm,
    Key, Layer, MaxPool2d, Mode, MultiHeadAttention, Parameter, Recompute, Relu, Residual, Result,
    Sequential, Silu, SqueezeExcite, Var, cross_entropy, init,
};
use cnn_models::{Arguments, build};
use cnn_tensor::ops::reduce::Keep;
use cnn_tensor::{DType, Tensor, parallel, pool};
use cnn_train::optim::{AdamW, AdamWOptions, Optimizer};

/// The pool belongs to the process, so the tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One step on a batch that is a function of its number.
fn step(network: &mut dyn Forward, optimizer: &mut dyn Optimizer, shape: &[usize; 4], number: u64) {
    let key = Key::new(3).fold(number);
    let values: Vec<f32> =
        (0..shape.iter().product::<usize>() as u64).map(|index| key.normal(index)).collect();
    let labels: Vec<i64> = (0..shape[0] as i64).map(|row| (row + number as i64) % 3).collect();
    let labels = Tensor::from_slice(&[shape[0]], &labels).unwrap();
    let mut cx = Ctx::training(key);
    let x = cx.input(Tensor::from_slice(shape, &values).unwrap());
    let logits = network.call(x, &mut cx).unwrap();
    let step = cx.backward(cross_entropy(logits, &labels).unwrap()).unwrap();
    optimizer.step(network, step, 1e-3).unwrap();
}

/// Bytes of this process in memory, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<usize>().ok()? << 10)
}

#[test]
fn a_thousand_steps_leave_the_pool_and_the_process_as_they_were() {
    let _turn = turn();
    let key = Key::new(1);
    let body = Sequential::new()
        .then(Conv2d::builder(8, 8, 3).padding(1).groups(8).build(key.fold(1)).unwrap())
        .then(GroupNorm::new(2, 8).unwrap())
        .then(Silu)
        .then(SqueezeExcite::new(8, 2, key.fold(2)).unwrap())
        .then(Dropout2d::new(0.1).unwrap());
    let mut network = Sequential::new()
        .then(Conv2d::builder(3, 8, 3).padding(1).build(key.fold(3)).unwrap())
        .then(BatchNorm2d::new(8).unwrap())
        .then(Relu)
        .then(MaxPool2d::new(2).unwrap())
        .then(Recompute::new(Residual::new(body)))
        .then(GlobalAvgPool2d)
        .then(Flatten)
        .then(Dense::new(8, 3, key.fold(4)).unwrap());
    let mut optimizer = AdamW::new(AdamWOptions::default()).unwrap();
    let shape = [4, 10, 9, 3];
    let mut run = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            step(&mut network, &mut optimizer, &shape, number);
        }
        (pool::stats(), resident())
    };
    // One thread: how many hold scratch at one time, and so what a later step asks for, is a matter of when they come.
    let ((before, resident_before), (after, resident_after)) =
        parallel::with_threads(1, || (run(0..100), run(100..1100))).unwrap();
    assert_eq!(after.live_bytes, before.live_bytes);
    assert_eq!(after.kept_bytes, before.kept_bytes);
    assert_eq!(after.system_allocations, before.system_allocations);
    assert_eq!(after.copies_on_write, before.copies_on_write);
    if let (Some(before), Some(after)) = (resident_before, resident_after) {
        // Some pages of the allocator and of the threads; a step's tensors are more.
        assert!(after <= before + (256 << 10), "{before} to {after} bytes");
    }
}

/// Layers whose gradients are of other shapes than what they go with: broadcast products, squeeze and excitation,
/// attention.
#[derive(Layer)]
struct Products {
    conv: Conv2d,
    squeeze: SqueezeExcite,
    scale: Parameter,
    attention: MultiHeadAttention,
    fc: Dense,
}

impl Products {
    fn new(key: Key) -> Result<Self> {
        let scale = init::normal(&[1, 1, 24], 1.0, key.fold(5))?;
        Ok(Self {
            conv: Conv2d::builder(3, 24, 3).padding(1).build(key.fold(1))?,
            squeeze: SqueezeExcite::new(24, 6, key.fold(2))?,
            scale: Parameter::new(scale, FileLayout::AsIs),
            attention: MultiHeadAttention::new(24, 3, key.fold(3))?,
            fc: Dense::new(24, 3, key.fold(4))?,
        })
    }
}

impl Forward for Products {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv.call(x, cx)?;
        let x = self.squeeze.call(x, cx)?;
        // Each side is copied in turn: a number for each channel, and one for each pixel.
        let bright = x.clone().mean_over(&[3], Keep::Axes)?;
        let x = x.mul(self.scale.var(cx)?)?.mul(bright.clone())?.maximum(bright)?;

        let &[batch, height, width, channels] = x.shape() else { unreachable!("a convolution's output") };
        let x = x.reshape(&[batch, height * width, channels])?;
        let x = self.attention.call(x.clone(), cx)?.add(x)?;
        self.fc.call(x.mean_over(&[1], Keep::Dropped)?, cx)
    }
}

#[test]
fn the_summary_knows_the_memory_of_six_networks_to_a_tenth() {
    let _turn = turn();
    let mut off = Vec::new();
    for (name, side, channels) in [
        ("digit-net", 28, 1),
        ("lenet5", 28, 1),
        ("mnist-cnn", 28, 1),
        ("resnet20", 16, 3),
        ("resnet18-cifar", 16, 3),
        ("products", 28, 3),
    ] {
        let batch = 16;
        let start = pool::stats().live_bytes;
        let arguments = Arguments { channels, classes: 3, height: side, width: side };
        let network: Box<dyn Forward> = match name {
            "products" => Box::new(Products::new(Key::new(1)).unwrap()),
            name => build(name, &arguments, Key::new(1)).unwrap(),
        };
        let shape = [batch, side, side, channels];
        let labels = Tensor::zeros(&[batch], DType::I64).unwrap();
        let graph = |mode| {
            let mut cx = Ctx::trace(mode);
            let x = cx.input(Tensor::shape_only(&shape, DType::F32).unwrap());
            let mut output = network.call(x, &mut cx).unwrap();
            if mode == Mode::Train {
                output = cross_entropy(output, &labels).unwrap();
            }
            cx.graph(&[&output]).unwrap()
        };
        let measure = |run: &dyn Fn()| {
            run();
            pool::reset_peak();
            run();
            pool::stats().peak_live_bytes - start
        };
        let images = || Tensor::full(&shape, 0.5, DType::F32).unwrap();
        let inference = measure(&|| {
            let mut cx = Ctx::inference();
            let x = cx.input(images());
            drop(network.call(x, &mut cx).unwrap());
        });
        let training = measure(&|| {
            let mut cx = Ctx::training(Key::new(1));
            let x = cx.input(images());
            let loss = cross_entropy(network.call(x, &mut cx).unwrap(), &labels).unwrap();
            drop(cx.backward(loss).unwrap());
        });
        let estimates = [graph(Mode::Eval).inference_bytes(), graph(Mode::Train).training_bytes(0)];
        for (kind, estimate, measured) in
            [("inference", estimates[0], inference), ("training", estimates[1], training)]
        {
            let error = estimate as f64 / measured as f64 - 1.0;
            if error.abs() > 0.1 {
                off.push(format!("{name}, {kind}: estimated {estimate}, measured {measured}, {error:+.2}"));
            }
        }
    }
    assert!(off.is_empty(), "\n{}", off.join("\n"));
}
