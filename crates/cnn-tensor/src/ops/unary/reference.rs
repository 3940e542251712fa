//! The plain loops: the oracle, and the path of `f64`.

use super::Unary;
use crate::Float;
use crate::ops::in_place::Source;

pub(super) fn forward<U: Unary, F: Float>(op: &U, x: Source<'_, F>, output: &mut [F]) {
    for (index, y) in output.iter_mut().enumerate() {
        *y = op.value(match x {
            Source::InPlace => *y,
            Source::Other(x) => x[index],
        });
    }
}

pub(super) fn backward<U: Unary, F: Float>(op: &U, kept: &[F], grad: Source<'_, F>, output: &mut [F]) {
    for (index, result) in output.iter_mut().enumerate() {
        let grad = match grad {
            Source::InPlace => *result,
            Source::Other(grad) => grad[index],
        };
        *result = op.gradient(kept[index], grad);
    }
}
