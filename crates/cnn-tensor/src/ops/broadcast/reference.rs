//! Where an operand is, worked out for one place of the output at a time: the oracle.

/// The place in an operand of `dims` of what is at `position` in an output of `shape`.
pub(crate) fn place(mut position: usize, shape: &[usize], dims: &[usize]) -> usize {
    let (mut at, mut size) = (0, 1);
    for axis in (0..shape.len()).rev() {
        let index = position % shape[axis];
        position /= shape[axis];
        let Some(own) = (axis + dims.len()).checked_sub(shape.len()) else { continue };
        at += index.min(dims[own] - 1) * size;
        size *= dims[own];
    }
    at
}
