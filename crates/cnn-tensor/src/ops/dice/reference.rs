//! The plain loops: the oracle, and the path of `f64`.

use super::{Coefficients, Denominator, Geometry, size, slope};
use crate::Float;

/// Adds up, for each example, the overlaps of its classes, then what they are compared with.
pub(super) fn sums<F: Float>(
    prediction: &[F],
    target: &[F],
    geometry: Geometry,
    denominator: Denominator,
    sums: &mut [f64],
) {
    let Geometry { classes, example, .. } = geometry;
    for (index, (&p, &t)) in prediction.iter().zip(target).enumerate() {
        let (example, class) = (index / example, index % classes);
        sums[2 * example * classes + class] += (p * t).to_f64();
        sums[(2 * example + 1) * classes + class] += size(p, t, denominator).to_f64();
    }
}

pub(super) fn gradient<F: Float>(
    own: &[F],
    other: &[F],
    output: &mut [F],
    geometry: Geometry,
    coefficients: &Coefficients<F>,
    denominator: Denominator,
) {
    let Geometry { classes, example, .. } = geometry;
    for (index, y) in output.iter_mut().enumerate() {
        let place = index / example * classes + index % classes;
        let pair = [coefficients.of_other[place], coefficients.own[place]];
        *y = slope(own[index], other[index], pair, denominator);
    }
}
