//! The plain loops: the oracle, and the path of `f64`.

use super::{Columns, Scale};
use crate::Float;

pub(super) fn forward<F: Float>(scale: Scale, x: &mut [F], columns: Columns) {
    each_column(x.len(), columns, |places| {
        let most = places.clone().map(|at| x[at]).fold(F::NEG_INFINITY, larger);
        let sum: F = places.clone().map(|at| (x[at] - most).exp()).sum();
        for at in places {
            x[at] = match scale {
                Scale::Probability => (x[at] - most).exp() / sum,
                Scale::Logarithm => (x[at] - most) - sum.ln(),
            };
        }
    });
}

pub(super) fn backward<F: Float>(scale: Scale, output: &[F], grad: &mut [F], columns: Columns) {
    each_column(grad.len(), columns, |places| match scale {
        Scale::Probability => {
            let share: F = places.clone().map(|at| grad[at] * output[at]).sum();
            places.for_each(|at| grad[at] = output[at] * (grad[at] - share));
        }
        Scale::Logarithm => {
            let sum: F = places.clone().map(|at| grad[at]).sum();
            places.for_each(|at| grad[at] -= output[at].exp() * sum);
        }
    });
}

/// Calls `work` with the places of the numbers of each column.
fn each_column(
    len: usize,
    columns: Columns,
    mut work: impl FnMut(std::iter::StepBy<std::ops::Range<usize>>),
) {
    for block in (0..len).step_by(columns.block().max(1)) {
        for column in 0..columns.inner {
            work((block + column..block + columns.block()).step_by(columns.inner));
        }
    }
}

/// The largest element; a NaN is left to the sum, which it makes NaN.
pub(crate) fn maximum<F: Float>(row: &[F]) -> F {
    row.iter().copied().fold(F::NEG_INFINITY, larger)
}

fn larger<F: Float>(most: F, x: F) -> F {
    if x > most { x } else { most }
}
