//! Functions that are straight on one side and exponential on the other.

use super::super::{Kept, Unary};
use super::gates::logistic;
use crate::Float;

/// `x` above zero, else `alpha * (e^x - 1)`; at 0 the gradient is `alpha`. Clevert et al., arXiv:1511.07289.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elu {
    /// What the output tends to far below zero, negated.
    pub alpha: f64,
}

impl Unary for Elu {
    const NAME: &'static str = "elu";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let below = F::from_f64(self.alpha) * x.exp_m1();
        if x > F::ZERO { x } else { below }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let below = grad * F::from_f64(self.alpha) * x.exp();
        if x <= F::ZERO { below } else { grad }
    }
}

/// An [`Elu`] whose outputs keep mean 0 and variance 1. Klambauer et al., arXiv:1706.02515, whose constants these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selu;

impl Selu {
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    const SCALE: f64 = 1.050_700_987_355_480_5;
}

impl Unary for Selu {
    const NAME: &'static str = "selu";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let below = F::from_f64(Self::SCALE * Self::ALPHA) * x.exp_m1();
        if x > F::ZERO { x * F::from_f64(Self::SCALE) } else { below }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let below = grad * F::from_f64(Self::SCALE * Self::ALPHA) * x.exp();
        if x <= F::ZERO { below } else { grad * F::from_f64(Self::SCALE) }
    }
}

/// `ln(1 + e^(beta x)) / beta`, and `x` itself where `beta x` is above the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softplus {
    /// How sharp the bend is.
    pub beta: f64,
    /// Where the function is taken to be straight.
    pub threshold: f64,
}

impl Default for Softplus {
    /// Beta 1, threshold 20.
    fn default() -> Self {
        Self { beta: 1.0, threshold: 20.0 }
    }
}

impl Unary for Softplus {
    const NAME: &'static str = "softplus";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let steep = x * F::from_f64(self.beta);
        let positive = if steep < F::ZERO { F::ZERO } else { steep };
        let bent = (positive + (-steep.abs()).exp_falling().ln_1p()) / F::from_f64(self.beta);
        if steep > F::from_f64(self.threshold) { x } else { bent }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let steep = x * F::from_f64(self.beta);
        let bent = grad * logistic(steep);
        if steep > F::from_f64(self.threshold) { grad } else { bent }
    }
}

/// `ln(1 / (1 + e^-x))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSigmoid;

impl Unary for LogSigmoid {
    const NAME: &'static str = "log_sigmoid";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let negative = if x > F::ZERO { F::ZERO } else { x };
        negative - (-x.abs()).exp_falling().ln_1p()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        grad * logistic(-x)
    }
}
