//! What the gradients of `maximum`, `minimum` and `pow` need beside sums and products.
//!
//! Each function works in the buffer of the share or factor that it makes. It is given the gradient of the output and gives that of one operand before the sum over the axes in
//! which it was broadcast ([`broadcast::sum_to`](crate::ops::broadcast::sum_to)).

use super::{Binary, combine, mul};
use crate::{Result, Tensor};

/// Which of two numbers is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The larger.
    Maximum,
    /// The smaller.
    Minimum,
}

/// The gradient of one operand, `own`, of [`maximum`](super::maximum) or [`minimum`](super::minimum): all of it where
/// it is taken, half where both are equal, none where the other is taken. As in PyTorch, both have all of it
/// where one is NaN.
///
/// # Errors
/// As [`add`](super::add).
pub fn extreme_backward(grad: &Tensor, own: &Tensor, other: &Tensor, extreme: Extreme) -> Result<Tensor> {
    let share = match extreme {
        Extreme::Maximum => combine(&ShareAbove, own.clone(), other)?,
        Extreme::Minimum => combine(&ShareBelow, own.clone(), other)?,
    };
    combine(&Gate, share, grad)
}

/// The gradient of the base of [`pow`](super::pow): `grad b a^(b - 1)`, 0 where `b` is 0.
///
/// # Errors
/// As [`add`](super::add).
pub fn pow_backward_base(grad: &Tensor, base: &Tensor, exponent: &Tensor) -> Result<Tensor> {
    mul(combine(&BaseFactor, base.clone(), exponent)?, grad)
}

/// The gradient of the exponent of [`pow`](super::pow): `grad a^b ln(a)`, 0 where `a` is 0 and `b` is not below 0.
///
/// # Errors
/// As [`add`](super::add).
pub fn pow_backward_exponent(grad: &Tensor, base: &Tensor, exponent: &Tensor) -> Result<Tensor> {
    mul(combine(&ExponentFactor, base.clone(), exponent)?, grad)
}

/// 1 where both are equal, else 0.
pub(crate) fn equal_as_number(a: Tensor, b: &Tensor) -> Result<Tensor> {
    combine(&Equal, a, b)
}

binary!(Equal, "equal", |a, b| if a == b { F::ONE } else { F::ZERO });
binary!(ShareAbove, "maximum", |a, b| if a == b {
    F::from_f64(0.5)
} else if a < b {
    F::ZERO
} else {
    F::ONE
});
binary!(ShareBelow, "minimum", |a, b| if a == b {
    F::from_f64(0.5)
} else if a > b {
    F::ZERO
} else {
    F::ONE
});
// A share of nothing is zero also of NaN and infinity.
binary!(Gate, "maximum", |share, grad| if share == F::ZERO { F::ZERO } else { grad * share });
binary!(BaseFactor, "pow", |a, b| if b == F::ZERO { F::ZERO } else { b * a.powf(b - F::ONE) });
binary!(ExponentFactor, "pow", |a, b| {
    if (a == F::ZERO) & (b >= F::ZERO) { F::ZERO } else { a.powf(b) * a.ln() }
});
