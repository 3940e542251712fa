//! Lion (Chen et al., arXiv:2302.06675): steps of one size, in the direction of a momentum's sign.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::optim::method::{check_from_zero, check_share, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Lion. Its steps are longer than Adam's: a third to a tenth of Adam's learning rate, and as much more weight decay.
pub type Lion = ByParameter<LionOptions>;

/// Arguments of [`Lion`], with the paper's defaults; weight decay is decoupled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LionOptions {
    /// Share of the momentum in the direction.
    pub beta1: f64,
    /// Share of the momentum that is carried over.
    pub beta2: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for LionOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99, weight_decay: 0.0, decay_on: DecayOn::Kernels }
    }
}

impl Method for LionOptions {
    const NAME: &'static str = "lion";

    fn check(&self) -> Result<()> {
        check_share("optimizer.beta1", self.beta1)?;
        check_share("optimizer.beta2", self.beta2)?;
        check_from_zero("optimizer.weight-decay", self.weight_decay)
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        vec![("exp_avg", 0.0)]
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, .. } = *at;
        let rule = update::Lion { lr, beta1: self.beta1, beta2: self.beta2, weight_decay };
        Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
    }
}
