//! Soft dice with both denominators and each reduction.

use cnn_tensor::Tensor;
use cnn_tensor::ops::dice::{Denominator, Options};
use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..20u64 {
        let key = Key::new(setting);
        let rank = 2 + setting as usize % 3;
        let shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 4) as usize).collect();
        let denominator = if setting % 2 == 0 { Denominator::Sums } else { Denominator::Squares };
        let reduction =
            [Reduction::Mean, Reduction::Sum, Reduction::None, Reduction::BatchMean][setting as usize / 5];
        let options = Options { smoothing: 0.5, denominator, reduction };
        let masks = [setting, setting + 90].map(|seed| {
            let shares: Vec<f64> =
                random(&shape, seed).to_vec::<f64>().unwrap().iter().map(|x| 0.5 + 0.4 * x).collect();
            Tensor::from_slice(&shape, &shares).unwrap()
        });
        check(&format!("dice of {shape:?}, {options:?}"), &masks, |mut v| {
            let target = v.remove(1);
            v.remove(0).dice_loss(target, options)
        });
    }
}

#[test]
fn gradients_of_dice_agree_with_differences() {
    cases();
}
