//! The plain loops: the oracle, and the path of `f64`.

use super::Vectors;
use crate::Float;

/// Places of the numbers of each vector.
fn places(vectors: Vectors, len: usize) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    let Vectors { inner, .. } = vectors;
    (0..len).step_by(vectors.block()).flat_map(move |block| {
        (0..inner).map(move |column| (block + column..block + vectors.block()).step_by(inner))
    })
}

pub(super) fn forward<F: Float>(vectors: Vectors, x: &[F], output: &mut [F]) {
    for places in places(vectors, x.len()) {
        let squares: F = places.clone().map(|at| x[at] * x[at]).sum();
        let divisor = F::from_f64(vectors.divisor(squares.to_f64()).0);
        places.for_each(|at| output[at] = x[at] / divisor);
    }
}

pub(super) fn backward<F: Float>(vectors: Vectors, x: &[F], grad: &[F], result: &mut [F]) {
    for places in places(vectors, x.len()) {
        let squares: F = places.clone().map(|at| x[at] * x[at]).sum();
        let (divisor, is_length) = vectors.divisor(squares.to_f64());
        let divisor = F::from_f64(divisor);
        let dot: F = places.clone().map(|at| grad[at] * (x[at] / divisor)).sum();
        let along = if is_length { dot } else { F::ZERO };
        places.for_each(|at| result[at] = (grad[at] - along * (x[at] / divisor)) / divisor);
    }
}
