//! Whole networks: training steps, and prediction.
//!
//! Parameters start as [`inputs::parameter`] says, in every engine, so that scores, losses and gradients can be
//! compared.

use bench_common::inputs::{self, stream};
use cnn_autograd::{Ctx, Step, random::Key};
use cnn_layers::{Forward, Layer, Reduction, StateDict, Strictness, named_parameters};
use cnn_models::{Arguments, build};
use cnn_tensor::Tensor;
use cnn_train::optim::{self, AdamOptions, SgdOptions};

use super::{Job, Layout};
use crate::failure::{Result, failure};
use crate::protocol::Output;
use crate::work::{Network, Optimizer};

/// Classes that the networks tell apart.
const CLASSES: usize = 10;

/// The parameter whose first gradient is compared: that of the first layer has come through all others.
const WATCHED: &str = "conv1.weight";

/// Forward, loss, backward and update, on the same random images each time.
pub(super) fn train(work: &Network) -> Result<Job> {
    let mut training = Training::new(work)?;
    let outputs = training.outputs()?;
    let compute = move || {
        let (_, step) = training.backward()?;
        training.update(step)?;
        Ok(Vec::new())
    };
    Ok(Job { compute: Box::new(compute), outputs, operations: None })
}

/// Forward in eval mode, without a tape.
pub(super) fn infer(work: &Network) -> Result<Job> {
    let (network, images) = network(work)?;
    let compute = move || {
        let mut cx = Ctx::inference();
        let x = cx.input(images.clone());
        Ok(vec![network.call(x, &mut cx)?.value().clone()])
    };
    Job::new(vec![("output", Layout::plain(&[work.batch, CLASSES]))], compute)
}

/// A network while it is trained.
struct Training {
    network: Box<dyn Forward>,
    images: Tensor,
    labels: Tensor,
    optimizer: Box<dyn optim::Optimizer>,
    learning_rate: f64,
    key: Key,
}

impl Training {
    fn new(work: &Network) -> Result<Self> {
        let (network, images) = network(work)?;
        let labels: Vec<i64> = (0..work.batch).map(|index| inputs::label(index, CLASSES)).collect();
        let labels = Tensor::from_slice(&[work.batch], &labels)?;
        let (optimizer, learning_rate): (Box<dyn optim::Optimizer>, f64) = match work.optimizer {
            Optimizer::Adam => (Box::new(optim::Adam::new(AdamOptions::default())?), 1e-3),
            Optimizer::SgdMomentum => {
                (Box::new(optim::Sgd::new(SgdOptions { momentum: 0.9, ..SgdOptions::default() })?), 0.01)
            }
        };
        Ok(Self { network, images, labels, optimizer, learning_rate, key: Key::new(2) })
    }

    /// The loss, which has to be finite, and what the optimiser needs.
    fn backward(&mut self) -> Result<(f64, Step)> {
        self.key = self.key.fold(1);
        let mut cx = Ctx::training(self.key);
        let x = cx.input(self.images.clone());
        let loss = self.network.call(x, &mut cx)?.cross_entropy(&self.labels, Reduction::Mean)?;
        let value = loss.value().item()?;
        if !value.is_finite() {
            return failure(format!("the loss is {value}"));
        }
        Ok((value, cx.backward(loss)?))
    }

    fn update(&mut self, step: Step) -> Result<()> {
        Ok(self.optimizer.step(&mut *self.network, step, self.learning_rate)?)
    }

    /// What is compared: a gradient of the first step, and the losses of the first two, of which the second knows
    /// what the optimiser did. Takes both steps.
    fn outputs(&mut self) -> Result<Vec<Output>> {
        let (first, step) = self.backward()?;
        let gradient = self.watched(&step)?;
        self.update(step)?;
        let (second, step) = self.backward()?;
        self.update(step)?;
        let losses = Tensor::from_slice(&[2], &[first as f32, second as f32])?;
        Ok(vec![Layout::plain(&[2]).digest("loss", &losses)?, gradient])
    }

    /// Where rounding takes a number across the bend of a ReLU, a gradient's path opens or closes: after many layers
    /// and norms single numbers are 5 % apart, and their absolute values sum up to the same within a thousandth.
    fn watched(&self, step: &Step) -> Result<Output> {
        let parameters = named_parameters(&*self.network);
        let found = parameters.into_iter().find(|(path, _)| path == WATCHED);
        let gradient = found.and_then(|(_, p)| Some((p, step.gradients.get(p.id())?)));
        match gradient {
            Some((parameter, gradient)) => {
                Layout::parameter(parameter).by_sum().digest("grad_weight", gradient)
            }
            None => failure(format!("{WATCHED} has no gradient")),
        }
    }
}

fn network(work: &Network) -> Result<(Box<dyn Forward>, Tensor)> {
    let [channels, height, width] = work.image();
    let arguments = Arguments { channels, classes: CLASSES, height, width };
    let mut network = build(&work.model, &arguments, Key::new(1))?;
    fill(&mut *network)?;
    Ok((network, Layout::image(work.batch, channels, height, width).tensor(stream::INPUT)?))
}

/// Gives every parameter the numbers that all engines have for it, in the order in which files keep them.
pub(super) fn fill(network: &mut dyn Layer) -> Result<()> {
    let mut dict = StateDict::of(network)?;
    let names: Vec<String> = named_parameters(network).into_iter().map(|(path, _)| path).collect();
    for name in names {
        let Some(shape) = dict.get(&name).map(|tensor| tensor.shape().to_vec()) else {
            return failure(format!("parameter {name} is not kept under its name"));
        };
        let numbers = Layout::plain(&shape).filled(inputs::parameter(&name, &shape))?;
        dict.insert(name, numbers);
    }
    dict.load_into(network, Strictness::Strict)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(model: &str) -> Network {
        Network { model: model.into(), batch: 2, optimizer: Optimizer::SgdMomentum }
    }

    #[test]
    fn parameters_are_in_the_order_of_pytorch() {
        let (network, _) = network(&work("lenet5")).unwrap();
        let dict = StateDict::of(&*network).unwrap();
        for (name, shape) in
            [("conv2.weight", [16, 6, 5, 5].as_slice()), ("fc2.weight", &[84, 120]), ("fc3.bias", &[10])]
        {
            let len = shape.iter().product();
            let expected: Vec<f32> = (0..len).map(inputs::parameter(name, shape)).collect();
            assert_eq!(dict.get(name).unwrap().to_vec::<f32>().unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn scores_losses_and_a_gradient_are_compared() {
        let names = |job: Job| job.outputs.into_iter().map(|output| output.name).collect::<Vec<_>>();
        for model in ["mnist-cnn", "lenet5", "resnet20"] {
            assert_eq!(names(infer(&work(model)).unwrap()), ["output"]);
            assert_eq!(names(train(&work(model)).unwrap()), ["loss", "grad_weight"]);
        }
    }
}
