//! Division of vectors by their length over any axis, and of vectors shorter than epsilon by that.

use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    let key = Key::new(0x6e6f);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let shape: Vec<usize> = (0..size(0, 4)).map(|axis| size(10 + axis as u64, 4)).collect();
        let axis = size(1, shape.len() as u64) - 1;
        let epsilon = [1e-12, 1e-3, 10.0][setting as usize % 3];
        check(
            &format!("{shape:?} over axis {axis}, epsilon {epsilon}"),
            &[random(&shape, setting)],
            |mut x| x.remove(0).normalize(axis, epsilon),
        );
    }
}

#[test]
fn gradients_of_normalize_agree_with_differences() {
    cases();
}
