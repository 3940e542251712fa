//! RAdam: Adam with its variance rectified (Liu et al., arXiv:1908.03265), as `torch.optim.RAdam`.

use super::adam::Moments;
use super::{Decay, Rule};
use crate::Float;

/// One step of RAdam; the state is the first and the second moment, which start as zeros.
///
/// ```text
/// r_inf = 2 / (1 - beta2) - 1
/// r = r_inf - 2 step beta2^step / (1 - beta2^step)
/// g, m, v and weight decay as Adam's
/// where r > 5, by c = sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r)):
///     parameter -= lr / (1 - beta1^step) * c * m * sqrt(1 - beta2^step) / (sqrt(v) + epsilon)
/// else parameter -= lr / (1 - beta1^step) * m
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RAdam {
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
    /// Number of this step, from 1.
    pub step: u64,
}

impl RAdam {
    /// The factor of `m / (sqrt(v) + epsilon)` over the rate; `None` while the variance is not to be trusted.
    fn rectification(&self) -> Option<f64> {
        let step = self.step.max(1) as f64;
        let power = self.beta2.powf(step);
        let last = 2.0 / (1.0 - self.beta2) - 1.0;
        let now = last - 2.0 * step * power / (1.0 - power);
        let ratio = (now - 4.0) * (now - 2.0) * last / ((last - 4.0) * (last - 2.0) * now);
        (now > 5.0).then(|| ratio.sqrt() * (1.0 - power).sqrt())
    }
}

impl Rule<2> for RAdam {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 2]) -> (F, [F; 2]) + Copy + Send + Sync {
        let rate = self.lr / (1.0 - self.beta1.powf(self.step.max(1) as f64));
        let [coupled, remaining] = self.decay.shares(self.lr, self.weight_decay).map(F::from_f64);
        // Where the variance is not used, nothing of it is left but a denominator of one.
        let [rate, by_root, constant] = match self.rectification() {
            Some(factor) => [rate * factor, 1.0, self.epsilon],
            None => [rate, 0.0, 1.0],
        }
        .map(F::from_f64);
        let moments = Moments::new(self.beta1, self.beta2);
        move |p, g, state| {
            let [m, v] = moments.next(g + coupled * p, state);
            (remaining * p - rate * m / (by_root * v.sqrt() + constant), [m, v])
        }
    }
}
