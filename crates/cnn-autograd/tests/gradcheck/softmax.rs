//! Softmax and its logarithm over every axis of generated shapes.

use std::slice::from_ref;

use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..24 {
        let key = Key::new(setting);
        let rank = 1 + setting as usize % 4;
        let shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 5) as usize).collect();
        let axis = key.below(9, rank as u64) as usize;
        let x = random(&shape, setting);
        check(&format!("softmax of {shape:?} over {axis}"), from_ref(&x), |mut x| x.remove(0).softmax(axis));
        check(&format!("log softmax of {shape:?} over {axis}"), &[x], |mut x| x.remove(0).log_softmax(axis));
    }
}

#[test]
fn gradients_of_softmax_agree_with_differences() {
    cases();
}

#[test]
fn an_axis_that_is_not_there_is_refused_before_anything_is_computed() {
    let x = cnn_autograd::Var::constant(random(&[2, 3], 1));
    let error = x.log_softmax(2).unwrap_err();
    assert_eq!(error.to_string(), "log_softmax: input [2, 3] has no axis 2");
}
