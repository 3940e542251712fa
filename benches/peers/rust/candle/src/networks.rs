//! The networks as a user of candle writes them, their training steps, and prediction.
//!
//! Candle's stochastic gradient descent has no momentum, so [`Momentum`] is written with its tensors. Its AdamW is Adam
//! without weight decay.

use std::collections::HashMap;

use bench_common::inputs::parameter;
use candle_core::{D, DType, Device, Error, Module, ModuleT, Result, Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer as _, ParamsAdamW};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, FuncT, VarBuilder, VarMap, batch_norm, conv2d, conv2d_no_bias, func_t,
    linear, loss,
};
use peer_common::{CLASSES, Job, Network, Optimizer, Output};

use crate::{AGAIN, values};

/// A step: forward, loss, backward, update. Compared are a gradient before the first step, and the losses of the
/// first two.
pub(crate) fn train(work: &Network) -> Result<Job> {
    let variables = VarMap::new();
    let network = network(work, VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;
    let first = fill(&variables)?;
    let images = images(work)?;
    let labels = Tensor::new(work.labels(), &Device::Cpu)?;
    let mut update = update(work.optimizer, variables.all_vars())?;
    let loss = move || loss::cross_entropy(&network.forward_t(&images, true)?, &labels);
    let gradient = loss()?.backward()?.get(&first).map(values).transpose()?;
    let mut step = move || {
        let loss = loss()?;
        update(&loss)?;
        let value: f32 = loss.to_scalar()?;
        if value.is_finite() { Ok(value) } else { Err(Error::Msg(format!("the loss is {value}"))) }
    };
    let mut outputs = vec![Output::new("loss", vec![step()?, step()?])];
    outputs.extend(gradient.map(|gradient| Output::by_sum("grad_weight", gradient)));
    Ok(Job { compute: Box::new(move || _ = step().expect(AGAIN)), outputs })
}

/// Forward in eval mode. Its weights are no variables, so that nothing is kept for a gradient.
pub(crate) fn infer(work: &Network) -> Result<Job> {
    let variables = VarMap::new();
    network(work, VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;
    fill(&variables)?;
    let names = variables.data().lock().map_err(|error| Error::Msg(error.to_string()))?.clone();
    let constants: HashMap<String, Tensor> =
        names.into_iter().map(|(name, variable)| (name, variable.as_detached_tensor())).collect();
    let network = network(work, VarBuilder::from_tensors(constants, DType::F32, &Device::Cpu))?;
    let images = images(work)?;
    let outputs = vec![Output::new("output", values(&network.forward_t(&images, false)?)?)];
    Ok(Job { compute: Box::new(move || drop(network.forward_t(&images, false).expect(AGAIN))), outputs })
}

/// Gives the variables the numbers that every engine starts with; the kernel that sees the images.
fn fill(variables: &VarMap) -> Result<Var> {
    let names = variables.data().lock().map_err(|error| Error::Msg(error.to_string()))?;
    for (name, variable) in names.iter().filter(|(name, _)| !name.contains("running")) {
        let numbers: Vec<f32> = (0..variable.elem_count()).map(parameter(name, variable.dims())).collect();
        variable.set(&Tensor::from_vec(numbers, variable.dims(), &Device::Cpu)?)?;
    }
    names.get("conv1.weight").cloned().ok_or_else(|| Error::Msg("no conv1.weight".into()))
}

fn images(work: &Network) -> Result<Tensor> {
    Tensor::from_vec(work.images(), &work.shape(), &Device::Cpu)
}

type Update = Box<dyn FnMut(&Tensor) -> Result<()>>;

fn update(optimizer: Optimizer, variables: Vec<Var>) -> Result<Update> {
    Ok(match optimizer {
        Optimizer::Adam => {
            let mut adam =
                AdamW::new(variables, ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..Default::default() })?;
            Box::new(move |loss| adam.backward_step(loss))
        }
        Optimizer::SgdMomentum => {
            let mut momentum = Momentum { velocities: vec![None; variables.len()], variables };
            Box::new(move |loss| momentum.backward_step(loss))
        }
    })
}

/// Stochastic gradient descent with learning rate 0.01 and momentum 0.9.
struct Momentum {
    variables: Vec<Var>,
    /// None before the first step, and for what has no gradient.
    velocities: Vec<Option<Tensor>>,
}

impl Momentum {
    fn backward_step(&mut self, loss: &Tensor) -> Result<()> {
        let gradients = loss.backward()?;
        for (variable, velocity) in self.variables.iter().zip(&mut self.velocities) {
            let Some(gradient) = gradients.get(variable) else { continue };
            // A gradient holds on to the tensors that it was computed from.
            let moved = match velocity.take() {
                Some(before) => ((before * 0.9)? + gradient)?.detach(),
                None => gradient.detach(),
            };
            variable.set(&(variable.as_tensor() - (&moved * 0.01)?)?)?;
            *velocity = Some(moved);
        }
        Ok(())
    }
}

fn network(work: &Network, weights: VarBuilder<'_>) -> Result<FuncT<'static>> {
    match (work.model.as_str(), work.stages()) {
        ("mnist-cnn", _) => mnist_cnn(&weights),
        ("lenet5", _) => lenet5(&weights),
        (_, Some((widths, blocks))) => resnet(widths, blocks, &weights),
        (model, None) => Err(Error::Msg(format!("no network {model}"))),
    }
}

/// The network of PyTorch's MNIST example, without dropout.
fn mnist_cnn(weights: &VarBuilder<'_>) -> Result<FuncT<'static>> {
    let conv1 = conv2d(1, 32, 3, Conv2dConfig::default(), weights.pp("conv1"))?;
    let conv2 = conv2d(32, 64, 3, Conv2dConfig::default(), weights.pp("conv2"))?;
    let fc1 = linear(9216, 128, weights.pp("fc1"))?;
    let fc2 = linear(128, CLASSES, weights.pp("fc2"))?;
    Ok(func_t(move |x, _| {
        let x = conv1.forward(x)?.relu()?;
        let x = conv2.forward(&x)?.relu()?.max_pool2d(2)?.flatten_from(1)?;
        fc2.forward(&fc1.forward(&x)?.relu()?)
    }))
}

/// LeNet-5 with ReLU and max-pooling.
fn lenet5(weights: &VarBuilder<'_>) -> Result<FuncT<'static>> {
    let conv1 = conv2d(1, 6, 5, Conv2dConfig { padding: 2, ..Default::default() }, weights.pp("conv1"))?;
    let conv2 = conv2d(6, 16, 5, Conv2dConfig::default(), weights.pp("conv2"))?;
    let fc1 = linear(400, 120, weights.pp("fc1"))?;
    let fc2 = linear(120, 84, weights.pp("fc2"))?;
    let fc3 = linear(84, CLASSES, weights.pp("fc3"))?;
    Ok(func_t(move |x, _| {
        let x = conv1.forward(x)?.relu()?.max_pool2d(2)?;
        let x = conv2.forward(&x)?.relu()?.max_pool2d(2)?.flatten_from(1)?;
        let x = fc1.forward(&x)?.relu()?;
        fc3.forward(&fc2.forward(&x)?.relu()?)
    }))
}

/// Residual network for images of 32 x 32, with projections where sizes change.
fn resnet(widths: &[usize], blocks: usize, weights: &VarBuilder<'_>) -> Result<FuncT<'static>> {
    let mut in_c = widths[0];
    let stem = ConvNorm::new([3, in_c], 3, 1, weights.pp("conv1"), weights.pp("bn1"))?;
    let mut layers = Vec::new();
    for (stage, &width) in widths.iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let weights = weights.pp(format!("layer{}.{block}", stage + 1));
            layers.push(Block::new([in_c, width], stride, &weights)?);
            in_c = width;
        }
    }
    let fc = linear(in_c, CLASSES, weights.pp("fc"))?;
    Ok(func_t(move |x, train| {
        let x = stem.forward_t(x, train)?.relu()?;
        let x = layers.iter().try_fold(x, |x, layer| layer.forward_t(&x, train))?;
        fc.forward(&x.mean((D::Minus2, D::Minus1))?)
    }))
}

/// Two convolutions and the way around them.
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
}

impl Block {
    fn new([in_c, out_c]: [usize; 2], stride: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let part = |channels, kernel, stride, conv: &str, norm: &str| {
            ConvNorm::new(channels, kernel, stride, weights.pp(conv), weights.pp(norm))
        };
        let projection = || part([in_c, out_c], 1, stride, "downsample.0", "downsample.1");
        Ok(Self {
            first: part([in_c, out_c], 3, stride, "conv1", "bn1")?,
            second: part([out_c, out_c], 3, 1, "conv2", "bn2")?,
            downsample: (stride != 1 || in_c != out_c).then(projection).transpose()?,
        })
    }
}

impl ModuleT for Block {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let y = self.first.forward_t(x, train)?.relu()?;
        let y = self.second.forward_t(&y, train)?;
        match &self.downsample {
            Some(downsample) => (y + downsample.forward_t(x, train)?)?.relu(),
            None => (y + x)?.relu(),
        }
    }
}

/// A convolution without bias that only its stride shrinks the image by, and batch norm.
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(
        [in_c, out_c]: [usize; 2],
        kernel: usize,
        stride: usize,
        conv: VarBuilder<'_>,
        norm: VarBuilder<'_>,
    ) -> Result<Self> {
        let config = Conv2dConfig { stride, padding: kernel / 2, ..Default::default() };
        Ok(Self {
            conv: conv2d_no_bias(in_c, out_c, kernel, config, conv)?,
            norm: batch_norm(out_c, 1e-5, norm)?,
        })
    }
}

impl ModuleT for ConvNorm {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.norm.forward_t(&self.conv.forward_t(x, train)?, train)
    }
}
