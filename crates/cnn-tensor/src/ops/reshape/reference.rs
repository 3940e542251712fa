//! The plain loop over the output's positions: the oracle.

use crate::Element;

pub(super) fn permute<E: Element>(x: &[E], dims: &[usize], axes: &[usize], output: &mut [E]) {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    for (mut position, y) in output.iter_mut().enumerate() {
        let mut from = 0;
        for &axis in axes.iter().rev() {
            from += position % dims[axis] * strides[axis];
            position /= dims[axis];
        }
        *y = x[from];
    }
}
