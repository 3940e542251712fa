//! The parametric rectifier, with one slope and with one for each channel.

use std::slice::from_ref;

use cnn_autograd::Var;
use cnn_tensor::random::Key;

use crate::{check, random};

pub(crate) fn cases() {
    for setting in 0..20 {
        let key = Key::new(setting);
        let rank = 1 + setting as usize % 4;
        let shape: Vec<usize> = (0..rank as u64).map(|axis| 1 + key.below(axis, 4) as usize).collect();
        let slopes = if setting % 3 == 0 { 1 } else { *shape.last().unwrap() };
        let (x, weight) = (random(&shape, setting), random(&[slopes], setting + 100));
        let case = format!("prelu of {shape:?} with {slopes} slopes");
        check(&case, &[x.clone(), weight.clone()], |mut v| {
            let weight = v.remove(1);
            v.remove(0).prelu(weight)
        });
        check(&format!("{case}, input alone"), from_ref(&x), |mut v| {
            v.remove(0).prelu(Var::constant(weight.clone()))
        });
        check(&format!("{case}, slopes alone"), from_ref(&weight), |mut v| {
            Var::constant(x.clone()).prelu(v.remove(0))
        });
    }
}

#[test]
fn gradients_of_the_parametric_rectifier_agree_with_differences() {
    cases();
}
