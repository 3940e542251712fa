//! Batch norm with both kinds of statistics, with and without residual and activation.

use cnn_autograd::Var;
use cnn_autograd::ops::batch_norm::{Epilogue, Scaling, Statistics};
use cnn_tensor::Tensor;
use cnn_tensor::ops::activation::Activation;

use crate::{check, random};

pub(crate) fn cases() {
    for (seed, shape) in [vec![4, 2], vec![2, 3, 2, 3], vec![2, 1, 1, 5]].into_iter().enumerate() {
        let seed = 10 * seed as u64;
        let channels = [*shape.last().unwrap()];
        let (x, residual) = (random(&shape, seed), random(&shape, seed + 1));
        let (weight, bias) = (random(&channels, seed + 2), random(&channels, seed + 3));
        let statistics = || Statistics {
            mean: Var::constant(random(&channels, seed + 4)),
            variance: Var::constant(Tensor::full(&channels, 0.7, cnn_tensor::DType::F64).unwrap()),
        };
        for activation in [Activation::Identity, Activation::Relu] {
            let plain = [x.clone(), weight.clone(), bias.clone()];
            let summed = [x.clone(), weight.clone(), bias.clone(), residual.clone()];
            for inputs in [&plain[..], &summed[..]] {
                let arguments = move |mut v: Vec<Var>| {
                    let residual = if v.len() == 4 { v.pop() } else { None };
                    let (bias, weight) = (v.remove(2), v.remove(1));
                    (v.remove(0), Scaling { weight, bias, epsilon: 1e-5 }, Epilogue { residual, activation })
                };
                check("batch statistics", inputs, |v| {
                    let (x, scaling, epilogue) = arguments(v);
                    Ok(x.batch_norm_train(scaling, epilogue)?.output)
                });
                check("given statistics", inputs, |v| {
                    let (x, scaling, epilogue) = arguments(v);
                    x.batch_norm(statistics(), scaling, epilogue)
                });
            }
        }
        for activation in [Activation::Identity, Activation::Relu] {
            let (weight, bias) = (weight.clone(), bias.clone());
            check("given statistics, a frozen weight", &[x.clone(), bias, residual.clone()], move |mut v| {
                let (residual, bias, x) = (v.pop(), v.remove(1), v.remove(0));
                let scaling = Scaling { weight: Var::constant(weight.clone()), bias, epsilon: 1e-5 };
                x.batch_norm(statistics(), scaling, Epilogue { residual, activation })
            });
        }
        check("a residual that is the input", &[x, weight, bias], |mut v| {
            let (bias, weight, x) = (v.remove(2), v.remove(1), v.remove(0));
            let epilogue = Epilogue { residual: Some(x.clone()), activation: Activation::Relu };
            Ok(x.batch_norm_train(Scaling { weight, bias, epsilon: 1e-3 }, epilogue)?.output)
        });
    }
}

#[test]
fn gradients_of_batch_norm_agree_with_differences() {
    cases();
}

#[test]
fn one_value_per_channel_has_no_statistics() {
    let scaling = |channels: usize| Scaling {
        weight: Var::constant(random(&[channels], 1)),
        bias: Var::constant(random(&[channels], 2)),
        epsilon: 1e-5,
    };
    let x = Var::constant(random(&[1, 1, 1, 3], 3));
    let error = x.batch_norm_train(scaling(3), Epilogue::default()).unwrap_err();
    assert!(error.to_string().contains("1 values per channel"), "{error}");
}
