//! Dropout with a fixed key.

use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, probability) in [0.0, 0.25, 0.9, 1.0].into_iter().enumerate() {
        check("dropout", &[random(&[3, 7], seed as u64)], |mut x| {
            x.remove(0).dropout(probability, Key::new(seed as u64))
        });
    }
}

#[test]
fn gradients_of_dropout_agree_with_differences() {
    cases();
}
