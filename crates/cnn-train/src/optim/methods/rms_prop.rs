//! RMSprop (Hinton's lecture 6e, 2012; centred: Graves, arXiv:1308.0850), as `torch.optim.RMSprop`.

use cnn_tensor::Tensor;
use cnn_tensor::ops::update;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::optim::method::{check_from_zero, check_share, expect_state};
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// RMSprop: gradients over the root of their mean square.
pub type RmsProp = ByParameter<RmsPropOptions>;

/// Arguments of [`RmsProp`], with PyTorch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RmsPropOptions {
    /// Decay rate of the running means.
    pub alpha: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Share of the velocity that is carried over, 0 to 1 exclusive.
    pub momentum: f64,
    /// Whether the squared mean of the gradients is taken off the mean of their squares.
    pub centered: bool,
    /// Factor of the parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
}

impl Default for RmsPropOptions {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
            decay_on: DecayOn::All,
        }
    }
}

impl Method for RmsPropOptions {
    const NAME: &'static str = "rmsprop";

    fn check(&self) -> Result<()> {
        check_share("optimizer.alpha", self.alpha)?;
        check_share("optimizer.momentum", self.momentum)?;
        check_from_zero("optimizer.epsilon", self.epsilon)?;
        check_from_zero("optimizer.weight-decay", self.weight_decay)
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, _shape: &[usize]) -> Vec<(&'static str, f64)> {
        let mean = self.centered.then_some(("grad_avg", 0.0));
        let velocity = (self.momentum != 0.0).then_some(("momentum_buffer", 0.0));
        [Some(("square_avg", 0.0)), mean, velocity].into_iter().flatten().collect()
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, .. } = *at;
        let Self { alpha, epsilon, momentum, centered, .. } = *self;
        let rule = update::RmsProp { lr, alpha, epsilon, weight_decay, momentum, centered };
        Ok(match state.len() {
            1 => update::apply::<1>(&rule, parameter, gradient, expect_state(state)?),
            2 => update::apply::<2>(&rule, parameter, gradient, expect_state(state)?),
            _ => update::apply::<3>(&rule, parameter, gradient, expect_state(state)?),
        }?)
    }
}
