//! Adadelta (Zeiler, arXiv:1212.5701), as `torch.optim.Adadelta`.

use super::Rule;
use crate::Float;

/// One step of Adadelta; the state is the running means of squared gradients and of squared steps, from zeros.
///
/// ```text
/// g = gradient + weight_decay * parameter
/// s = rho * s + (1 - rho) * g * g
/// d = sqrt(a + epsilon) / sqrt(s + epsilon) * g
/// a = rho * a + (1 - rho) * d * d
/// parameter -= lr * d
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adadelta {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of both running means.
    pub rho: f64,
    /// Added under both roots.
    pub epsilon: f64,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
}

impl Rule<2> for Adadelta {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 2]) -> (F, [F; 2]) + Copy + Send + Sync {
        let [lr, rho, taken, epsilon, weight_decay] =
            [self.lr, self.rho, 1.0 - self.rho, self.epsilon, self.weight_decay].map(F::from_f64);
        move |p, g, [s, a]| {
            let g = g + weight_decay * p;
            let s = rho * s + taken * g * g;
            let d = (a + epsilon).sqrt() / (s + epsilon).sqrt() * g;
            (p - lr * d, [s, rho * a + taken * d * d])
        }
    }
}
