//! Lion (Chen et al., arXiv:2302.06675): steps of one size, in the direction of a momentum's sign.

use super::Rule;
use crate::Float;

/// One step of Lion; the state is the momentum, which starts as zeros.
///
/// ```text
/// c = beta1 * m + (1 - beta1) * gradient
/// parameter = (1 - lr * weight_decay) * parameter - lr * sign(c)
/// m = beta2 * m + (1 - beta2) * gradient
/// ```
///
/// The sign of 0 is 0, and of NaN it is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lion {
    /// Learning rate.
    pub lr: f64,
    /// Share of the momentum in the direction.
    pub beta1: f64,
    /// Share of the momentum that is carried over.
    pub beta2: f64,
    /// Strength of the weight decay, decoupled.
    pub weight_decay: f64,
}

impl Rule<1> for Lion {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 1]) -> (F, [F; 1]) + Copy + Send + Sync {
        let [lr, beta1, beta2] = [self.lr, self.beta1, self.beta2].map(F::from_f64);
        let [taken1, taken2] = [1.0 - self.beta1, 1.0 - self.beta2].map(F::from_f64);
        let remaining = F::from_f64(1.0 - self.lr * self.weight_decay);
        move |p, g, [m]| {
            let c = beta1 * m + taken1 * g;
            let positive = if c > F::ZERO { F::ONE } else { c };
            let sign = if c < F::ZERO { -F::ONE } else { positive };
            (remaining * p - lr * sign, [beta2 * m + taken2 * g])
        }
    }
}
