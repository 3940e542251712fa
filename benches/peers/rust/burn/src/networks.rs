//! The networks as a user of burn writes them, their training steps, and prediction.

use bench_common::inputs::stream::INPUT;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Int, Tensor};
use peer_common::{CLASSES, Job, Network, Optimizer, Output};

use crate::weights::filled;
use crate::{tensor, values};

/// A step: forward, loss, backward, update. Compared are a gradient before the first step, and the losses of the
/// first two.
pub(crate) fn train(work: &Network) -> Result<Job, String> {
    let device = Device::flex().autodiff();
    match (work.model.as_str(), work.stages()) {
        ("mnist-cnn", _) => Ok(steps(MnistCnn::new(&device), work, &device)),
        ("lenet5", _) => Ok(steps(LeNet5::new(&device), work, &device)),
        (_, Some((widths, blocks))) => Ok(steps(Resnet::new(widths, blocks, &device), work, &device)),
        (model, None) => Err(format!("no network {model}")),
    }
}

/// Forward in eval mode, on a device that records nothing for a gradient.
pub(crate) fn infer(work: &Network) -> Result<Job, String> {
    let device = Device::flex();
    match (work.model.as_str(), work.stages()) {
        ("mnist-cnn", _) => Ok(predictions(MnistCnn::new(&device), work, &device)),
        ("lenet5", _) => Ok(predictions(LeNet5::new(&device), work, &device)),
        (_, Some((widths, blocks))) => Ok(predictions(Resnet::new(widths, blocks, &device), work, &device)),
        (model, None) => Err(format!("no network {model}")),
    }
}

/// Images to scores.
trait Classifier: Module + 'static {
    fn forward(&self, x: Tensor<4>) -> Tensor<2>;

    /// The convolution that sees the images.
    fn first(&self) -> &Conv2d;
}

fn steps(network: impl Classifier, work: &Network, device: &Device) -> Job {
    let network = filled(network);
    let images = tensor(INPUT, work.shape(), device);
    let labels: Tensor<1, Int> = Tensor::from_ints(work.labels().as_slice(), device);
    let loss = CrossEntropyLossConfig::new().init(device);
    let (mut optimizer, learning_rate): (ModuleOptimizer, f64) = match work.optimizer {
        Optimizer::Adam => (AdamConfig::new().with_epsilon(1e-8).init(), 1e-3),
        Optimizer::SgdMomentum => {
            let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
            (SgdConfig::new().with_momentum(Some(momentum)).init(), 0.01)
        }
    };
    let gradients = loss.forward(network.forward(images.clone()), labels.clone()).backward();
    let gradient: Option<Tensor<4>> =
        GradientsParams::from_grads(gradients, &network).get(network.first().weight.id);
    // A step takes the network and gives it back.
    let mut trained = Some(network);
    let mut step = move || {
        let network = trained.take().expect("the step before gave it back");
        let loss = loss.forward(network.forward(images.clone()), labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        trained = Some(optimizer.step(learning_rate, network, gradients));
        let value: f32 = loss.into_scalar();
        assert!(value.is_finite(), "the loss is {value}");
        value
    };
    let mut outputs = vec![Output::new("loss", vec![step(), step()])];
    outputs.extend(gradient.map(|gradient| Output::by_sum("grad_weight", values(gradient))));
    Job { compute: Box::new(move || _ = step()), outputs }
}

fn predictions(network: impl Classifier, work: &Network, device: &Device) -> Job {
    let network = filled(network);
    let images = tensor(INPUT, work.shape(), device);
    let outputs = vec![Output::new("output", values(network.forward(images.clone())))];
    Job { compute: Box::new(move || drop(network.forward(images.clone()))), outputs }
}

/// The network of PyTorch's MNIST example, without dropout.
#[derive(Module, Debug)]
struct MnistCnn {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
}

impl MnistCnn {
    fn new(device: &Device) -> Self {
        Self {
            conv1: Conv2dConfig::new([1, 32], [3, 3]).init(device),
            conv2: Conv2dConfig::new([32, 64], [3, 3]).init(device),
            pool: halving(),
            fc1: LinearConfig::new(9216, 128).init(device),
            fc2: LinearConfig::new(128, CLASSES).init(device),
        }
    }
}

impl Classifier for MnistCnn {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(x));
        let x = relu(self.conv2.forward(x));
        let x: Tensor<2> = self.pool.forward(x).flatten(1, 3);
        self.fc2.forward(relu(self.fc1.forward(x)))
    }

    fn first(&self) -> &Conv2d {
        &self.conv1
    }
}

