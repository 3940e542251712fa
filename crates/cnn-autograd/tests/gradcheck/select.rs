//! Both sides of a choice, broadcast.

use cnn_tensor::ops::compare;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use crate::{check, random, some_shapes};

pub(crate) fn cases() {
    let zero = Tensor::zeros(&[], DType::F64).unwrap();
    for setting in 0..24 {
        let [a, b] = some_shapes(Key::new(setting));
        let condition =
            compare::lt(&random(if setting % 2 == 0 { &a } else { &b }, setting + 7), &zero).unwrap();
        check("select", &[random(&a, setting), random(&b, setting + 1)], |mut v| {
            let (b, a) = (v.remove(1), v.remove(0));
            a.clone().select(&condition, b)?.mul(a)
        });
        check("select of itself", &[random(&a, setting)], |mut v| {
            let x = v.remove(0);
            x.clone().select(&condition, x.scale(3.0)?)
        });
    }
}

#[test]
fn gradients_of_a_choice_agree_with_differences() {
    cases();
}
