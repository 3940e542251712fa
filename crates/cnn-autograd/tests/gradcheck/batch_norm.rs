//! Batch norm with both kinds of statistics, with and without residual and activation, whichever gradients are
//! wanted.

use cnn_autograd::Var;
use cnn_autograd::ops::batch_norm::{Epilogue, Scaling, Statistics};
use cnn_tensor::Tensor;
use cnn_tensor::ops::activation::Activation;

use crate::{check, random};

/// Each choice of inputs that vary, the others constant: which kernel runs, and what is kept for it, depends on the
/// choice.
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
        // The order of the inputs; the last may be left out.
        let all = [x.clone(), weight.clone(), bias.clone(), residual];
        for activation in [Activation::Identity, Activation::Relu] {
            for (inputs, choices) in [(3, 1..8), (4, 1..16)] {
                for choice in choices {
                    let wants = |input: usize| choice & (1 << input) != 0;
                    let chosen: Vec<usize> = (0..inputs).filter(|&input| wants(input)).collect();
                    let wanted: Vec<Tensor> = chosen.iter().map(|&input| all[input].clone()).collect();
                    let arguments = |variables: Vec<Var>| {
                        let mut variables = variables.into_iter();
                        let mut input = |input: usize| match wants(input) {
                            true => variables.next().unwrap(),
                            false => Var::constant(all[input].clone()),
                        };
                        let (x, weight, bias) = (input(0), input(1), input(2));
                        let residual = (inputs == 4).then(|| input(3));
                        (x, Scaling { weight, bias, epsilon: 1e-5 }, Epilogue { residual, activation })
                    };
                    let case = format!("{shape:?}, {activation:?}, {inputs} inputs of which vary {chosen:?}");
                    check(&format!("batch statistics, {case}"), &wanted, |v| {
                        let (x, scaling, epilogue) = arguments(v);
                        Ok(x.batch_norm_train(scaling, epilogue)?.output)
                    });
                    check(&format!("given statistics, {case}"), &wanted, |v| {
                        let (x, scaling, epilogue) = arguments(v);
                        x.batch_norm(statistics(), scaling, epilogue)
                    });
                }
            }
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
    assert!(error.to_string().contains("one value per channel"), "{error}");
}