/// LeNet-5 with ReLU and max-pooling.
#[derive(Module, Debug)]
struct LeNet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl LeNet5 {
    fn new(device: &Device) -> Self {
        Self {
            conv1: Conv2dConfig::new([1, 6], [5, 5])
                .with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2))
                .init(device),
            conv2: Conv2dConfig::new([6, 16], [5, 5]).init(device),
            pool: halving(),
            fc1: LinearConfig::new(400, 120).init(device),
            fc2: LinearConfig::new(120, 84).init(device),
            fc3: LinearConfig::new(84, CLASSES).init(device),
        }
    }
}

impl Classifier for LeNet5 {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.conv1.forward(x)));
        let x: Tensor<2> = self.pool.forward(relu(self.conv2.forward(x))).flatten(1, 3);
        let x = relu(self.fc1.forward(x));
        self.fc3.forward(relu(self.fc2.forward(x)))
    }

    fn first(&self) -> &Conv2d {
        &self.conv1
    }
}

fn halving() -> MaxPool2d {
    MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init()
}

/// Residual network for images of 32 x 32, with projections where sizes change.
#[derive(Module, Debug)]
struct Resnet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    /// Empty in a network of three stages.
    layer4: Vec<Block>,
    fc: Linear,
}

impl Resnet {
    fn new(widths: &[usize], blocks: usize, device: &Device) -> Self {
        let stage = |stage: usize| -> Vec<Block> {
            let Some(&out_c) = widths.get(stage) else { return Vec::new() };
            let first = match stage {
                0 => Block::new([out_c, out_c], 1, device),
                _ => Block::new([widths[stage - 1], out_c], 2, device),
            };
            let following = (1..blocks).map(|_| Block::new([out_c, out_c], 1, device));
            std::iter::once(first).chain(following).collect()
        };
        Self {
            conv1: conv([3, widths[0]], 3, 1, device),
            bn1: BatchNormConfig::new(widths[0]).init(device),
            layer1: stage(0),
            layer2: stage(1),
            layer3: stage(2),
            layer4: stage(3),
            fc: LinearConfig::new(widths[widths.len() - 1], CLASSES).init(device),
        }
    }
}

impl Classifier for Resnet {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.bn1.forward(self.conv1.forward(x)));
        let blocks = [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten();
        let x = blocks.fold(x, |x, block| block.forward(x));
        self.fc.forward(adaptive_avg_pool2d(x, [1, 1]).flatten(1, 3))
    }

    fn first(&self) -> &Conv2d {
        &self.conv1
    }
}

/// Two convolutions and the way around them.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<Projection>,
}

impl Block {
    fn new([in_c, out_c]: [usize; 2], stride: usize, device: &Device) -> Self {
        let norm = || BatchNormConfig::new(out_c).init(device);
        let projection = || Projection { conv: conv([in_c, out_c], 1, stride, device), norm: norm() };
        Self {
            conv1: conv([in_c, out_c], 3, stride, device),
            bn1: norm(),
            conv2: conv([out_c, out_c], 3, 1, device),
            bn2: norm(),
            downsample: (stride != 1 || in_c != out_c).then(projection),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let y = self.bn2.forward(self.conv2.forward(y));
        let shortcut = match &self.downsample {
            Some(Projection { conv, norm }) => norm.forward(conv.forward(x)),
            None => x,
        };
        relu(y + shortcut)
    }
}

/// What makes a shortcut as wide, and its image as small, as what it is added to.
#[derive(Module, Debug)]
struct Projection {
    conv: Conv2d,
    norm: BatchNorm,
}

/// A convolution without bias that only its stride shrinks the image by.
fn conv(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device)
}
