//! Adadelta (Zeiler, arXiv:1212.5701), as `torch.optim.Adadelta`.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::optim::method::{check_from_zero, check_share, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Adadelta: steps in the units of the parameter, so that a learning rate of 1 is the usual one.
pub type Adadelta = ByParameter<AdadeltaOptions>;

/// Arguments of [`Adadelta`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdadeltaOptions {
    /// Decay rate of the running means of squares.
    pub rho: f64,
    /// Added under the roots.
    pub epsilon: f64,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for AdadeltaOptions {
    fn default() -> Self {
        Self { rho: 0.9, epsilon: 1e-6, weight_decay: 0.0, decay_on: DecayOn::All }
    }
}

impl Method for AdadeltaOptions {
    const NAME: &'static str = "adadelta";

    fn check(&self) -> Result<()> {
        check_share("optimizer.rho", self.rho)?;
        check_from_zero("optimizer.epsilon", self.epsilon)?;
        check_from_zero("optimizer.weight-decay", self.weight_decay)
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        vec![("square_avg", 0.0), ("acc_delta", 0.0)]
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, .. } = *at;
        let rule = update::Adadelta { lr, rho: self.rho, epsilon: self.epsilon, weight_decay };
        Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
    }
}
