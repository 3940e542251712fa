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
use peer_common::{CLASSES, Network, Optimizer};

use crate::tensor;

/// A step: forward, loss, backward, update.
pub(crate) fn train(work: &Network) -> Result<Box<dyn FnMut()>, String> {
    let device = Device::flex().autodiff();
    match (work.model.as_str(), work.stages()) {
        ("mnist-cnn", _) => Ok(steps(MnistCnn::new(&device), work, &device)),
        ("lenet5", _) => Ok(steps(LeNet5::new(&device), work, &device)),
        (_, Some((widths, blocks))) => Ok(steps(Resnet::new(widths, blocks, &device), work, &device)),
        (model, None) => Err(format!("no network {model}")),
    }
}

/// Forward in eval mode, on a device that records nothing for a gradient.
pub(crate) fn infer(work: &Network) -> Result<Box<dyn FnMut()>, String> {
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
}

fn steps(network: impl Classifier, work: &Network, device: &Device) -> Box<dyn FnMut()> {
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
    // A step takes the network and gives it back.
    let mut trained = Some(network);
    Box::new(move || {
        let Some(network) = trained.take() else { return };
        let loss = loss.forward(network.forward(images.clone()), labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        trained = Some(optimizer.step(learning_rate, network, gradients));
        let value: f32 = loss.into_scalar();
        assert!(value.is_finite(), "the loss is {value}");
    })
}

fn predictions(network: impl Classifier, work: &Network, device: &Device) -> Box<dyn FnMut()> {
    let images = tensor(INPUT, work.shape(), device);
    Box::new(move || drop(network.forward(images.clone())))
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
}

fn halving() -> MaxPool2d {
    MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init()
}

/// Residual network for images of 32 x 32, with projections where sizes change.
#[derive(Module, Debug)]
struct Resnet {
    stem: ConvNorm,
    layers: Vec<Block>,
    fc: Linear,
}

impl Resnet {
    fn new(widths: &[usize], blocks: usize, device: &Device) -> Self {
        let mut in_c = widths[0];
        let stem = ConvNorm::new([3, in_c], 3, 1, device);
        let mut layers = Vec::new();
        for (stage, &width) in widths.iter().enumerate() {
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                layers.push(Block::new([in_c, width], stride, device));
                in_c = width;
            }
        }
        Self { stem, layers, fc: LinearConfig::new(in_c, CLASSES).init(device) }
    }
}

impl Classifier for Resnet {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.stem.forward(x));
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x));
        self.fc.forward(adaptive_avg_pool2d(x, [1, 1]).flatten(1, 3))
    }
}

/// Two convolutions and the way around them.
#[derive(Module, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
}

impl Block {
    fn new([in_c, out_c]: [usize; 2], stride: usize, device: &Device) -> Self {
        let projection = || ConvNorm::new([in_c, out_c], 1, stride, device);
        Self {
            first: ConvNorm::new([in_c, out_c], 3, stride, device),
            second: ConvNorm::new([out_c, out_c], 3, 1, device),
            downsample: (stride != 1 || in_c != out_c).then(projection),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.first.forward(x.clone()));
        let y = self.second.forward(y);
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x),
            None => x,
        };
        relu(y + shortcut)
    }
}

/// A convolution without bias that only its stride shrinks the image by, and batch norm.
#[derive(Module, Debug)]
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        let padding = kernel / 2;
        let conv = Conv2dConfig::new(channels, [kernel; 2])
            .with_stride([stride; 2])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_bias(false);
        Self { conv: conv.init(device), norm: BatchNormConfig::new(channels[1]).init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}
