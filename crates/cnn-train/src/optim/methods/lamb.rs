//! LAMB (You et al., arXiv:1904.00962): Adam's direction, as long as the parameter itself. For large batches.

use cnn_tensor::ops::update::{self, Descent, LambDirection};
use cnn_tensor::{Tensor, ops};
use serde::{Deserialize, Serialize};

use super::{MOMENTS, check_moments};
use crate::Result;
use crate::optim::method::expect_state;
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// LAMB. The paper clips the gradients' norm at 1 before, which is the trainer's to do.
pub type Lamb = ByParameter<LambOptions>;

/// Arguments of [`Lamb`], with the paper's defaults; weight decay is decoupled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LambOptions {
    /// Decay rate of the mean of the gradients.
    pub beta1: f64,
    /// Decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on. The others also keep the length of Adam's step, as in timm.
    pub decay_on: DecayOn,
}

impl Default for LambOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weight_decay: 0.01, decay_on: DecayOn::Kernels }
    }
}

impl Method for LambOptions {
    const NAME: &'static str = "lamb";

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
        let Move { learning_rate, weight_decay, step } = *at;
        let Self { beta1, beta2, epsilon, .. } = *self;
        let mut direction = Tensor::stale(parameter.shape(), parameter.dtype())?;
        let rule = LambDirection { beta1, beta2, epsilon, weight_decay, step };
        let [first, second] = expect_state(state)?;
        update::apply(&rule, parameter, gradient, [first, second, &mut direction])?;
        let lengths = (length(parameter)?, length(&direction)?);
        // A parameter that is still zero, and one that does not decay, go as far as Adam does.
        let trust = match lengths {
            (own, step) if weight_decay != 0.0 && own > 0.0 && step > 0.0 => own / step,
            _ => 1.0,
        };
        let rule = Descent { lr: learning_rate * trust, weight_decay: 0.0 };
        Ok(update::apply(&rule, parameter, &direction, [])?)
    }
}

fn length(x: &Tensor) -> Result<f64> {
    let axes: Vec<usize> = (0..x.rank()).collect();
    Ok(ops::reduce::norm_over(x, &axes, ops::reduce::Norm::L2, ops::reduce::Keep::Dropped)?.item()?)
}
