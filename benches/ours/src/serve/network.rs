//! Whole networks: training steps, and prediction.

use bench_common::inputs::{self, stream};
use cnn_autograd::{Ctx, random::Key};
use cnn_layers::Forward;
use cnn_models::{Arguments, build};
use cnn_tensor::Tensor;
use cnn_train::optim::{self, AdamOptions, SgdOptions};

use super::{Job, Layout};
use crate::failure::{Result, failure};
use crate::work::{Network, Optimizer};

/// Classes that the networks tell apart.
const CLASSES: usize = 10;

/// Forward, loss, backward and update, on the same random images each time. Weights start at random in each
/// engine, so that all that is checked is that the loss stays finite.
pub(super) fn train(work: &Network) -> Result<Job> {
    let (mut network, images) = network(work)?;
    let labels: Vec<i64> = (0..work.batch).map(|index| inputs::label(index, CLASSES)).collect();
    let labels = Tensor::from_slice(&[work.batch], &labels)?;
    let (mut optimizer, learning_rate): (Box<dyn optim::Optimizer>, f64) = match work.optimizer {
        Optimizer::Adam => (Box::new(optim::Adam::new(AdamOptions::default())?), 1e-3),
        Optimizer::SgdMomentum => {
            (Box::new(optim::Sgd::new(SgdOptions { momentum: 0.9, ..SgdOptions::default() })?), 0.01)
        }
    };
    let mut key = Key::new(2);
    let compute = move || {
        key = key.fold(1);
        let mut cx = Ctx::training(key);
        let x = cx.input(images.clone());
        let loss = network.call(x, &mut cx)?.cross_entropy(&labels, 0.0)?;
        let value = loss.value().item()?;
        optimizer.step(&mut *network, cx.backward(loss)?, learning_rate)?;
        if value.is_finite() { Ok(Vec::new()) } else { failure(format!("the loss is {value}")) }
    };
    Ok(Job::new(Vec::new(), compute))
}

/// Forward in eval mode, without a tape.
pub(super) fn infer(work: &Network) -> Result<Job> {
    let (network, images) = network(work)?;
    let compute = move || {
        let mut cx = Ctx::inference();
        let x = cx.input(images.clone());
        network.call(x, &mut cx)?;
        Ok(Vec::new())
    };
    Ok(Job::new(Vec::new(), compute))
}

fn network(work: &Network) -> Result<(Box<dyn Forward>, Tensor)> {
    let [channels, height, width] = work.image();
    let network = build(&work.model, &Arguments { channels, classes: CLASSES, height, width }, Key::new(1))?;
    Ok((network, Layout::image(work.batch, channels, height, width).tensor(stream::INPUT)?))
}
