//! The plain loops: the oracle, and the path of `f64`.

use super::{Operands, Terms};
use crate::Float;

pub(super) fn sum<T: Terms, F: Float>(terms: &T, operands: &Operands<'_, F>) -> F {
    (0..operands.prediction.len()).map(|index| value(terms, operands, index)).sum()
}

pub(super) fn values<T: Terms, F: Float>(terms: &T, operands: &Operands<'_, F>, output: &mut [F]) {
    for (index, y) in output.iter_mut().enumerate() {
        *y = value(terms, operands, index);
    }
}

/// `factors` is one number, or one for each element.
pub(super) fn gradients<T: Terms, F: Float>(
    terms: &T,
    operands: &Operands<'_, F>,
    factors: &[F],
    output: &mut [F],
) {
    for (index, y) in output.iter_mut().enumerate() {
        let Operands { prediction, target, weight, channels } = operands;
        let weight = weight.map_or(F::ONE, |weight| weight[index]);
        let channel = channels[index % channels.len()];
        let gradient = terms.gradient(prediction[index], target[index], channel);
        *y = gradient * weight * factors[index % factors.len()];
    }
}

fn value<T: Terms, F: Float>(terms: &T, operands: &Operands<'_, F>, index: usize) -> F {
    let Operands { prediction, target, weight, channels } = operands;
    let loss = terms.value(prediction[index], target[index], channels[index % channels.len()]);
    weight.map_or(loss, |weight| loss * weight[index])
}
