//! Reversed and moved elements, multiplied by where they came from.

use cnn_tensor::random::Key;

use crate::{check, random, some_axes, some_shape};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let shape = some_shape(key);
        let axes = some_axes(key, shape.len());
        check("flip", &[random(&shape, setting)], |mut v| {
            let x = v.remove(0);
            x.clone().flip(&axes)?.mul(x)
        });
        for axis in 0..shape.len() {
            check("roll", &[random(&shape, setting)], |mut v| {
                let x = v.remove(0);
                let moved = x.clone().roll(key.below(7, 9) as i64 - 4, axis)?;
                moved.clone().mul(moved)?.mul(x)
            });
        }
    }
}

#[test]
fn gradients_of_flipping_agree_with_differences() {
    cases();
}
