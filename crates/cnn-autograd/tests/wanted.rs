//! Batch norm keeps and computes what the wanted gradients need, and they are the same whatever else is wanted.

use cnn_autograd::Affine;
use cnn_autograd::graph::Source;
use cnn_autograd::ops::batch_norm::{Epilogue, Statistics};
use cnn_autograd::{Ctx, Mode, Seeded, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor, ops};

const SHAPE: [usize; 4] = [3, 4, 5, 6];

fn random(shape: &[usize], seed: u64) -> Tensor {
    let key = Key::new(seed);
    let values: Vec<f32> =
        (0..shape.iter().product::<usize>() as u64).map(|index| 2.0 * key.uniform(index) - 1.0).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Norm {
    OfTheBatch,
    Given,
}

/// What a pass kept of x and of the output, and the gradients of x, weight, bias and residual.
struct Pass {
    kept: [bool; 2],
    gradients: [Option<Tensor>; 4],
}

/// One pass in which those of x, weight, bias and residual want a gradient that `wanted` says.
fn pass(norm: Norm, activation: Activation, wanted: [bool; 4]) -> Pass {
    let mut cx = Ctx::trace(Mode::Train);
    let leaves = [random(&SHAPE, 1), random(&[6], 2), random(&[6], 3), random(&SHAPE, 4)];
    let mut wanted = wanted.into_iter();
    let leaves = leaves.map(|leaf| match wanted.next() {
        Some(true) => cx.variable(leaf),
        _ => cx.input(leaf),
    });
    let [x, weight, bias, residual] = leaves.clone();
    let affine = Affine { weight: Some(weight), bias: Some(bias), epsilon: 1e-3 };
    let epilogue = Epilogue { residual: Some(residual), activation };
    let y = match norm {
        Norm::OfTheBatch => x.batch_norm_train(affine, epilogue).unwrap().output,
        Norm::Given => {
            let variance = Var::constant(Tensor::full(&[6], 0.6, DType::F32).unwrap());
            let statistics = Statistics { mean: Var::constant(random(&[6], 5)), variance };
            x.batch_norm(statistics, affine, epilogue).unwrap()
        }
    };
    let graph = cx.graph(&[&y]).unwrap();
    let output = graph.outputs()[0];
    let Source::Operation(operation) = &graph.nodes()[output].source else { panic!("{graph:?}") };
    let kept = [operation.inputs[0], output].map(|node| operation.kept.contains(&node));
    let outputs = vec![Seeded { output: y, seed: random(&SHAPE, 6) }];
    let step = cx.backward_seeded(outputs).unwrap();
    Pass { kept, gradients: leaves.map(|leaf| step.gradients.of(&leaf).cloned()) }
}

#[test]
fn a_norm_keeps_and_computes_only_what_wanted_gradients_need() {
    for norm in [Norm::OfTheBatch, Norm::Given] {
        for activation in [Activation::Identity, Activation::Relu] {
            let all = pass(norm, activation, [true; 4]);
            for choice in 1..16 {
                let wanted = [0, 1, 2, 3].map(|bit| choice & (1 << bit) != 0);
                let case = format!("{norm:?} {activation:?} {wanted:?}");
                let Pass { kept, gradients } = pass(norm, activation, wanted);
                let [x, weight, ..] = wanted;
                let reads_x = weight || x && norm == Norm::OfTheBatch;
                assert_eq!(kept, [reads_x, activation == Activation::Relu], "{case}");
                for (index, (met, expected)) in gradients.iter().zip(&all.gradients).enumerate() {
                    assert_eq!(met.is_some(), wanted[index], "{case}: input {index}");
                    let (Some(met), Some(expected)) = (met, expected) else { continue };
                    let difference = ops::reduce::max_abs_difference(met, expected).unwrap();
                    assert!(difference < 1e-5, "{case}: input {index} differs by {difference}");
                }
            }
        }
    }
}
