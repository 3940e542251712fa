//! Gradient descent, plain and with momentum, as `torch.optim.SGD`.

use super::Rule;
use crate::Float;

/// Plain gradient descent: `parameter -= lr * (gradient + weight_decay * parameter)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// Learning rate.
    pub lr: f64,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
}

/// Gradient descent with momentum; the state is the velocity.
///
/// ```text
/// d = gradient + weight_decay * parameter
/// v = d on the first step, else momentum * v + (1 - dampening) * d
/// parameter -= lr * v            (Nesterov: lr * (d + momentum * v))
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// Learning rate.
    pub lr: f64,
    /// Share of the velocity that is carried over.
    pub momentum: f64,
    /// Share of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead.
    pub nesterov: Nesterov,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
    /// Number of this step, from 1: on the first one the velocity is not read, and nothing dampens.
    pub step: u64,
}

/// Which point Nesterov's momentum looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nesterov {
    /// The classical heavy ball.
    #[default]
    Off,
    /// The step looks ahead by the momentum.
    On,
}

impl Default for Momentum {
    /// PyTorch's defaults but for the momentum, 0.9; the first step.
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.9, dampening: 0.0, nesterov: Nesterov::Off, weight_decay: 0.0, step: 1 }
    }
}

impl Rule<0> for Descent {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 0]) -> (F, [F; 0]) + Copy + Send + Sync {
        let [lr, weight_decay] = [self.lr, self.weight_decay].map(F::from_f64);
        move |p, g, []| (p - lr * (g + weight_decay * p), [])
    }
}

impl Rule<1> for Momentum {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 1]) -> (F, [F; 1]) + Copy + Send + Sync {
        let first = self.step <= 1;
        let taken = if first { 1.0 } else { 1.0 - self.dampening };
        let ahead = match self.nesterov {
            Nesterov::Off => [0.0, 1.0],
            Nesterov::On => [1.0, self.momentum],
        };
        let [lr, weight_decay, carried, taken] =
            [self.lr, self.weight_decay, self.momentum, taken].map(F::from_f64);
        let [by_gradient, by_velocity] = ahead.map(F::from_f64);
        move |p, g, [v]| {
            let d = g + weight_decay * p;
            // The first step must not read the buffer, which may hold anything, NaN included.
            let old = if first { F::ZERO } else { v };
            let v = carried * old + taken * d;
            (p - lr * (by_gradient * d + by_velocity * v), [v])
        }
    }
}
