//! Functions that go smoothly from one level to another, and `x` times those.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::super::{Kept, Unary};
use crate::Float;

/// `1 / (1 + e^-x)`, from the exponential that cannot overflow.
#[inline(always)]
pub(crate) fn logistic<F: Float>(x: F) -> F {
    let small = (-x.abs()).exp_falling();
    let upper = if x >= F::ZERO { F::ONE } else { small };
    upper / (F::ONE + small)
}

/// `1 / (1 + e^-x)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sigmoid;

impl Unary for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        logistic(x)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        grad * output * (F::ONE - output)
    }
}

/// The hyperbolic tangent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tanh;

impl Unary for Tanh {
    const NAME: &'static str = "tanh";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.tanh()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        grad * (F::ONE - output * output)
    }
}

/// `x` times its [`Sigmoid`], also called swish. Hendrycks and Gimpel, arXiv:1606.08415.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silu;

impl Unary for Silu {
    const NAME: &'static str = "silu";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * logistic(x)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let share = logistic(x);
        grad * share * (F::ONE + x * (F::ONE - share))
    }
}

/// `x` times the normal distribution up to `x`. Hendrycks and Gimpel, arXiv:1606.08415.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gelu;

impl Unary for Gelu {
    const NAME: &'static str = "gelu";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * x.normal_cdf()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        // Both are made of one exponential, which the compiler sees.
        grad * (x.normal_cdf() + x * x.normal_density())
    }
}

/// [`Gelu`] by the approximation of the same paper: `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeluTanh;

impl GeluTanh {
    const SCALE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
    const CUBE: f64 = 0.044_715;

    #[inline(always)]
    fn inner<F: Float>(x: F) -> F {
        (F::from_f64(Self::SCALE) * x * (F::ONE + F::from_f64(Self::CUBE) * x * x)).tanh()
    }
}

impl Unary for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        F::from_f64(0.5) * x * (F::ONE + Self::inner(x))
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let inner = Self::inner(x);
        let slope = F::from_f64(Self::SCALE) * (F::ONE + F::from_f64(3.0 * Self::CUBE) * x * x);
        grad * F::from_f64(0.5) * (F::ONE + inner + x * (F::ONE - inner * inner) * slope)
    }
}
