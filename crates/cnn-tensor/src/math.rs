//! Elementary functions of one number, without branches and tables, so that a plain loop of them becomes vector code.
//!
//! Each reduces its argument to a small interval, takes a polynomial there, and goes back. Products and sums are rounded
//! one by one, which every instruction set does alike, so the bits are the same on all of them. The exponential of whole
//! vectors in [`crate::simd`] is another one: it fuses products and sums, takes no positive numbers, and gives 0 where
//! these give numbers less than every normal one; for that it is faster, which counts where a softmax is most of the
//! work.
//!
//! Errors are in units in the last place of the result, and are what the tests find over all of `f32`.

mod double;
#[cfg(test)]
mod tests;

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

pub(crate) use double::{normal_cdf as normal_cdf_f64, normal_density as normal_density_f64};

/// The upper part of `ln 2`, with enough zeros at its end that its product with a small whole number is exact.
pub(crate) const LN_2_HIGH: f32 = 355.0 / 512.0;

/// What the upper part is too large by.
pub(crate) const LN_2_EXCESS: f32 = 2.121_944_4e-4;

/// Coefficients of a polynomial for `e^r` where `|r| <= ln 2 / 2`, the highest power first, with a largest relative error
/// of 4e-9; fitted by weighted least squares, weights raised where the error is large.
pub(crate) const EXP: [f32; 7] =
    [0.001_381_432, 0.008_368_852, 0.041_668_4, 0.166_665_2, 0.499_999_94, 1.0, 1.0];

/// `2^64` and its reciprocal: room for numbers that are less than any normal one.
const TWO_TO_64: f32 = 18_446_744_073_709_551_616.0;
const TWO_TO_MINUS_64: f32 = 1.0 / TWO_TO_64;

/// Added to a small number, it leaves the nearest whole number in the lowest bits: 1.5 times 2^23.
const ROUNDER: f32 = 12_582_912.0;

/// The bits of `sqrt(1/2)`.
const SQRT_HALF: u32 = FRAC_1_SQRT_2.to_bits();

/// `2^23`, which makes a normal number of every other one.
const TWO_TO_23: f32 = 8_388_608.0;

/// `e^x`, to 1.01 units; 0 under -104, infinity over 88.73.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let (n, r) = reduce(clamp(x, -104.0, 89.0));
    // In two steps, since 2^n itself may be beyond what a number can be.
    let half = whole(n * 0.5);
    (1.0 + taylor(r)) * power_of_two(half) * power_of_two(n - half)
}

/// `e^x` of a number that is not above zero, to 1.01 units, for two thirds of the work of [`exp`].
#[inline(always)]
pub(crate) fn exp_falling(x: f32) -> f32 {
    let x = if x < -104.0 { -104.0 } else { x };
    raised(x, 0.0) * TWO_TO_MINUS_64
}

/// `2^64 e^(x + rest)`, a normal number where `x` is from -132 to 0 and the rest a small part of it: what is
/// less than any normal number is rounded by the product that takes the power away, and by no step before.
#[inline(always)]
fn raised(x: f32, rest: f32) -> f32 {
    let shifted = x * LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = ((x - n * LN_2_HIGH) + n * LN_2_EXCESS) + rest;
    // The lowest bits of the shifted number are those of `n`.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(TWO_TO_64.to_bits()));
    let [sixth, fifth, fourth, third, second, ..] = EXP;
    let high = fourth + r * (fifth + r * sixth);
    (1.0 + (r + r * r * (second + r * (third + r * high)))) * power
}

/// `e^x - 1`, to 1.65 units.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    let (n, r) = reduce(clamp(x, -20.0, 89.0));
    let half = whole(n * 0.5);
    let (low, high) = (power_of_two(half), power_of_two(n - half));
    // 2^n (1 + t) - 1 = (2^n t + 2^n) - 1, with half of the power taken out where it would overflow.
    let value = (taylor(r) * low + (low - power_of_two(half - n))) * high;
    if x == 0.0 { x } else { value }
}

