//! Muon (Jordan et al., 2024): for kernels and matrices, the momentum made orthogonal; for the rest, AdamW.

use cnn_tensor::ops::update::{self, Decay, Descent, Lerp, orthogonal};
use cnn_tensor::{Tensor, ops};
use serde::{Deserialize, Serialize};

use super::{MOMENTS, check_moments};
use crate::Result;
use crate::optim::method::check_share;
use crate::optim::{ByParameter, DecayOn, Method, Move};

/// Muon. A convolution's kernel is a matrix of its outputs by everything that each sums up.
///
/// Its arithmetic is that of `torch.optim.Muon`, which takes matrices only and computes in `BF16`; parameters of fewer
/// than two dimensions are AdamW's, with the same learning rate.
pub type Muon = ByParameter<MuonOptions>;

/// Arguments of [`Muon`]; names and defaults of `torch.optim.Muon` where it has them, but for `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MuonOptions {
    /// Share of the running mean of the gradients that is carried over, 0 to 1 exclusive.
    pub momentum: f64,
    /// Whether the step looks ahead by the momentum.
    pub nesterov: bool,
    /// How long a step is.
    pub scale: MuonScale,
    /// Strength of the weight decay of matrices, decoupled.
    pub weight_decay: f64,
    /// Which parameters the weight decay acts on.
    pub decay_on: DecayOn,
    /// AdamW's decay rate of the mean of the gradients.
    pub beta1: f64,
    /// AdamW's decay rate of the mean of their squares.
    pub beta2: f64,
    /// Added to AdamW's denominator.
    pub epsilon: f64,
}

/// How long a step of Muon is, for a learning rate of 1 and a matrix of `rows` outputs by `columns` inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MuonScale {
    /// `sqrt(max(1, rows / columns))`: PyTorch's `original`. Learning rates are of the order of 0.02.
    Original,
    /// `0.2 sqrt(max(rows, columns))`, the length of a step of AdamW's (Liu et al., arXiv:2502.16982), so that its
    /// learning rates and weight decays hold, and both parts of the network go at one pace.
    #[default]
    MatchRmsAdamw,
}

impl Default for MuonOptions {
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            scale: MuonScale::MatchRmsAdamw,
            weight_decay: 0.1,
            decay_on: DecayOn::Kernels,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl MuonScale {
    fn of(self, rows: usize, columns: usize) -> f64 {
        let (rows, columns) = (rows as f64, columns as f64);
        match self {
            Self::Original => (rows / columns).max(1.0).sqrt(),
            Self::MatchRmsAdamw => 0.2 * rows.max(columns).sqrt(),
        }
    }
}

impl Method for MuonOptions {
    const NAME: &'static str = "muon";

    fn check(&self) -> Result<()> {
        check_share("optimizer.momentum", self.momentum)?;
        check_moments(self.beta1, self.beta2, self.epsilon, self.weight_decay)
    }

    fn weight_decay(&self, shape: &[usize]) -> f64 {
        self.decay_on.of(self.weight_decay, shape)
    }

    fn state(&self, shape: &[usize]) -> Vec<(&'static str, f64)> {
        if shape.len() < 2 { MOMENTS.to_vec() } else { vec![("momentum_buffer", 0.0)] }
    }

    fn update(
        &self,
        at: &Move,
        parameter: &mut Tensor,
        gradient: &Tensor,
        state: &mut [Tensor],
    ) -> Result<()> {
        let Move { learning_rate: lr, weight_decay, step } = *at;
        let Self { beta1, beta2, epsilon, momentum, .. } = *self;
        if let [first, second] = state {
            let rule =
                update::Adam { lr, beta1, beta2, epsilon, weight_decay, decay: Decay::Decoupled, step };
            return Ok(update::apply(&rule, parameter, gradient, [first, second])?);
        }
        let [buffer] = crate::optim::method::expect_state(state)?;
        let mut next = buffer.clone();
        update::apply(&Lerp { weight: 1.0 - momentum }, &mut next, gradient, [])?;
        let mut direction = next.clone();
        if self.nesterov {
            direction = gradient.clone();
            update::apply(&Lerp { weight: momentum }, &mut direction, &next, [])?;
        }
        // Outputs are the last axis, whatever the kernel's shape before it.
        let rows = parameter.shape().last().copied().unwrap_or(1);
        let columns = parameter.len() / rows.max(1);
        let direction = orthogonal(&direction.reshape(&[columns, rows])?)?.reshape(parameter.shape())?;
        let rate = lr * self.scale.of(rows, columns);
        let mut moved = ops::unary::scale(parameter.clone(), 1.0 - lr * weight_decay)?;
        update::apply(&Descent { lr: rate, weight_decay: 0.0 }, &mut moved, &direction, [])?;
        *parameter = moved;
        *buffer = next;
        Ok(())
    }
}
