//! RMSprop (Hinton's lecture 6e, 2012; centred: Graves, arXiv:1308.0850), as `torch.optim.RMSprop`.

use super::Rule;
use crate::Float;

/// One step of RMSprop. The state, from zeros, is the running mean of squared gradients, then that of gradients where
/// it is centred, then the velocity where there is one: one to three numbers.
///
/// ```text
/// g = gradient + weight_decay * parameter
/// s = alpha * s + (1 - alpha) * g * g
/// a = alpha * a + (1 - alpha) * g                      (centred)
/// d = g / (sqrt(s) + epsilon)                          (centred: sqrt(s - a * a))
/// v = momentum * v + d                                 (with a velocity; else v = d)
/// parameter -= lr * v
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the running means.
    pub alpha: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Factor of the parameter that is added to the gradient.
    pub weight_decay: f64,
    /// Share of the velocity that is carried over; where it is 0 there is none.
    pub momentum: f64,
    /// Whether the squared mean of the gradients is taken off the mean of their squares.
    pub centered: bool,
}

impl RmsProp {
    /// How many numbers it keeps for an element.
    pub fn states(&self) -> usize {
        1 + usize::from(self.centered) + usize::from(self.momentum != 0.0)
    }
}

macro_rules! rule {
    ($states:literal, |$state:ident| $mean:expr, $velocity:expr) => {
        impl Rule<$states> for RmsProp {
            fn element<F: Float>(
                &self,
            ) -> impl Fn(F, F, [F; $states]) -> (F, [F; $states]) + Copy + Send + Sync {
                let [lr, alpha, taken, epsilon, weight_decay, momentum] =
                    [self.lr, self.alpha, 1.0 - self.alpha, self.epsilon, self.weight_decay, self.momentum]
                        .map(F::from_f64);
                let centered = self.centered;
                move |p, g, mut $state: [F; $states]| {
                    let g = g + weight_decay * p;
                    $state[0] = alpha * $state[0] + taken * g * g;
                    let mut s = $state[0];
                    let mean: Option<usize> = $mean(centered);
                    if let Some(mean) = mean {
                        $state[mean] = alpha * $state[mean] + taken * g;
                        s -= $state[mean] * $state[mean];
                        // Rounding can bring what is never below zero there, and NaN stays what it is.
                        s = if s < F::ZERO { F::ZERO } else { s };
                    }
                    let mut d = g / (s.sqrt() + epsilon);
                    let velocity: Option<usize> = $velocity(centered);
                    if let Some(velocity) = velocity {
                        $state[velocity] = momentum * $state[velocity] + d;
                        d = $state[velocity];
                    }
                    (p - lr * d, $state)
                }
            }
        }
    };
}

rule!(1, |state| |_| None, |_| None);
rule!(2, |state| |centered: bool| centered.then_some(1), |centered: bool| (!centered).then_some(1));
rule!(3, |state| |_| Some(1), |_| Some(2));