/// `ln x`, to 0.8 units.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let small = x < f32::MIN_POSITIVE;
    let (scaled, shift) = if small { (x * TWO_TO_23, -23.0) } else { (x, 0.0) };
    // The exponent that leaves a mantissa from sqrt(1/2) to sqrt(2).
    let exponent = (scaled.to_bits().wrapping_sub(SQRT_HALF) as i32) >> 23;
    let f = f32::from_bits(scaled.to_bits().wrapping_sub((exponent as u32) << 23)) - 1.0;
    let n = exponent as f32 + shift;
    // ln(1 + f) is twice the area tangent of s = f / (2 + f), whose series this is after f - f^2 / 2.
    let s = f / (2.0 + f);
    let q = s * s;
    let rest = q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0))));
    let half = 0.5 * f * f;
    let value = n * LN_2_HIGH + (f - (half - (s * (half + rest) - n * LN_2_EXCESS)));
    let above_zero = if x < f32::INFINITY { value } else { x };
    let at_zero = if x == 0.0 { f32::NEG_INFINITY } else { above_zero };
    if x < 0.0 { f32::NAN } else { at_zero }
}

/// `ln(1 + x)`, to 1.5 units.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let sum = 1.0 + x;
    // What rounding took from the sum moves the logarithm by its share of the sum.
    let lost = (x - (sum - 1.0)) / sum;
    let value = ln(sum) + if sum > 0.0 && sum < f32::INFINITY { lost } else { 0.0 };
    if x == 0.0 { x } else { value }
}

/// The hyperbolic tangent, to 2.4 units.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let twice = 2.0 * x.abs();
    let grown = exp_m1(if twice > 20.0 { 20.0 } else { twice });
    (grown / (grown + 2.0)).copysign(x)
}

/// The normal distribution function, `(1 + erf(x / sqrt 2)) / 2`: how likely a normal number is below `x`. To 6.5
/// units.
///
/// `P(t)` in `exp(-a^2 / 2) t P(t)`, with `a = |x|` and `t = 1 / (1 + 0.3 a)`, was fitted to the lower tail.
#[inline(always)]
pub(crate) fn normal_cdf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.3 * near(x));
    let mut sum = TAIL[0];
    for &coefficient in &TAIL[1..] {
        sum = sum * t + coefficient;
    }
    let tail = raised_bell(x) * (t * sum) * TWO_TO_MINUS_64;
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The derivative of [`normal_cdf`], `exp(-x^2 / 2) / sqrt(2 pi)`, to 2 units.
#[inline(always)]
pub(crate) fn normal_density(x: f32) -> f32 {
    const AT_ZERO: f32 = 0.398_942_3;
    raised_bell(x) * AT_ZERO * TWO_TO_MINUS_64
}

/// `2^64 exp(-x^2 / 2)`.
#[inline(always)]
fn raised_bell(x: f32) -> f32 {
    let a = near(x);
    // The upper half of the digits has a square without rounding (as in Dekker's product): an absolute error of the
    // exponent is a relative one of the tail.
    let upper = f32::from_bits(a.to_bits() & 0xffff_f000);
    raised(-0.5 * upper * upper, -0.5 * ((a - upper) * (a + upper)))
}

/// The size of a number, up to one beyond which a tail is nothing.
#[inline(always)]
fn near(x: f32) -> f32 {
    let a = x.abs();
    if a > 16.0 { 16.0 } else { a }
}

/// Coefficients of `P`, the highest power first.
const TAIL: [f32; 10] = [
    -0.020_623_479,
    0.112_435_67,
    -0.228_213_73,
    0.191_784_7,
    -0.079_423_62,
    0.096_156_9,
    0.078_389_63,
    0.110_235_43,
    0.119_571_81,
    0.119_686_69,
];

/// `x` within two bounds; NaN stays NaN.
#[inline(always)]
fn clamp(x: f32, least: f32, most: f32) -> f32 {
    let above = if x < least { least } else { x };
    if above > most { most } else { above }
}

/// The nearest whole number, of a number up to 2^22.
#[inline(always)]
fn whole(x: f32) -> f32 {
    (x + ROUNDER) - ROUNDER
}

/// `x` as a multiple of `ln 2` and the rest: Cody and Waite's reduction.
#[inline(always)]
fn reduce(x: f32) -> (f32, f32) {
    let n = whole(x * LOG2_E);
    (n, (x - n * LN_2_HIGH) + n * LN_2_EXCESS)
}

/// 2 to the power of a whole number from -126 to 127.
#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    f32::from_bits(((n + ROUNDER).to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// `e^r - 1` for `|r| <= ln 2 / 2`: Taylor's polynomial, whose remainder is under 2^-27 of `e^r`.
#[inline(always)]
fn taylor(r: f32) -> f32 {
    let high = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0));
    r + r * r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * high)))
}
