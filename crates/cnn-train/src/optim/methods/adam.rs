//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), as `torch.optim` has them.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Decay};
use serde::{Deserialize, Serialize};

use super::{MOMENTS, check_moments};
use crate::Result;
use crate::optim::method::expect_state;
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Adam; weight decay is added to the gradient.
pub type Adam = ByParameter<AdamOptions>;

/// Adam with decoupled weight decay: taken off the parameter itself.
pub type AdamW = ByParameter<AdamWOptions>;

/// Arguments of [`Adam`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

/// Arguments of [`AdamW`], with PyTorch's names and defaults, but that biases and norms do not decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamWOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decay_on: DecayOn::All }
    }
}

impl Default for AdamWOptions {
    fn default() -> Self {
        let AdamOptions { beta1, beta2, epsilon, .. } = AdamOptions::default();
        Self { beta1, beta2, epsilon, weight_decay: 0.01, decay_on: DecayOn::Kernels }
    }
}

macro_rules! method {
    ($options:ident, $name:literal, $decay:expr) => {
        impl Method for $options {
            const NAME: &'static str = $name;

            fn check(&self) -> Result<()> {
                check_moments(self.beta1, self.beta2, self.epsilon, self.weight_decay)
            }

            fn weight_decay(&self, shape: &[usize]) -> f64 {
                self.decay_on.of(self.weight_decay, shape)
            }

            fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
                MOMENTS.to_vec()
            }

            fn update(
                &self,
                at: &Move,
                parameter: &mut Tensor,
                gradient: &Tensor,
                state: &mut [Tensor],
            ) -> Result<()> {
                let Move { learning_rate: lr, weight_decay, step } = *at;
                let Self { beta1, beta2, epsilon, .. } = *self;
                let rule = update::Adam { lr, beta1, beta2, epsilon, weight_decay, decay: $decay, step };
                Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
            }
        }
    };
}

method!(AdamOptions, "adam", Decay::Coupled);
method!(AdamWOptions, "adamw", Decay::Decoupled);
