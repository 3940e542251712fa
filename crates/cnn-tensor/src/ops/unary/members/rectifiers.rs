//! Functions made of straight pieces.

use super::super::{Kept, Unary};
use crate::Float;

/// `max(x, 0)`; no gradient at 0. NaN stays NaN and the zero keeps its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relu;

impl Unary for Relu {
    const NAME: &'static str = "relu";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        if x < F::ZERO { F::ZERO } else { x }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        if output <= F::ZERO { F::ZERO } else { grad }
    }
}

/// `min(max(x, 0), 6)`; no gradient at 0 and 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relu6;

impl Unary for Relu6 {
    const NAME: &'static str = "relu6";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let six = F::from_f64(6.0);
        let positive = Relu.value(x);
        if positive > six { six } else { positive }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        let inside = if output >= F::from_f64(6.0) { F::ZERO } else { grad };
        if output <= F::ZERO { F::ZERO } else { inside }
    }
}

/// `x` above zero, else `slope * x`; at 0 the gradient is the slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// What numbers below zero are multiplied by.
    pub slope: f64,
}

impl Unary for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        if x > F::ZERO { x } else { x * F::from_f64(self.slope) }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        if x > F::ZERO { grad } else { grad * F::from_f64(self.slope) }
    }
}

/// `min(max(x, least), most)`; no gradient at the bounds and outside of them. Where `least` is above `most`, `most`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    /// The lower bound.
    pub least: f64,
    /// The upper bound.
    pub most: f64,
}

impl Unary for Clamp {
    const NAME: &'static str = "clamp";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        let (least, most) = (F::from_f64(self.least), F::from_f64(self.most));
        let above = if x < least { least } else { x };
        if above > most { most } else { above }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let below = if x < F::from_f64(self.most) { grad } else { F::ZERO };
        if x > F::from_f64(self.least) { below } else { F::ZERO }
    }
}

/// `min(max(x + 3, 0), 6) / 6`; no gradient at -3 and 3. Howard et al., arXiv:1905.02244.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardSigmoid;

impl Unary for HardSigmoid {
    const NAME: &'static str = "hard_sigmoid";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        Relu6.value(x + F::from_f64(3.0)) / F::from_f64(6.0)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let three = F::from_f64(3.0);
        let below = if x < three { grad / F::from_f64(6.0) } else { F::ZERO };
        if x > -three { below } else { F::ZERO }
    }
}

/// `x` times its [`HardSigmoid`]; no gradient at -3, and that of `x` at 3. Howard et al., arXiv:1905.02244.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardSwish;

impl Unary for HardSwish {
    const NAME: &'static str = "hard_swish";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * HardSigmoid.value(x)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let three = F::from_f64(3.0);
        let middle = grad * (x / three + F::from_f64(0.5));
        let upper = if x < three { middle } else { grad };
        if x <= -three { F::ZERO } else { upper }
    }
}
