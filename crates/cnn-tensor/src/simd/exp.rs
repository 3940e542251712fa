//! The exponential of numbers that are not positive, in vectors.
//!
//! `exp(x) = 2^n * exp(r)` with `n` the whole number nearest to `x / ln 2` (Cody and Waite's reduction, with
//! `ln 2` in two parts so that `r` is exact), and on `|r| <= ln 2 / 2` a polynomial of sixth degree. The relative error in
//! all is under 2e-7 as far down as results are normal numbers, to -87.3; from -87.68 on the result is 0.
//!
//! The scalar one of [`crate::math`] takes every number and gives the same bits on every instruction set; this one fuses
//! products and sums and needs no second step for large results.

use crate::math::{EXP, LN_2_EXCESS, LN_2_HIGH};
use crate::simd::Isa;

/// Where the argument is held: `n` is then -127 and the result 0, as it is from -87.68 on.
const LOWEST: f32 = -88.0;

/// e to the power of each lane, taken as 0 where it is above; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    // Both give their second argument where either is NaN. Lanes behind the end of a row may hold anything.
    let inside = isa.min(isa.splat(0.0), isa.max(isa.splat(LOWEST), x));
    let n = isa.round(isa.mul(inside, isa.splat(std::f32::consts::LOG2_E)));
    let r = isa.fma(n, isa.splat(-LN_2_HIGH), inside);
    let r = isa.fma(n, isa.splat(LN_2_EXCESS), r);
    let mut sum = isa.splat(EXP[0]);
    for &coefficient in &EXP[1..] {
        sum = isa.fma(sum, r, isa.splat(coefficient));
    }
    isa.mul(sum, isa.exp2_whole(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Kernel;
    use crate::testing::on_each_level;

    /// Exponentials of up to a vector of numbers.
    struct Exponentials<'a>(&'a mut [f32]);

    impl Kernel for Exponentials<'_> {
        type Output = ();

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) {
            for part in self.0.chunks_mut(I::LANES) {
                isa.store_partial(exp(isa, isa.load_partial(part)), part);
            }
        }
    }

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        on_each_level(|level| {
            let inputs: Vec<f32> = (0..90_000).map(|step| -(step as f32) * 1e-3).collect();
            let mut outputs = inputs.clone();
            level.run(Exponentials(&mut outputs));
            for (&x, &y) in inputs.iter().zip(&outputs) {
                let expected = f64::from(x).exp();
                // Less than every normal number, the result may be 0.
                let error = if x > -87.3 { 2.4e-7 * expected } else { f64::from(f32::MIN_POSITIVE) };
                assert!((f64::from(y) - expected).abs() <= error, "exp({x}) is {y} on {level}");
            }
            let mut special = [f32::NEG_INFINITY, -200.0, -0.0, f32::INFINITY, f32::NAN];
            level.run(Exponentials(&mut special));
            assert_eq!(special[..4], [0.0, 0.0, 1.0, 1.0]);
            assert!(special[4].is_nan());
        });
    }
}
