//! Copies along axes of size 1.

use cnn_tensor::random::Key;

use crate::{check, random, some_shapes};

pub(crate) fn cases() {
    for setting in 0..24 {
        let [from, other] = some_shapes(Key::new(setting));
        let shape = cnn_tensor::ops::broadcast::shape("test", &from, &other).unwrap();
        check("broadcast_to", &[random(&from, setting)], |mut x| {
            let x = x.remove(0).broadcast_to(&shape)?;
            x.clone().mul(x)
        });
    }
}

#[test]
fn gradients_of_copies_agree_with_differences() {
    cases();
}
