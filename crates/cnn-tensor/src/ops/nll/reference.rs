//! The plain loops: the oracle, and the path of `f64`.

use super::Problem;
use crate::Float;

pub(super) fn sum<F: Float>(problem: &Problem<'_, F>, x: &[F]) -> F {
    (0..problem.labels.len()).map(|row| problem.loss(x, row)).sum()
}

pub(super) fn each<F: Float>(problem: &Problem<'_, F>, x: &[F], output: &mut [F]) {
    for (row, y) in output.iter_mut().enumerate() {
        *y = problem.loss(x, row);
    }
}

/// `factors` is one number, or one for each row.
pub(super) fn backward<F: Float>(problem: &Problem<'_, F>, factors: &[F], output: &mut [F]) {
    output.fill(F::ZERO);
    for row in 0..problem.labels.len() {
        if let Some((class, weight)) = problem.class(row) {
            output[row * problem.classes + class] = -weight * factors[row % factors.len()];
        }
    }
}
