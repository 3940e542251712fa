//! Dropout with a fixed key.

use cnn_tensor::ops::dropout::Unit;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, probability) in [0.0, 0.25, 0.9, 1.0].into_iter().enumerate() {
        check("dropout", &[random(&[3, 7], seed as u64)], |mut x| {
            x.remove(0).dropout(probability, Key::new(seed as u64))
        });
    }
    for setting in 0..24u64 {
        let key = Key::new(setting);
        let rank = 2 + setting as usize % 3;
        let shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 4) as usize).collect();
        let unit = [Unit::Element, Unit::Channel, Unit::Example, Unit::Batch][setting as usize % 4];
        let probability = [0.0, 0.3, 0.7, 1.0][setting as usize / 6];
        check(&format!("dropout of {unit:?} of {shape:?}"), &[random(&shape, setting)], |mut x| {
            x.remove(0).dropout_of(unit, probability, key)
        });
    }
}

#[test]
fn gradients_of_dropout_agree_with_differences() {
    cases();
}
