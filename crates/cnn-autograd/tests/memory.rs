//! What is held, and for how long. The pool belongs to the process, so these tests take turns.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cnn_autograd::{Ctx, Mode, Recording, Result, Var, random::Key};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::Conv2dOptions;
use cnn_tensor::ops::window::Padding2d;
use cnn_tensor::{DType, Tensor, parallel, pool};

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const LAYERS: usize = 20;

const IMAGE: [usize; 4] = [2, 32, 32, 8];

fn image() -> Tensor {
    Tensor::full(&IMAGE, 0.5, DType::F32).unwrap()
}

fn block() -> usize {
    pool::block_bytes(2 * 32 * 32 * 8 * 4)
}

/// A 3x3 convolution with ReLU that keeps the shape.
fn convolve(x: Var, weight: &Var) -> Result<Var> {
    let options = Conv2dOptions { padding: Padding2d::all(1), ..Conv2dOptions::default() };
    x.conv2d_act(weight.clone(), None, Activation::Relu, &options)
}

#[test]
fn inference_of_a_deep_chain_holds_a_few_activations() {
    let _turn = turn();
    let weight = Var::constant(Tensor::full(&[3, 3, 8, 8], 0.01, DType::F32).unwrap());
    let mut cx = Ctx::inference();
    let mut x = cx.input(image());
    // The first pass fills what kernels keep for themselves.
    drop(convolve(x.clone(), &weight).unwrap());
    let before = pool::stats().live_bytes;
    pool::reset_peak();
    for _ in 0..50 {
        x = convolve(x, &weight).unwrap().scale(0.5).unwrap().relu().unwrap();
    }
    let grown = pool::stats().peak_live_bytes - before;
    // An output beside the input, and the kernel's scratch.
    assert!(grown <= 3 * block(), "grew by {grown} bytes, an activation has {}", block());
}

#[test]
fn element_wise_operations_of_a_sole_holder_work_in_place() {
    let _turn = turn();
    let x = Var::constant(image());
    pool::reset_peak();
    let before = pool::stats();
    let y = x.relu().unwrap().scale(3.0).unwrap().relu().unwrap();
    assert_eq!(pool::stats().peak_live_bytes, before.live_bytes);
    drop(y);
}

fn pass(cx: &mut Ctx) -> (Var, Var) {
    let weight = cx.variable(Tensor::full(&[3, 3, 8, 8], 0.01, DType::F32).unwrap());
    let mut x = cx.input(image());
    for _ in 0..LAYERS {
        x = convolve(x.clone(), &weight).unwrap().add(x).unwrap();
    }
    (weight, x.mean().unwrap())
}

#[test]
fn a_dropped_tape_frees_everything_even_if_variables_remain() {
    let _turn = turn();
    let before = pool::stats().live_bytes;
    let mut cx = Ctx::training(Key::new(1));
    let (weight, loss) = pass(&mut cx);
    assert!(pool::stats().live_bytes >= before + LAYERS * block());
    drop(cx);
    // The values that the two variables themselves hold.
    let held = pool::block_bytes(3 * 3 * 8 * 8 * 4) + pool::block_bytes(4);
    assert_eq!(pool::stats().live_bytes, before + held);
    drop((weight, loss));
    assert_eq!(pool::stats().live_bytes, before);
}

#[test]
fn a_step_leaves_nothing_and_copies_nothing_on_write() {
    let _turn = turn();
    let step = || {
        let mut cx = Ctx::training(Key::new(1));
        let (weight, loss) = pass(&mut cx);
        let step = cx.backward(loss).unwrap();
        assert_eq!(step.gradients.of(&weight).unwrap().shape(), [3, 3, 8, 8]);
    };
    // One thread: how many hold scratch at one time, and so what a later step asks for, is a matter of when they come.
    let (before, after) = parallel::with_threads(1, || {
        step();
        let before = pool::stats();
        for _ in 0..3 {
            step();
        }
        (before, pool::stats())
    })
    .unwrap();
    assert_eq!(after.live_bytes, before.live_bytes);
    assert_eq!(after.copies_on_write, before.copies_on_write);
    assert_eq!(
        after.system_allocations, before.system_allocations,
        "a later step asked the system for memory"
    );
}

#[test]
fn saved_values_are_released_while_sweeping() {
    let _turn = turn();
    let mut cx = Ctx::training(Key::new(1));
    let (_weight, loss) = pass(&mut cx);
    let held = pool::stats().live_bytes;
    pool::reset_peak();
    drop(cx.backward(loss).unwrap());
    // A gradient that arrives, one that leaves, one that waits for the sum, and the kernel's scratch; not one for
    // each layer.
    let grown = pool::stats().peak_live_bytes - held;
    assert!(grown <= 6 * block(), "grew by {grown} bytes, an activation has {}", block());
}

#[test]
fn a_tape_without_wanted_gradients_keeps_nothing() {
    let _turn = turn();
    let mut cx = Ctx::new(Recording::Gradients, Mode::Train, Key::new(1));
    let weight = cx.input(Tensor::full(&[3, 3, 8, 8], 0.01, DType::F32).unwrap());
    let mut x = cx.input(image());
    drop(convolve(x.clone(), &weight).unwrap());
    let before = pool::stats().live_bytes;
    for _ in 0..6 {
        x = convolve(x, &weight).unwrap();
    }
    assert_eq!(pool::stats().live_bytes, before);
}
