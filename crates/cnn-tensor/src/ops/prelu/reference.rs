//! The plain loops: the oracle, and the path of `f64`.

use super::{to_input, to_slope, value};
use crate::Float;
use crate::ops::in_place::Source;

pub(super) fn forward<F: Float>(x: Source<'_, F>, weight: &[F], output: &mut [F]) {
    for (index, y) in output.iter_mut().enumerate() {
        let x = match x {
            Source::InPlace => *y,
            Source::Other(x) => x[index],
        };
        *y = value(x, weight[index % weight.len()]);
    }
}

pub(super) fn grad_input<F: Float>(x: &[F], weight: &[F], grad: Source<'_, F>, output: &mut [F]) {
    for (index, result) in output.iter_mut().enumerate() {
        let grad = match grad {
            Source::InPlace => *result,
            Source::Other(grad) => grad[index],
        };
        *result = to_input(x[index], weight[index % weight.len()], grad);
    }
}

pub(super) fn grad_weight<F: Float>(x: &[F], grad: &[F], output: &mut [F]) {
    output.fill(F::ZERO);
    let slopes = output.len();
    for (index, (&x, &grad)) in x.iter().zip(grad).enumerate() {
        output[index % slopes] += to_slope(x, grad);
    }
}
