//! Operations that are limited by memory.
//!
//! Each writes a tensor of its own, as it does where a network needs its input again; the optimisers update in
//! place, since that is what they are for.

use bench_common::inputs::{self, stream};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::batch_norm::{self, Affine, TrainSaved, Wanted};
use cnn_tensor::ops::pool2d::{self, Pool2dOptions};
use cnn_tensor::ops::update::{self, Adam, Decay, Momentum};
use cnn_tensor::ops::{binary, cross_entropy, dropout, unary};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use super::{Job, Layout};
use crate::failure::Result;
use crate::work::{CHANNELS, CLASSES, Memory, MemoryOp, SIDE};

/// Added to the variance in batch norm.
const EPSILON: f64 = 1e-5;

pub(super) fn job(memory: &Memory) -> Result<Job> {
    let batch = memory.batch;
    let image = Layout::image(batch, CHANNELS, SIDE, SIDE);
    let pooled = Layout::image(batch, CHANNELS, SIDE / 2, SIDE / 2);
    match memory.op {
        MemoryOp::Relu => {
            let x = image.tensor(stream::INPUT)?;
            one(image, move || Ok(unary::relu(x.clone())?))
        }
        MemoryOp::ReluBwd => {
            let output = unary::relu(image.tensor(stream::INPUT)?)?;
            let grad = image.tensor(stream::GRADIENT)?;
            one(image, move || Ok(unary::relu_backward(&output, grad.clone())?))
        }
        MemoryOp::AddRelu => {
            let (x, other) = (image.tensor(stream::INPUT)?, image.tensor(stream::OTHER)?);
            one(image, move || Ok(binary::add_act(x.clone(), &other, Activation::Relu)?))
        }
        MemoryOp::BatchNorm => norm(image, Norm::default()),
        MemoryOp::BatchNormRelu => norm(image, Norm { act: Activation::Relu, ..Norm::default() }),
        MemoryOp::BatchNormAddRelu => norm(image, Norm { act: Activation::Relu, residual: true }),
        MemoryOp::BatchNormBwd => norm_backward(image, Norm::default()),
        MemoryOp::BatchNormReluBwd => norm_backward(image, Norm { act: Activation::Relu, ..Norm::default() }),
        MemoryOp::BatchNormAddReluBwd => norm_backward(image, Norm { act: Activation::Relu, residual: true }),
        MemoryOp::MaxPool => {
            let x = image.tensor(stream::INPUT)?;
            one(pooled, move || Ok(pool2d::max_forward(&x, halving())?.output))
        }
        MemoryOp::MaxPoolBwd => {
            let x = image.tensor(stream::INPUT)?;
            let indices = pool2d::max_forward(&x, halving())?.indices;
            let (grad, shape) = (pooled.tensor(stream::GRADIENT)?, x.shape_value());
            one(image, move || Ok(pool2d::max_backward(&indices, &grad, &shape, halving())?))
        }
        MemoryOp::AveragePool => {
            let x = image.tensor(stream::INPUT)?;
            one(pooled, move || Ok(pool2d::average_forward(&x, halving())?))
        }
        MemoryOp::AveragePoolBwd => {
            let grad = pooled.tensor(stream::GRADIENT)?;
            let shape = [batch, SIDE, SIDE, CHANNELS];
            one(image, move || Ok(pool2d::average_backward(&grad, &shape, halving())?))
        }
        MemoryOp::GlobalPool => {
            let x = image.tensor(stream::INPUT)?;
            let whole = Pool2dOptions::new([SIDE, SIDE]);
            one(Layout::image(batch, CHANNELS, 1, 1), move || Ok(pool2d::average_forward(&x, whole)?))
        }
        MemoryOp::CrossEntropy => entropy(batch),
        MemoryOp::Dropout => {
            let x = image.tensor(stream::INPUT)?;
            one(image.by_sum(), move || Ok(dropout::dropout(x.clone(), 0.5, Key::new(1))?))
        }
        MemoryOp::Sgd | MemoryOp::Adam | MemoryOp::AdamW => optimizer(memory),
    }
}

/// A window of 2 by 2 without overlap.
fn halving() -> Pool2dOptions {
    Pool2dOptions::new([2, 2])
}

