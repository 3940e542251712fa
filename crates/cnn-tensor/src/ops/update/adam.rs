//! Adam (Kingma and Ba, arXiv:1412.6980) and AdamW (Loshchilov and Hutter, arXiv:1711.05101), as `torch.optim`.

use super::Rule;
use crate::Float;

/// One step of Adam or AdamW; the state is the first and the second moment, which start as zeros.
///
/// ```text
/// g = gradient + weight_decay * parameter              (coupled)
/// parameter *= 1 - lr * weight_decay                   (decoupled)
/// m = beta1 * m + (1 - beta1) * g
/// v = beta2 * v + (1 - beta2) * g * g
/// parameter -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// How weight decay enters.
    pub decay: Decay,
    /// Number of this step, from 1: the moments' bias is corrected by it.
    pub step: u64,
}

/// How weight decay enters a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decay {
    /// Added to the gradient: regularisation by the squared length.
    #[default]
    Coupled,
    /// Taken off the parameter, in proportion to the learning rate.
    Decoupled,
}

impl Decay {
    /// What is added to the gradient, and what is left of the parameter, both relative to the parameter.
    pub(super) fn shares(self, lr: f64, weight_decay: f64) -> [f64; 2] {
        match self {
            Self::Coupled => [weight_decay, 1.0],
            Self::Decoupled => [0.0, 1.0 - lr * weight_decay],
        }
    }
}

impl Default for Adam {
    /// The first step with PyTorch's defaults for `Adam`.
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decay: Decay::Coupled,
            step: 1,
        }
    }
}

impl Rule<2> for Adam {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 2]) -> (F, [F; 2]) + Copy + Send + Sync {
        let step = self.step.max(1) as f64;
        let [coupled, remaining] = self.decay.shares(self.lr, self.weight_decay).map(F::from_f64);
        let rate = F::from_f64(self.lr / (1.0 - self.beta1.powf(step)));
        let correction = F::from_f64(1.0 / (1.0 - self.beta2.powf(step)).sqrt());
        let epsilon = F::from_f64(self.epsilon);
        let moments = Moments::new(self.beta1, self.beta2);
        move |p, g, state| {
            let [m, v] = moments.next(g + coupled * p, state);
            (remaining * p - rate * m / (v.sqrt() * correction + epsilon), [m, v])
        }
    }
}

/// The running means of gradients and of their squares.
#[derive(Clone, Copy)]
pub(super) struct Moments<F> {
    carried: [F; 2],
    taken: [F; 2],
}

impl<F: Float> Moments<F> {
    pub(super) fn new(beta1: f64, beta2: f64) -> Self {
        // Taken from one in double precision: 1 - 0.999 in single precision is off by a relative 1e-5.
        Self { carried: [beta1, beta2].map(F::from_f64), taken: [1.0 - beta1, 1.0 - beta2].map(F::from_f64) }
    }

    #[inline(always)]
    pub(super) fn next(self, g: F, [m, v]: [F; 2]) -> [F; 2] {
        let Self { carried, taken } = self;
        [carried[0] * m + taken[0] * g, carried[1] * v + taken[1] * g * g]
    }
}
