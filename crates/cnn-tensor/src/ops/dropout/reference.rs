//! The plain loops: the oracle, and the path of `f64`.

use super::Mask;
use crate::Float;
use crate::ops::in_place::Source;

pub(super) fn dropout<F: Float>(x: Source<'_, F>, output: &mut [F], mask: Mask) {
    for (index, y) in output.iter_mut().enumerate() {
        let x = match x {
            Source::InPlace => *y,
            Source::Other(x) => x[index],
        };
        let keep = mask.key.uniform(index as u64) >= mask.threshold;
        *y = x * if keep { F::from_f64(mask.factor) } else { F::ZERO };
    }
}