/// A job of one output.
fn one(layout: Layout, mut compute: impl FnMut() -> Result<Tensor> + 'static) -> Result<Job> {
    Job::new(vec![("output", layout)], move || Ok(vec![compute()?]))
}

/// What is fused with a batch norm.
#[derive(Debug, Clone, Copy, Default)]
struct Norm {
    act: Activation,
    residual: bool,
}

/// The inputs of a batch norm.
struct NormInputs {
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Option<Tensor>,
}

impl NormInputs {
    fn new(image: &Layout, norm: Norm) -> Result<Self> {
        let channels = Layout::plain(&[CHANNELS]);
        Ok(Self {
            x: image.tensor(stream::INPUT)?,
            weight: channels.tensor(stream::WEIGHT)?,
            bias: channels.tensor(stream::BIAS)?,
            residual: norm.residual.then(|| image.tensor(stream::OTHER)).transpose()?,
        })
    }

    fn forward(&self, act: Activation) -> Result<batch_norm::TrainForward> {
        let affine = Affine { weight: &self.weight, bias: &self.bias, epsilon: EPSILON };
        Ok(batch_norm::forward_train(&self.x, affine, self.residual.as_ref(), act)?)
    }
}

fn norm(image: Layout, norm: Norm) -> Result<Job> {
    let inputs = NormInputs::new(&image, norm)?;
    one(image, move || Ok(inputs.forward(norm.act)?.output))
}

fn norm_backward(image: Layout, norm: Norm) -> Result<Job> {
    let inputs = NormInputs::new(&image, norm)?;
    let forward = inputs.forward(norm.act)?;
    let grad = image.tensor(stream::GRADIENT)?;
    let wanted = Wanted { input: true, affine: true, residual: norm.residual };
    let channels = Layout::plain(&[CHANNELS]);
    let compute = move || {
        let saved = TrainSaved {
            x: &inputs.x,
            output: &forward.output,
            weight: &inputs.weight,
            mean: &forward.mean,
            inverse_deviation: &forward.inverse_deviation,
        };
        let backward = batch_norm::backward_train(saved, norm.act, wanted, grad.clone())?;
        Ok([backward.input, backward.weight, backward.bias].into_iter().flatten().collect())
    };
    let outputs = vec![("grad_input", image), ("grad_weight", channels.clone()), ("grad_bias", channels)];
    Job::new(outputs, compute)
}

/// Loss and gradient of the logits.
fn entropy(batch: usize) -> Result<Job> {
    let layout = Layout::plain(&[batch, CLASSES]);
    let logits = layout.tensor(stream::INPUT)?;
    let labels: Vec<i64> = (0..batch).map(|index| inputs::label(index, CLASSES)).collect();
    let labels = Tensor::from_slice(&[batch], &labels)?;
    let seed = Tensor::scalar(1.0f32)?;
    let compute = move || {
        let forward = cross_entropy::forward(&logits, &labels, &Default::default())?;
        let grad = cross_entropy::backward(forward.probabilities, &labels, &Default::default(), &seed)?;
        Ok(vec![forward.loss, grad])
    };
    let outputs = vec![("loss", Layout::plain(&[1])), ("grad_input", layout)];
    Job::new(outputs, compute)
}

/// One step on one parameter; the steps go on from each other.
fn optimizer(memory: &Memory) -> Result<Job> {
    let layout = Layout::plain(&[memory.batch]);
    let mut parameter = layout.tensor(stream::INPUT)?;
    let grad = layout.tensor(stream::GRADIENT)?;
    let mut first = Tensor::zeros(&[memory.batch], DType::F32)?;
    if memory.op == MemoryOp::Sgd {
        let options = Momentum { lr: 0.01, momentum: 0.9, step: 2, ..Momentum::default() };
        return one(layout, move || {
            update::apply(&options, &mut parameter, &grad, [&mut first])?;
            Ok(parameter.clone())
        });
    }
    let mut second = first.clone();
    let decay = if memory.op == MemoryOp::AdamW { Decay::Decoupled } else { Decay::Coupled };
    let mut options = Adam { lr: 1e-3, weight_decay: 0.01, decay, step: 0, ..Adam::default() };
    one(layout, move || {
        options.step += 1;
        update::apply(&options, &mut parameter, &grad, [&mut first, &mut second])?;
        Ok(parameter.clone())
    })
}
