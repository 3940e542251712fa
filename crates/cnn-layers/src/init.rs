//! Starting values of parameters. Every number comes from the key that is passed in.
//!
//! Formulas and names are those of `torch.nn.init`: Glorot and Bengio (2010) for Xavier, He et al.
//! (arXiv:1502.01852) for Kaiming.

mod gain;
mod orthogonal;
mod truncated;

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use crate::Result;

pub use gain::Gain;
pub use orthogonal::{Dirac, Orthogonal};
pub use truncated::TruncatedNormal;

/// How many inputs each output of a weight sums over, and how many outputs an input enters, as
/// `torch.nn.init` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fans {
    /// Inputs of one output: input channels of a group times taps.
    pub fan_in: usize,
    /// Output channels times taps. With groups these are the output channels of all of them, as in PyTorch, which
    /// counts the first axis of the weight: more than the outputs of one input.
    pub fan_out: usize,
}

/// Makes starting values. A closure `Fn(&[usize], Fans, Key) -> Result<Tensor>` is one too.
pub trait Initializer {
    /// A tensor of the shape, in the order of memory.
    ///
    /// # Errors
    /// Out of memory.
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor>;
}

impl<F: Fn(&[usize], Fans, Key) -> Result<Tensor>> Initializer for F {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        self(shape, fans, key)
    }
}

/// Which fan sets the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fan {
    /// Keeps the variance of activations.
    #[default]
    In,
    /// Keeps the variance of gradients where there are no groups.
    Out,
}

impl Fan {
    fn of(self, fans: Fans) -> f64 {
        let fan = match self {
            Self::In => fans.fan_in,
            Self::Out => fans.fan_out,
        };
        fan.max(1) as f64
    }
}

/// PyTorch's default for weights and biases of dense and convolution layers: uniform within
/// `1 / sqrt(fan_in)`, which is `kaiming_uniform_(a = sqrt(5))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorchDefault;

impl Initializer for TorchDefault {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        uniform(shape, 1.0 / Fan::In.of(fans).sqrt(), key)
    }
}

/// Uniform within `gain * sqrt(3 / fan)`. [`Gain::Relu`] is PyTorch's default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KaimingUniform {
    /// Which fan.
    pub fan: Fan,
    /// What the activation that follows asks for.
    pub gain: Gain,
}

impl Default for KaimingUniform {
    /// Fan in, before a ReLU.
    fn default() -> Self {
        Self { fan: Fan::In, gain: Gain::Relu }
    }
}

impl Initializer for KaimingUniform {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        uniform(shape, self.gain.value() * (3.0 / self.fan.of(fans)).sqrt(), key)
    }
}

/// Normal with standard deviation `gain / sqrt(fan)`. [`Gain::Relu`] is PyTorch's default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KaimingNormal {
    /// Which fan.
    pub fan: Fan,
    /// What the activation that follows asks for.
    pub gain: Gain,
}

impl Default for KaimingNormal {
    /// Fan in, before a ReLU.
    fn default() -> Self {
        Self { fan: Fan::In, gain: Gain::Relu }
    }
}

impl Initializer for KaimingNormal {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        normal(shape, self.gain.value() / self.fan.of(fans).sqrt(), key)
    }
}

/// Uniform within `gain * sqrt(6 / (fan_in + fan_out))`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct XavierUniform {
    /// What the activation that follows asks for.
    pub gain: Gain,
}

impl Initializer for XavierUniform {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        uniform(shape, self.gain.value() * (6.0 / (Fan::In.of(fans) + Fan::Out.of(fans))).sqrt(), key)
    }
}

/// Normal with standard deviation `gain * sqrt(2 / (fan_in + fan_out))`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct XavierNormal {
    /// What the activation that follows asks for.
    pub gain: Gain,
}

impl Initializer for XavierNormal {
    fn tensor(&self, shape: &[usize], fans: Fans, key: Key) -> Result<Tensor> {
        normal(shape, self.gain.value() * (2.0 / (Fan::In.of(fans) + Fan::Out.of(fans))).sqrt(), key)
    }
}

/// One value everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant(pub f64);

impl Initializer for Constant {
    fn tensor(&self, shape: &[usize], _fans: Fans, _key: Key) -> Result<Tensor> {
        Ok(Tensor::full(shape, self.0, DType::F32)?)
    }
}

