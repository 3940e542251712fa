//! Batch norm with both kinds of statistics, with and without residual and activation, whichever gradients are
//! wanted.

use cnn_autograd::Affine;
use cnn_autograd::ops::batch_norm::{Epilogue, Statistics};
use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

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
            variance: Var::constant(Tensor::full(&channels, 0.7, DType::F64).unwrap()),
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
                        (
                            x,
                            Affine { weight: Some(weight), bias: Some(bias), epsilon: 1e-5 },
                            Epilogue { residual, activation },
                        )
                    };
                    let case = format!("{shape:?}, {activation:?}, {inputs} inputs of which vary {chosen:?}");
                    check(&format!("batch statistics, {case}"), &wanted, |v| {
                        let (x, affine, epilogue) = arguments(v);
                        Ok(x.batch_norm_train(affine, epilogue)?.output)
                    });
                    check(&format!("given statistics, {case}"), &wanted, |v| {
                        let (x, affine, epilogue) = arguments(v);
                        x.batch_norm(statistics(), affine, epilogue)
                    });
                }
            }
        }
        check("a residual that is the input", &[x, weight, bias], |mut v| {
            let (bias, weight, x) = (v.remove(2), v.remove(1), v.remove(0));
            let epilogue = Epilogue { residual: Some(x.clone()), activation: Activation::Relu };
            Ok(x.batch_norm_train(
                Affine { weight: Some(weight), bias: Some(bias), epsilon: 1e-3 },
                epilogue,
            )?
            .output)
        });
    }
}

#[test]
fn gradients_of_batch_norm_agree_with_differences() {
    cases();
}

fn plain(channels: usize) -> Affine {
    let vector = |seed| Some(Var::constant(random(&[channels], seed)));
    Affine { weight: vector(1), bias: vector(2), epsilon: 1e-5 }
}

#[test]
fn one_value_per_channel_has_no_statistics() {
    let shapes = [random(&[1, 1, 1, 3], 3), Tensor::shape_only(&[1, 3], DType::F64).unwrap()];
    for x in shapes {
        let error = Var::constant(x).batch_norm_train(plain(3), Epilogue::default()).unwrap_err();
        assert!(error.to_string().contains("one value per channel"), "{error}");
    }
}

/// With each choice of the inputs that want a gradient: not all of them come to the kernel.
#[test]
fn no_values_have_no_mean_and_pass_no_gradient_on() {
    for (shape, channels) in [(&[0, 3][..], 3), (&[2, 0, 3], 3), (&[1, 0], 0)] {
        for choice in 1..16 {
            let mut cx = Ctx::training(Key::new(1));
            let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F64).unwrap();
            let mut leaf = |input: usize, value: Tensor| match choice & (1 << input) {
                0 => Var::constant(value),
                _ => cx.variable(value),
            };
            let (x, residual) = (leaf(0, zeros(shape)), leaf(3, zeros(shape)));
            let (weight, bias) = (leaf(1, zeros(&[channels])), leaf(2, zeros(&[channels])));
            let leaves = [x.clone(), weight.clone(), bias.clone(), residual.clone()];
            let affine = Affine { weight: Some(weight), bias: Some(bias), epsilon: 1e-5 };
            let epilogue = Epilogue { residual: Some(residual), activation: Activation::Relu };
            let normalised = x.batch_norm_train(affine, epilogue).unwrap();
            assert_eq!(normalised.output.shape(), shape);
            assert!(normalised.mean.to_f64_vec().unwrap().iter().all(|mean| mean.is_nan()));
            let step = cx.backward(normalised.output.sum().unwrap()).unwrap();
            for (input, leaf) in leaves.iter().enumerate() {
                let gradient = step.gradients.of(leaf);
                assert_eq!(gradient.is_some(), choice & (1 << input) != 0, "{shape:?}, {choice:b}, {input}");
                let Some(gradient) = gradient else { continue };
                assert_eq!(gradient.shape(), leaf.shape());
                assert!(gradient.to_f64_vec().unwrap().iter().all(|&value| value == 0.0));
            }
        }
    }
}
