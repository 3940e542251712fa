//! NAdam: Adam with Nesterov's momentum (Dozat, ICLR workshop 2016), as `torch.optim.NAdam`.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Decay};
use serde::{Deserialize, Serialize};

use super::{MOMENTS, check_moments};
use crate::Result;
use crate::optim::method::{check_from_zero, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Adam with Nesterov's momentum.
pub type NAdam = ByParameter<NAdamOptions>;

/// Arguments of [`NAdam`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NAdamOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// How fast the momentum rises to `beta1`.
    pub momentum_decay: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Whether weight decay is taken off the parameter itself, as AdamW's, rather than added to the gradient.
    pub decoupled_weight_decay: bool,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for NAdamOptions {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            momentum_decay: 4e-3,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            decay_on: DecayOn::All,
        }
    }
}

impl Method for NAdamOptions {
    const NAME: &'static str = "nadam";

    fn check(&self) -> Result<()> {
        check_from_zero("optimizer.momentum-decay", self.momentum_decay)?;
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
        let Self { beta1, beta2, epsilon, momentum_decay, .. } = *self;
        let decay = if self.decoupled_weight_decay { Decay::Decoupled } else { Decay::Coupled };
        let rule = update::NAdam { lr, beta1, beta2, epsilon, momentum_decay, weight_decay, decay, step };
        Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
    }
}
