//! The plain loops: the oracle, and the path of `f64`.

use crate::Float;

pub(super) fn sum<F: Float>(x: &[F]) -> F {
    x.iter().fold(F::ZERO, |sum, &x| sum + x)
}

pub(super) fn sum_leading<F: Float>(x: &[F], output: &mut [F]) {
    output.fill(F::ZERO);
    for row in x.chunks_exact(output.len().max(1)) {
        output.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
    }
}

pub(super) fn is_finite<F: Float>(x: &[F]) -> bool {
    // Zero times infinity is NaN, and so is zero times NaN.
    x.iter().all(|&x| !(x * F::ZERO).is_nan())
}

pub(super) fn max_abs_difference<F: Float>(a: &[F], b: &[F]) -> f64 {
    a.iter().zip(b).fold(0.0, |most: f64, (&a, &b)| {
        let difference = (a.to_f64() - b.to_f64()).abs();
        if difference.is_nan() || difference > most { difference } else { most }
    })
}
