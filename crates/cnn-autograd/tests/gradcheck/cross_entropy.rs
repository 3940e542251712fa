//! Softmax and cross-entropy over batches, classes and smoothing.

use std::slice::from_ref;

use cnn_autograd::Error;
use cnn_tensor::Tensor;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, (batch, classes)) in [(1, 2), (3, 10), (5, 3)].into_iter().enumerate() {
        let logits = random(&[batch, classes], seed as u64);
        let labels: Vec<i64> = (0..batch as i64).map(|row| (3 * row + 1) % classes as i64).collect();
        let labels = Tensor::from_slice(&[batch], &labels).unwrap();
        for smoothing in [0.0, 0.1, 1.0] {
            check("cross entropy", from_ref(&logits), |mut v| v.remove(0).cross_entropy(&labels, smoothing));
        }
    }
}

#[test]
fn gradients_of_cross_entropy_agree_with_differences() {
    cases();
}

#[test]
fn a_label_outside_of_the_classes_is_an_error_with_its_index() {
    let logits = cnn_autograd::Var::constant(random(&[3, 2], 1));
    let labels = Tensor::from_slice(&[3], &[0i64, 1, 2]).unwrap();
    let error = logits.cross_entropy(&labels, 0.0).unwrap_err();
    assert!(matches!(error, Error::Tensor(cnn_tensor::Error::Argument { .. })));
    assert!(error.to_string().contains("2 at index 2"), "{error}");
}
