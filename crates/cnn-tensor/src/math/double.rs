//! What the standard library lacks in double precision.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// From here on the continued fraction of the tail is used.
const TAIL: f64 = 2.0;

/// Terms of the continued fraction: enough for 1e-16 from [`TAIL`] on.
const TERMS: u32 = 128;

/// The normal distribution function: Marsaglia's series ("Evaluating the Normal Distribution", 2004) near zero, Laplace's
/// continued fraction in the tails.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    let a = x.abs();
    let density = normal_density(x);
    if a < TAIL {
        // x + x^3 / 3 + x^5 / (3 5) + ..
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term.abs() > 1e-18 * sum.abs() {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        return 0.5 + density * sum;
    }
    if a == f64::INFINITY {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    // a + 1 / (a + 2 / (a + 3 / ..)), from its end; NaN stays NaN.
    let fraction = (1..=TERMS).rev().fold(a, |below, term| a + f64::from(term) / below);
    if x > 0.0 { 1.0 - density / fraction } else { density / fraction }
}

/// The derivative of [`normal_cdf`].
pub(crate) fn normal_density(x: f64) -> f64 {
    FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5 * (-0.5 * x * x).exp()
}
