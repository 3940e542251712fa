//! The plain loop: the oracle, and the path of `f64`.

use super::Binary;
use crate::Float;
use crate::ops::in_place::Source;

pub(super) fn combine<B: Binary, F: Float>(op: &B, a: Source<'_, F>, b: &[F], output: &mut [F]) {
    for (index, y) in output.iter_mut().enumerate() {
        let a = match a {
            Source::InPlace => *y,
            Source::Other(a) => a[index],
        };
        *y = op.value(a, b[index]);
    }
}
