//! Every function over all of `f32`, sampled densely, against double precision; and the double one against known values.

use super::{
    exp, exp_falling, exp_m1, ln, ln_1p, normal_cdf, normal_cdf_f64, normal_density, normal_density_f64, tanh,
};

/// Distance of the samples, as whole numbers that are their bits: a prime, so that all digits vary.
const STEP: usize = 10_007;

type Single = fn(f32) -> f32;
type Double = fn(f64) -> f64;

/// What the documentation states, in units in the last place.
const FUNCTIONS: [(&str, Single, Double, f64); 8] = [
    ("exp", exp, f64::exp, 1.01),
    ("exp_falling", |x| exp_falling(-x.abs()), |x| (-x.abs()).exp(), 1.01),
    ("exp_m1", exp_m1, f64::exp_m1, 1.65),
    ("ln", ln, f64::ln, 0.8),
    ("ln_1p", ln_1p, f64::ln_1p, 1.5),
    ("tanh", tanh, f64::tanh, 2.4),
    ("normal_cdf", normal_cdf, normal_cdf_f64, 6.5),
    ("normal_density", normal_density, normal_density_f64, 2.0),
];

/// The distance from `expected` in units in the last place of it, where one is rounded to more than the largest number
/// both count as infinite.
fn units(got: f32, expected: f64) -> f64 {
    let nearest = expected as f32;
    if got == nearest || (got.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let exponent = (expected.abs().log2().floor()).clamp(-126.0, 127.0);
    let got = if got.is_infinite() { f64::from(f32::MAX).copysign(f64::from(got)) } else { f64::from(got) };
    let expected = expected.clamp(-f64::from(f32::MAX), f64::from(f32::MAX));
    let distance = (got - expected).abs() / (exponent - 23.0).exp2();
    if distance.is_nan() { f64::INFINITY } else { distance }
}

#[test]
fn every_function_is_as_exact_as_stated_over_all_of_f32() {
    for (name, function, expected, stated) in FUNCTIONS {
        let (mut worst, mut at) = (0.0, 0.0);
        for x in (0..=u32::MAX).step_by(STEP).map(f32::from_bits) {
            let error = units(function(x), expected(f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        assert!(worst <= stated, "{name}({at:e}) is {:e}, off by {worst} units", function(at));
        assert!(
            worst > 0.4 * stated,
            "{name} is off by {worst} units at most, which is far less than stated"
        );
    }
}

#[test]
fn special_values_are_those_of_the_standard_library() {
    let small = f32::from_bits(1);
    for x in [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN, small, -small, 1e-40, -1e-40]
    {
        for (name, function, expected, _) in FUNCTIONS {
            let (got, expected) = (function(x), expected(f64::from(x)) as f32);
            let same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
            assert!(same, "{name}({x:e}) is {got:e}, expected {expected:e}");
        }
    }
    let rows: [(Single, f32, f32); 7] = [
        (exp, f32::MAX, f32::INFINITY),
        (exp, f32::MIN, 0.0),
        (exp_m1, f32::MAX, f32::INFINITY),
        (exp_m1, f32::MIN, -1.0),
        (ln_1p, -1.0, f32::NEG_INFINITY),
        (tanh, f32::MIN, -1.0),
        (normal_cdf, f32::MIN, 0.0),
    ];
    for (row, (function, x, expected)) in rows.into_iter().enumerate() {
        assert_eq!(function(x), expected, "row {row}");
    }
    assert!(ln(-1.0).is_nan() && ln_1p(-1.5).is_nan());
}

#[test]
fn the_normal_distribution_in_double_precision_has_the_known_values() {
    // mpmath.ncdf with 40 digits.
    let rows = [
        (-38.0, 2.885_428_35e-316),
        (-20.0, 2.753_624_118_606_233_7e-89),
        (-8.5, 9.479_534_822_203_318e-18),
        (-5.0, 2.866_515_718_791_939e-7),
        (-3.0, 0.001_349_898_031_630_094_6),
        (-2.000_1, 0.022_744_733_391_410_546),
        (-1.999_9, 0.022_755_531_584_767_185),
        (-1.0, 0.158_655_253_931_457_05),
        (-0.1, 0.460_172_162_722_971),
        (0.0, 0.5),
        (0.001, 0.500_398_942_213_911),
        (0.5, 0.691_462_461_274_013_1),
        (1.9, 0.971_283_440_183_998_1),
        (2.5, 0.993_790_334_674_224),
        (6.0, 0.999_999_999_013_412_4),
    ];
    for (x, expected) in rows {
        let got = normal_cdf_f64(x);
        // An error of the square is one of the tail, relative to it; near zero the sum with a half rounds.
        let near = if x.abs() < 2.0 { 2e-16 } else { f64::from_bits(8) };
        let allowed = (1.0 + x * x) * 4e-16 * expected + near;
        assert!((got - expected).abs() <= allowed, "normal_cdf({x}) is {got:e}, expected {expected:e}");
    }
}
