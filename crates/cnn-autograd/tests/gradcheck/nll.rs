//! The negative log-likelihood with weights, an ignored label and each reduction.

use cnn_tensor::Tensor;
use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::ops::nll::Options;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
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
            weights: (setting % 2 == 0).then_some(&weights),
            ignored: (setting % 3 == 0).then_some(1),
            reduction: [Reduction::Mean, Reduction::Sum, Reduction::None, Reduction::BatchMean]
                [setting as usize / 6],
        };
        check(&format!("nll of {shape:?}, {options:?}"), &[random(&shape, setting)], |mut v| {
            v.remove(0).nll_loss(&labels, options)
        });
    }
}

#[test]
fn gradients_of_the_likelihood_agree_with_differences() {
    cases();
}
