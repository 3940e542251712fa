//! Adagrad (Duchi, Hazan and Singer, JMLR 2011), as `torch.optim.Adagrad`.

use super::Rule;
use crate::Float;

/// One step of Adagrad; the state is the sum of squared gradients, which starts at a value of the caller's.
///
/// ```text
/// g = gradient + weight_decay * parameter
/// s = s + g * g
/// parameter -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + epsilon)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    /// Learning rate.
    pub lr: f64,
    /// How fast the learning rate falls with the steps.
    pub lr_decay: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
}

impl Rule<1> for Adagrad {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 1]) -> (F, [F; 1]) + Copy + Send + Sync {
        let lr = self.lr / (1.0 + self.step.saturating_sub(1) as f64 * self.lr_decay);
        let [lr, epsilon, weight_decay] = [lr, self.epsilon, self.weight_decay].map(F::from_f64);
        move |p, g, [s]| {
            let g = g + weight_decay * p;
            let s = s + g * g;
            (p - lr * g / (s.sqrt() + epsilon), [s])
        }
    }
}
