//! Linear interpolation: the step of every running average of weights.

use super::Rule;
use crate::Float;

/// Moves a parameter towards what is given as its gradient: `parameter += weight * (gradient - parameter)`, as
/// `torch.lerp`. With `weight` of one less the decay, the parameter is an exponential moving average of what it is
/// given; with `1 / n` at the n-th time, its mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lerp {
    /// Share of the way, 0 to 1.
    pub weight: f64,
}

impl Rule<0> for Lerp {
    fn element<F: Float>(&self) -> impl Fn(F, F, [F; 0]) -> (F, [F; 0]) + Copy + Send + Sync {
        let weight = F::from_f64(self.weight);
        // At the whole way the target itself, to the last bit.
        let whole = self.weight == 1.0;
        move |p, g, []| (if whole { g } else { p + weight * (g - p) }, [])
    }
}
