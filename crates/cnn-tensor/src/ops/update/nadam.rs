//! NAdam: Adam with Nesterov's momentum (Dozat, ICLR workshop 2016), as `torch.optim.NAdam`.

use super::adam::Moments;
use super::{Decay, Rule};
use crate::Float;

/// One step of NAdam; the state is the first and the second moment, which start as zeros.
///
/// ```text
/// mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
/// g, m, v and weight decay as Adam's
/// d = sqrt(v / (1 - beta2^t)) + epsilon
/// parameter -= lr * (1 - mu(t)) / (1 - mu(1) ... mu(t)) * g / d
/// parameter -= lr * mu(t + 1) / (1 - mu(1) ... mu(t + 1)) * m / d
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NAdam {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// How fast the momentum rises to `beta1`.
    pub momentum_decay: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// How weight decay enters.
    pub decay: Decay,
    /// Number of this step, from 1.
    pub step: u64,
}

impl NAdam {
    fn momentum(&self, step: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96f64.powf(step as f64 * self.momentum_decay))
    }

    /// The product of the momenta of all steps so far, to be taken from one. Once the product is too small to be seen beside one,
    /// more factors change nothing.
    fn product(&self) -> f64 {
        let mut product = 1.0;
        for step in 1..=self.step.max(1) {
            product *= self.momentum(step);
            if product < f64::EPSILON / 4.0 {
                break;
            }
        }
        product
    }
}

impl Rule<2> for NAdam {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 2]) -> (F, [F; 2]) + Copy + Send + Sync {
        let step = self.step.max(1);
        let (now, next, product) = (self.momentum(step), self.momentum(step + 1), self.product());
        let [coupled, remaining] = self.decay.shares(self.lr, self.weight_decay).map(F::from_f64);
        let by_gradient = F::from_f64(self.lr * (1.0 - now) / (1.0 - product));
        let by_moment = F::from_f64(self.lr * next / (1.0 - product * next));
        let correction = F::from_f64(1.0 / (1.0 - self.beta2.powf(step as f64)).sqrt());
        let epsilon = F::from_f64(self.epsilon);
        let moments = Moments::new(self.beta1, self.beta2);
        move |p, g, state| {
            let g = g + coupled * p;
            let [m, v] = moments.next(g, state);
            let denominator = v.sqrt() * correction + epsilon;
            (remaining * p - (by_gradient * g + by_moment * m) / denominator, [m, v])
        }
    }
}
