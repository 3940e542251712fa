//! Softmax and cross-entropy over batches, classes and smoothing.

use std::slice::from_ref;

use cnn_autograd::Error;
use cnn_tensor::Tensor;
use cnn_tensor::ops::cross_entropy::Options;
use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, (batch, classes)) in [(1, 2), (3, 10), (5, 3)].into_iter().enumerate() {
        let logits = random(&[batch, classes], seed as u64);
        let labels: Vec<i64> = (0..batch as i64).map(|row| (3 * row + 1) % classes as i64).collect();
        let labels = Tensor::from_slice(&[batch], &labels).unwrap();
        for smoothing in [0.0, 0.1, 1.0] {
            check("cross entropy", from_ref(&logits), |mut v| {
                v.remove(0)
                    .cross_entropy(&labels, Options { label_smoothing: smoothing, ..Options::default() })
            });
        }
    }
    for setting in 0..24u64 {
        let key = Key::new(setting);
        let rank = 1 + setting as usize % 3;
        let mut shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 3) as usize).collect();
        let rows = shape.iter().product::<usize>();
        let classes = 2 + key.below(7, 4);
        // The first row is never ignored, so that a mean is one.
        let labels: Vec<i64> = (0..rows as u64).map(|row| (row % classes) as i64).collect();
        let labels = Tensor::from_slice(&shape, &labels).unwrap();
        shape.push(classes as usize);
        let weights = random(&[classes as usize], setting + 50);
        let options = Options {
            label_smoothing: [0.0, 0.1, 1.0][setting as usize % 3],
            weights: (setting % 2 == 0).then_some(&weights),
            ignored: (setting % 4 < 2).then_some(1),
            reduction: [Reduction::Mean, Reduction::Sum, Reduction::None, Reduction::BatchMean]
                [setting as usize / 6],
        };
        let logits = random(&shape, setting);
        let case = format!("cross entropy of {shape:?}, {options:?}");
        check(&case, from_ref(&logits), |mut v| v.remove(0).cross_entropy(&labels, options));
        let (targets, options) = (random(&shape, setting + 70), Options { ignored: None, ..options });
        check(&format!("soft {case}"), &[logits], |mut v| v.remove(0).soft_cross_entropy(&targets, options));
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
    let error = logits.cross_entropy(&labels, Reduction::Mean).unwrap_err();
    assert!(matches!(error, Error::Tensor(cnn_tensor::Error::Argument { .. })));
    assert!(error.to_string().contains("2 at index 2"), "{error}");
}
