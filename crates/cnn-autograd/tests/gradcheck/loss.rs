//! The family of losses: each member, reduction and weight, with gradients of both sides.

use cnn_autograd::ops::loss::LossOptions;
use cnn_autograd::{Result, Var};
use cnn_tensor::ops::loss::{Reduction, SigmoidFocal};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use crate::{check, random};

type Member = fn(Var, Var, LossOptions) -> Result<Var>;

const MEMBERS: [(&str, Member); 11] = [
    ("mse", |p, t, options| p.mse_loss(t, options)),
    ("l1", |p, t, options| p.l1_loss(t, options)),
    ("smooth l1", |p, t, options| p.smooth_l1_loss(t, 0.4, options)),
    ("smooth l1 that is l1", |p, t, options| p.smooth_l1_loss(t, 0.0, options)),
    ("huber", |p, t, options| p.huber_loss(t, 0.4, options)),
    ("kl", |p, t, options| p.kl_div(t, options)),
    ("kl of logs", |p, t, options| p.kl_div_of_logs(t, options)),
    ("bce", |p, t, options| p.binary_cross_entropy_with_logits(t, None, options)),
    ("focal", |p, t, options| {
        p.sigmoid_focal_loss(t, SigmoidFocal { alpha: Some(0.25), gamma: 2.0 }, options)
    }),
    ("focal without alpha", |p, t, options| {
        p.sigmoid_focal_loss(t, SigmoidFocal { alpha: None, gamma: 1.5 }, options)
    }),
    ("focal that is bce", |p, t, options| {
        p.sigmoid_focal_loss(t, SigmoidFocal { alpha: None, gamma: 0.0 }, options)
    }),
];

const REDUCTIONS: [Reduction; 4] = [Reduction::Mean, Reduction::Sum, Reduction::BatchMean, Reduction::None];

/// A shape, a prediction, a target from 0.1 to 0.9 that is not near to it or to the distance of 0.4 where members have
/// kinks, and a weight.
fn generated(setting: u64) -> (Tensor, Tensor, Option<Tensor>) {
    let key = Key::new(setting);
    let rank = 1 + setting as usize % 4;
    let shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 4) as usize).collect();
    let len = shape.iter().product::<usize>() as u64;
    let target: Vec<f64> = (0..len).map(|index| 0.1 + 0.8 * key.fold(1).uniform_f64(index)).collect();
    let distance = |index: u64| {
        let distance = 3.0 * key.fold(2).uniform_f64(index) - 1.5;
        let near = [-0.4, 0.0, 0.4].iter().any(|kink| (distance - kink).abs() < 0.01);
        if near { distance + 0.02 } else { distance }
    };
    let prediction: Vec<f64> =
        target.iter().zip(0..).map(|(target, index)| target + distance(index)).collect();
    let of = |values: &[f64]| Tensor::from_slice(&shape, values).unwrap();
    let weight = (setting % 3 == 1).then(|| random(&shape, setting + 1000));
    (of(&prediction), of(&target), weight)
}

pub(crate) fn cases() {
    for (name, member) in MEMBERS {
        for setting in 0..20 {
            let (prediction, target, weight) = generated(setting);
            let reduction = REDUCTIONS[setting as usize % 4];
            let options = || LossOptions { reduction, weight: weight.clone(), attributes: Vec::new() };
            let case = format!("{name}, setting {setting}, {reduction:?}");
            check(&case, &[prediction.clone(), target.clone()], |mut v| {
                let target = v.remove(1);
                member(v.remove(0), target, options())
            });
            check(&format!("{case}, prediction alone"), &[prediction], |mut v| {
                member(v.remove(0), Var::constant(target.clone()), options())
            });
        }
    }
    for setting in 0..20 {
        let (logits, target, weight) = generated(setting);
        let positive = random(&[*logits.shape().last().unwrap()], setting + 2000);
        let reduction = REDUCTIONS[setting as usize % 4];
        check(&format!("positive bce, setting {setting}"), &[logits, target], |mut v| {
            let options = LossOptions { reduction, weight: weight.clone(), attributes: Vec::new() };
            let target = v.remove(1);
            v.remove(0).binary_cross_entropy_with_logits(target, Some(&positive), options)
        });
    }
}

#[test]
fn gradients_of_losses_agree_with_differences() {
    cases();
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let x = || Var::constant(random(&[2], 1));
    assert!(x().huber_loss(x(), 0.0, Reduction::Mean).is_err());
    assert!(x().smooth_l1_loss(x(), f64::NAN, Reduction::Mean).is_err());
    let error = x().mse_loss(Var::constant(random(&[3], 1)), Reduction::Mean).unwrap_err();
    assert_eq!(error.to_string(), "mse_loss: prediction [2] and target [3] differ, expected one shape");
    let positive = Tensor::zeros(&[3], DType::F64).unwrap();
    let error = x().binary_cross_entropy_with_logits(x(), Some(&positive), Reduction::Mean).unwrap_err();
    assert!(error.to_string().contains("expected f64 [2]"), "{error}");
}
