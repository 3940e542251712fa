//! The plain loops: the oracle, and the path of `f64`.

use super::Geometry;
use crate::Float;
use crate::ops::in_place::Source;

/// Which factor belongs to a number.
fn factor(geometry: Geometry, at: usize) -> usize {
    at / geometry.image() * geometry.channels + at % geometry.channels
}

pub(super) fn scale<F: Float>(geometry: Geometry, factors: &[F], x: Source<'_, F>, output: &mut [F]) {
    for (at, y) in output.iter_mut().enumerate() {
        let x = match x {
            Source::InPlace => *y,
            Source::Other(x) => x[at],
        };
        *y = x * factors[factor(geometry, at)];
    }
}

pub(super) fn sums<F: Float>(geometry: Geometry, x: &[F], grad: &[F], sums: &mut [F]) {
    sums.fill(F::ZERO);
    for (at, (&x, &grad)) in x.iter().zip(grad).enumerate() {
        sums[factor(geometry, at)] += x * grad;
    }
}
