//! Stochastic gradient descent with momentum, Nesterov's included, as `torch.optim.SGD`.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update::{self, Descent, Momentum, Nesterov};
use serde::{Deserialize, Serialize};

use crate::optim::method::{check_from_zero, check_share, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};
use crate::{Error, Result};

/// Stochastic gradient descent.
pub type Sgd = ByParameter<SgdOptions>;

/// Arguments of [`Sgd`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SgdOptions {
    /// Share of the velocity that is carried over, 0 to 1 exclusive.
    pub momentum: f64,
    /// Share of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead by the momentum.
    pub nesterov: bool,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Method for SgdOptions {
    const NAME: &'static str = "sgd";

    fn check(&self) -> Result<()> {
        let Self { momentum, dampening, nesterov, weight_decay, .. } = *self;
        check_share("optimizer.momentum", momentum)?;
        if !(0.0..=1.0).contains(&dampening) {
            return Err(Error::argument("optimizer.dampening", dampening, "a number from 0 to 1"));
        }
        check_from_zero("optimizer.weight-decay", weight_decay)?;
        // PyTorch refuses it too.
        if nesterov && (momentum == 0.0 || dampening != 0.0) {
            return Err(Error::argument(
                "optimizer.nesterov",
                nesterov,
                "a momentum above 0 and no dampening with it",
            ));
        }
        Ok(())
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        if self.momentum == 0.0 { Vec::new() } else { vec![("momentum_buffer", 0.0)] }
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, step } = *at;
        if self.momentum == 0.0 {
            return Ok(update::apply(&Descent { lr, weight_decay }, parameter, gradient, [])?);
        }
        let nesterov = if self.nesterov { Nesterov::On } else { Nesterov::Off };
        let Self { momentum, dampening, .. } = *self;
        let rule = Momentum { lr, momentum, dampening, nesterov, weight_decay, step };
        Ok(update::apply(&rule, parameter, gradient, expect_state(state)?)?)
    }
}
