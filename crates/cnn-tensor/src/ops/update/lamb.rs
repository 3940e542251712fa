//! The direction of LAMB's step (You et al., arXiv:1904.00962): layer-wise scaled Adam for large batches.

use super::Rule;
use super::adam::Moments;
use crate::Float;

/// The direction in which LAMB moves. The state is the first and the second moment, which start as zeros, and the
/// direction, which is not read; the parameter stays. How far it moves depends on the lengths of both, as whole
/// tensors: `parameter -= lr * |parameter| / |direction| * direction`.
///
/// ```text
/// m, v as Adam's
/// direction = m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + weight_decay * parameter
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LambDirection {
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
}

impl Rule<3> for LambDirection {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 3]) -> (F, [F; 3]) + Copy + Send + Sync {
        let step = self.step.max(1) as f64;
        let by_moment = F::from_f64(1.0 / (1.0 - self.beta1.powf(step)));
        let correction = F::from_f64(1.0 / (1.0 - self.beta2.powf(step)).sqrt());
        let [epsilon, weight_decay] = [self.epsilon, self.weight_decay].map(F::from_f64);
        let moments = Moments::new(self.beta1, self.beta2);
        move |p, g, [m, v, _]| {
            let [m, v] = moments.next(g, [m, v]);
            (p, [m, v, by_moment * m / (v.sqrt() * correction + epsilon) + weight_decay * p])
        }
    }
}
