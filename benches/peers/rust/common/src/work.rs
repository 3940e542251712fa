//! Works as peers read them: those of benches/ours/src/work.

use bench_common::inputs::{label, stream};
use serde_json::Value;

use crate::numbers;

/// Classes that the networks tell apart.
pub const CLASSES: usize = 10;

/// How the weights are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimizer {
    /// Adam with learning rate 0.001.
    Adam,
    /// Stochastic gradient descent with learning rate 0.01 and momentum 0.9.
    SgdMomentum,
}

/// A network, how many images it sees at once, and the optimiser that trains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub model: String,
    /// Images at once.
    pub batch: usize,
    /// How it is trained.
    pub optimizer: Optimizer,
}

impl Network {
    /// The network of a work.
    pub fn of(work: &Value) -> Result<Self, String> {
        let optimizer = match work["optimizer"].as_str() {
            Some("adam") => Optimizer::Adam,
            Some("sgd-momentum") => Optimizer::SgdMomentum,
            other => return Err(format!("no optimiser {other:?}")),
        };
        let model = work["model"].as_str().ok_or("no model")?.to_string();
        Ok(Self { model, batch: size(work, "batch")?, optimizer })
    }

    /// Batch, channels, height and width of the images: MNIST's or CIFAR's.
    pub fn shape(&self) -> [usize; 4] {
        let [channels, height, width] = if self.model.contains("resnet") { [3, 32, 32] } else { [1, 28, 28] };
        [self.batch, channels, height, width]
    }

    /// The images, in the order of that shape.
    pub fn images(&self) -> Vec<f32> {
        numbers(stream::INPUT, self.shape().iter().product())
    }

    /// A label for each image.
    pub fn labels(&self) -> Vec<i64> {
        (0..self.batch).map(|index| label(index, CLASSES)).collect()
    }

    /// Widths of the stages of a residual network, and the blocks of each.
    pub fn stages(&self) -> Option<(&'static [usize], usize)> {
        match self.model.as_str() {
            "resnet20" => Some((&[16, 32, 64], 3)),
            "resnet18-cifar" => Some((&[64, 128, 256, 512], 2)),
            _ => None,
        }
    }
}

/// A square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Images at once.
    pub batch: usize,
    /// Channels of the input.
    pub in_c: usize,
    /// Height of the input.
    pub in_h: usize,
    /// Width of the input.
    pub in_w: usize,
    /// Channels of the output.
    pub out_c: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Padding on each side.
    pub padding: usize,
    /// Dilation in both directions.
    pub dilation: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Whether the output has bias and ReLU.
    pub bias_relu: bool,
}

impl Conv {
    /// The convolution of a work that asks for nothing but its output.
    pub fn forward_of(work: &Value) -> Result<Self, String> {
        let bias_relu = match work["pass"].as_str() {
            Some("fwd") => false,
            Some("fwd-relu") => true,
            _ => return Err("convolutions forward only".into()),
        };
        Ok(Self {
            batch: size(work, "batch")?,
            in_c: size(work, "in_c")?,
            in_h: size(work, "in_h")?,
            in_w: size(work, "in_w")?,
            out_c: size(work, "out_c")?,
            kernel: size(work, "kernel")?,
            stride: size(work, "stride")?,
            padding: size(work, "padding")?,
            dilation: size(work, "dilation")?,
            groups: size(work, "groups")?,
            bias_relu,
        })
    }

    /// Batch, channels, height and width of the input.
    pub fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.in_c, self.in_h, self.in_w]
    }

    /// Shape of the weights, as PyTorch has them.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.out_c, self.in_c / self.groups, self.kernel, self.kernel]
    }
}

/// A number of a work.
fn size(work: &Value, name: &str) -> Result<usize, String> {
    work[name].as_u64().map(|size| size as usize).ok_or(format!("no {name}"))
}