/// Numbers uniform in `[-bound, bound)`.
///
/// # Errors
/// Out of memory.
pub fn uniform(shape: &[usize], bound: f64, key: Key) -> Result<Tensor> {
    fill(shape, |index| (bound * (2.0 * f64::from(key.uniform(index)) - 1.0)) as f32)
}

/// Numbers from the normal distribution of mean zero.
///
/// # Errors
/// Out of memory.
pub fn normal(shape: &[usize], deviation: f64, key: Key) -> Result<Tensor> {
    fill(shape, |index| (deviation * f64::from(key.normal(index))) as f32)
}

fn fill(shape: &[usize], value: impl Fn(u64) -> f32) -> Result<Tensor> {
    let mut tensor = Tensor::stale(shape, DType::F32)?;
    for (index, element) in tensor.as_mut_slice::<f32>()?.iter_mut().enumerate() {
        *element = value(index as u64);
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(tensor: &Tensor) -> (f64, f64, f64) {
        let values = tensor.to_f64_vec().unwrap();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance, values.iter().fold(0.0, |most, value| most.max(value.abs())))
    }

    #[test]
    fn spreads_are_those_of_the_formulas() {
        let (shape, fans) = ([3, 3, 50, 40], Fans { fan_in: 450, fan_out: 360 });
        let gain = Gain::Relu;
        let cases: [(&dyn Initializer, f64, Option<f64>); 6] = [
            (&TorchDefault, 1.0 / (3.0 * 450.0), Some(1.0 / 450f64.sqrt())),
            (&KaimingUniform { fan: Fan::In, gain }, 2.0 / 450.0, Some((6.0 / 450f64).sqrt())),
            (&KaimingNormal { fan: Fan::Out, gain }, 2.0 / 360.0, None),
            (&XavierUniform::default(), 2.0 / 810.0, Some((6.0 / 810f64).sqrt())),
            (&XavierUniform { gain: Gain::Of(3.0) }, 18.0 / 810.0, Some((54.0 / 810f64).sqrt())),
            (&XavierNormal { gain: Gain::Tanh }, 2.0 / 810.0 * 25.0 / 9.0, None),
        ];
        for (index, (initializer, variance, bound)) in cases.into_iter().enumerate() {
            let tensor = initializer.tensor(&shape, fans, Key::new(5)).unwrap();
            let (mean, met, most) = moments(&tensor);
            assert!(mean.abs() < 0.03 * variance.sqrt(), "case {index}: mean {mean}");
            assert!((met / variance - 1.0).abs() < 0.05, "case {index}: variance {met}, expected {variance}");
            assert!(
                bound.is_none_or(|bound| most <= bound * 1.000_001),
                "case {index}: {most} is out of bounds"
            );
        }
    }

    #[test]
    fn the_fan_out_of_a_depthwise_convolution_counts_all_output_channels() {
        // torch.nn.init._calculate_fan_in_and_fan_out of a weight [64, 1, 3, 3]: 9 and 576.
        let build = |initializer: &dyn Initializer| {
            crate::Conv2d::builder(64, 64, 3).groups(64).build_with(initializer, Key::new(5)).unwrap()
        };
        build(&|shape: &[usize], fans: Fans, _: Key| {
            assert_eq!(fans, Fans { fan_in: 9, fan_out: 576 });
            Ok(Tensor::zeros(shape, DType::F32)?)
        });
        let bound = (6.0 / 576f64).sqrt();
        let (_, _, most) =
            moments(build(&KaimingUniform { fan: Fan::Out, gain: Gain::Relu }).weight().value());
        assert!(most <= bound * 1.000_001 && most > 0.98 * bound, "{most}, expected up to {bound}");
    }

    #[test]
    fn a_closure_is_an_initializer() {
        let ramp = |shape: &[usize], _: Fans, _: Key| Ok(Tensor::full(shape, 7.0, DType::F32)?);
        let tensor = ramp.tensor(&[2], Fans { fan_in: 1, fan_out: 1 }, Key::new(0)).unwrap();
        assert_eq!(tensor.to_vec::<f32>().unwrap(), [7.0, 7.0]);
    }
}
