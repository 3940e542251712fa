//! Fused activations, and that they are what the operation and the activation give one after the other.

use cnn_autograd::Var;
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::reduce::max_abs_difference;

use crate::{check, random};

pub(crate) fn cases() {
    for activation in [Activation::Identity, Activation::Relu] {
        check(activation.name(), &[random(&[3, 4], 1), random(&[4, 5], 2), random(&[5], 3)], |mut v| {
            let bias = v.pop();
            let weight = v.remove(1);
            v.remove(0).dense_act(weight, bias, activation)?.sum()
        });
    }
}

#[test]
fn gradients_through_fused_activations_agree_with_differences() {
    cases();
}

#[test]
fn a_fused_activation_is_the_activation_after_the_operation() {
    let (x, weight) = (Var::constant(random(&[3, 4], 1)), Var::constant(random(&[4, 5], 2)));
    let fused = x.clone().dense_act(weight.clone(), None, Activation::Relu).unwrap();
    let apart = x.dense(weight, None).unwrap().relu().unwrap();
    assert_eq!(max_abs_difference(fused.value(), apart.value()).unwrap(), 0.0);
}
