//! How fast a network trains here: whole steps (forward, loss, backward, Adam) on random images.
//!
//! ```text
//! cargo run --release -p cnn-train --example training_speed [-- IMAGES [MODEL [BATCH [THREADS]]]]
//! ```
//! `benches/peers/training_speed.py` does the same in PyTorch; on a shared machine, run them in turn.
#![expect(clippy::print_stdout, reason = "an example tells its reader what happens")]

use std::time::Instant;

use cnn_autograd::{Ctx, random::Key};
use cnn_models::{Arguments, build};
use cnn_tensor::{Tensor, parallel, pool};
use cnn_train::optim::{Adam, AdamOptions, Optimizer};

/// Steps that are not counted: the pool fills, threads start.
const WARM_UP: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |index: usize, usual: usize| arguments.get(index).map_or(Ok(usual), |text| text.parse::<usize>());
    let (images, batch) = (number(0, 10_000)?, number(2, 64)?.max(1));
    let model = arguments.get(1).map_or("mnist-cnn", String::as_str);
    if arguments.len() > 3 {
        parallel::set_threads(number(3, 1)?)?;
    }

    let shape = Arguments::MNIST;
    let mut network = build(model, &shape, Key::new(1))?;
    let mut optimizer = Adam::new(AdamOptions::default())?;
    let key = Key::new(2);
    let len = batch * shape.height * shape.width * shape.channels;
    let pixels: Vec<f32> = (0..len as u64).map(|index| key.normal(index)).collect();
    let inputs = Tensor::from_slice(&[batch, shape.height, shape.width, shape.channels], &pixels)?;
    let labels: Vec<i64> =
        (0..batch as u64).map(|index| key.below(index, shape.classes as u64) as i64).collect();
    let labels = Tensor::from_slice(&[batch], &labels)?;

    let mut seconds = Vec::new();
    for number in 0..WARM_UP + images.div_ceil(batch).max(1) {
        let start = Instant::now();
        let mut cx = Ctx::training(key.fold(number as u64));
        let x = cx.input(inputs.clone());
        let loss = network.call(x, &mut cx)?.cross_entropy(&labels, 0.0)?;
        optimizer.step(&mut *network, cx.backward(loss)?, 1e-3)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut counted = seconds.split_off(WARM_UP);
    counted.sort_by(f64::total_cmp);
    let median = counted[counted.len() / 2];
    println!(
        "{model}, batch {batch}, {} threads, {}: {:.2} ms a step, {:.0} images/s, {:.0} MB of tensors at most",
        parallel::threads()?,
        cnn_tensor::simd::active()?,
        median * 1e3,
        batch as f64 / median,
        pool::stats().peak_live_bytes as f64 / 1e6
    );
    Ok(())
}
