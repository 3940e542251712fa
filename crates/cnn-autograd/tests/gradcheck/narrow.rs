//! Ranges and parts along each axis.

use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let dims: Vec<usize> =
            (0..1 + key.below(0, 3)).map(|axis| 1 + key.below(1 + axis, 4) as usize).collect();
        let axis = key.below(8, dims.len() as u64) as usize;
        let start = key.below(9, dims[axis] as u64) as usize;
        let end = start + 1 + key.below(10, (dims[axis] - start) as u64) as usize;
        check("narrow", &[random(&dims, setting)], |mut v| {
            let part = v.remove(0).narrow_along(axis, start..end)?;
            part.clone().mul(part)
        });
        check("first part by last part", &[random(&dims, setting)], |mut v| {
            let mut parts = v.remove(0).split(&[start, dims[axis] - start], axis)?;
            let last = parts.remove(1);
            parts.remove(0).sum()?.mul(last)
        });
    }
    check("chunks", &[random(&[5, 2], 1)], |mut v| {
        let mut parts = v.remove(0).chunk(2, 0)?;
        let last = parts.remove(1);
        parts.remove(0).narrow_along(0, 0..2)?.mul(last)
    });
}

#[test]
fn gradients_of_parts_agree_with_differences() {
    cases();
}
