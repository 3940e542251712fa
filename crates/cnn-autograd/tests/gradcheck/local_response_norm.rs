//! Local response norm with windows of even and odd size, wider than the channels too.

use cnn_tensor::ops::local_response_norm::Options;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    let key = Key::new(0x6c72);
    for setting in 0..24 {
        let size = |number: u64, bound: u64| 1 + key.fold(setting).below(number, bound) as usize;
        let spatial = (1..size(0, 3)).map(|axis| size(10 + axis as u64, 3));
        let mut shape: Vec<usize> = [size(1, 2)].into_iter().chain(spatial).collect();
        shape.push(size(2, 6));
        let real = |number| key.fold(setting).uniform_f64(number);
        let options =
            Options { size: size(3, 7), alpha: 3.0 * real(4), beta: 2.0 * real(5) - 0.5, k: 0.5 + real(6) };
        check(&format!("{shape:?}, {options:?}"), &[random(&shape, setting)], |mut x| {
            x.remove(0).local_response_norm(options)
        });
    }
}

#[test]
fn gradients_of_local_response_norm_agree_with_differences() {
    cases();
}
