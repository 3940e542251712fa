//! Arithmetic of one number.

use super::super::{Kept, Unary};
use crate::Float;

/// Multiplication by a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(pub f64);

impl Unary for Scale {
    const NAME: &'static str = "scale";
    const KEPT: Kept = Kept::Nothing;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * F::from_f64(self.0)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, _nothing: F, grad: F) -> F {
        grad * F::from_f64(self.0)
    }
}

/// `-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neg;

impl Unary for Neg {
    const NAME: &'static str = "neg";
    const KEPT: Kept = Kept::Nothing;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        -x
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, _nothing: F, grad: F) -> F {
        -grad
    }
}

/// `|x|`; no gradient at 0 and NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abs;

impl Unary for Abs {
    const NAME: &'static str = "abs";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.abs()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        let positive = if x > F::ZERO { grad } else { F::ZERO };
        if x < F::ZERO { -grad } else { positive }
    }
}

/// `x^2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square;

impl Unary for Square {
    const NAME: &'static str = "square";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * x
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        grad * (x + x)
    }
}

/// The square root; infinite gradient at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sqrt;

impl Unary for Sqrt {
    const NAME: &'static str = "sqrt";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.sqrt()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        grad / (output + output)
    }
}

/// `1 / x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reciprocal;

impl Unary for Reciprocal {
    const NAME: &'static str = "reciprocal";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        F::ONE / x
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        -grad * (output * output)
    }
}

/// `e^x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exp;

impl Unary for Exp {
    const NAME: &'static str = "exp";
    const KEPT: Kept = Kept::Output;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.exp()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, output: F, grad: F) -> F {
        grad * output
    }
}

/// The natural logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ln;

impl Unary for Ln {
    const NAME: &'static str = "ln";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.ln()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        grad / x
    }
}

/// `x` to a power; the gradient of the power 0 is 0 everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pow(pub f64);

impl Unary for Pow {
    const NAME: &'static str = "pow";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x.powf(F::from_f64(self.0))
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        if self.0 == 0.0 {
            return F::ZERO;
        }
        grad * (F::from_f64(self.0) * x.powf(F::from_f64(self.0 - 1.0)))
    }
}
