//! Running sums along each axis, from each end.

use cnn_tensor::ops::scan::From;
use cnn_tensor::random::Key;

use crate::{check, random, some_shape};

pub(crate) fn cases() {
    for setting in 0..24 {
        let mut shape = some_shape(Key::new(setting));
        shape.push(1 + setting as usize % 4);
        let axis = setting as usize % shape.len();
        for from in [From::Start, From::End] {
            check("cumsum", &[random(&shape, setting)], |mut v| {
                let x = v.remove(0);
                x.clone().cumsum(axis, from)?.mul(x)
            });
        }
    }
}

#[test]
fn gradients_of_running_sums_agree_with_differences() {
    cases();
}
