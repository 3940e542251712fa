//! The dense product, with and without bias and activation.

use cnn_tensor::ops::activation::Activation;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, (rows, inputs, outputs)) in
        [(1, 1, 1), (3, 5, 2), (7, 2, 9), (2, 17, 3)].into_iter().enumerate()
    {
        let seed = 10 * seed as u64;
        let (x, weight) = (random(&[rows, inputs], seed), random(&[inputs, outputs], seed + 1));
        let bias = random(&[outputs], seed + 2);
        for activation in [Activation::Identity, Activation::Relu] {
            check("dense with bias", &[x.clone(), weight.clone(), bias.clone()], |mut v| {
                let bias = v.pop();
                let weight = v.remove(1);
                v.remove(0).dense_act(weight, bias, activation)
            });
            check("dense", &[x.clone(), weight.clone()], |mut v| {
                let weight = v.remove(1);
                v.remove(0).dense_act(weight, None, activation)
            });
        }
    }
    let (x, weight) = (random(&[2, 3, 4], 1), random(&[4, 5], 2));
    check("dense over two leading axes", &[x, weight], |mut v| {
        let weight = v.remove(1);
        v.remove(0).dense(weight, None)
    });
}

#[test]
fn gradients_of_dense_agree_with_differences() {
    cases();
}
