//! Adagrad (Duchi, Hazan and Singer, JMLR 2011), as `torch.optim.Adagrad`.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::optim::method::{check_from_zero, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Adagrad: each parameter's rate falls with the squares of its gradients.
pub type Adagrad = ByParameter<AdagradOptions>;

/// Arguments of [`Adagrad`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdagradOptions {
    /// How fast the learning rate falls with the steps.
    pub lr_decay: f64,
    /// What the sum of squares starts with.
    pub initial_accumulator_value: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for AdagradOptions {
    fn default() -> Self {
        Self {
            lr_decay: 0.0,
            initial_accumulator_value: 0.0,
            epsilon: 1e-10,
            weight_decay: 0.0,
            decay_on: DecayOn::All,
        }
    }
}

impl Method for AdagradOptions {
    const NAME: &'static str = "adagrad";

    fn check(&self) -> Result<()> {
        check_from_zero("optimizer.lr-decay", self.lr_decay)?;
        check_from_zero("optimizer.initial-accumulator-value", self.initial_accumulator_value)?;
        check_from_zero("optimizer.epsilon", self.epsilon)?;
        check_from_zero("optimizer.weight-decay", self.weight_decay)
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        vec![("sum", self.initial_accumulator_value)]
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, step } = *at;
        let rule = update::Adagrad { lr, lr_decay: self.lr_decay, epsilon: self.epsilon, weight_decay, step };
        Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
    }
}
