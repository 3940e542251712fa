//! Scale and shift, both, one of them or none, whichever gradients are wanted; batch norm, which fills in what is left
//! out.

use cnn_autograd::Affine;
use cnn_autograd::Var;
use cnn_autograd::ops::batch_norm::{Epilogue, Statistics};
use cnn_tensor::testing::same_bits;
use cnn_tensor::{DType, Tensor};

use crate::{check, random};

/// Runs `function` with each choice of scale and shift, and of inputs that vary, the others constant: what is kept
/// depends on both.
pub(crate) fn each_choice(
    case: &str,
    [x, weight, bias]: &[Tensor; 3],
    function: impl Fn(Var, Option<Var>, Option<Var>) -> cnn_autograd::Result<Var>,
) {
    for present in 0..4 {
        let all: Vec<&Tensor> = [(0, x), (1, weight), (2, bias)]
            .into_iter()
            .filter(|&(bit, _)| bit == 0 || present & bit != 0)
            .map(|(_, tensor)| tensor)
            .collect();
        for choice in 1..1usize << all.len() {
            let varies = |input: usize| choice & (1 << input) != 0;
            let wanted: Vec<Tensor> =
                (0..all.len()).filter(|&input| varies(input)).map(|input| all[input].clone()).collect();
            check(&format!("{case}, parts {present} of which vary {choice:b}"), &wanted, |variables| {
                let mut variables = variables.into_iter();
                let mut inputs = (0..all.len()).map(|input| match varies(input) {
                    true => variables.next().unwrap(),
                    false => Var::constant(all[input].clone()),
                });
                let x = inputs.next().unwrap();
                let weight = if present & 1 != 0 { inputs.next() } else { None };
                let bias = if present & 2 != 0 { inputs.next() } else { None };
                function(x, weight, bias)
            });
        }
    }
}

fn full(value: f64) -> Var {
    Var::constant(Tensor::full(&[3], value, DType::F64).unwrap())
}

fn given() -> Statistics {
    Statistics { mean: Var::constant(random(&[3], 4)), variance: full(0.7) }
}

#[test]
fn gradients_with_and_without_scale_and_shift_agree_with_differences() {
    let inputs = [random(&[4, 2, 3], 1), random(&[3], 2), random(&[3], 3)];
    each_choice("batch statistics", &inputs, |x, weight, bias| {
        let affine = Affine { weight, bias, epsilon: 1e-3 };
        Ok(x.batch_norm_train(affine, Epilogue::default())?.output)
    });
    each_choice("given statistics", &inputs, |x, weight, bias| {
        x.batch_norm(given(), Affine { weight, bias, epsilon: 1e-3 }, Epilogue::default())
    });
}

#[test]
fn what_is_left_out_is_a_scale_of_one_and_a_shift_of_zero() {
    let none = Affine { weight: None, bias: None, epsilon: 1e-3 };
    let both = Affine { weight: Some(full(1.0)), bias: Some(full(0.0)), epsilon: 1e-3 };
    let x = || Var::constant(random(&[4, 2, 3], 1));
    let [met, expected] = [&none, &both].map(|affine| {
        let train = x().batch_norm_train(affine.clone(), Epilogue::default()).unwrap().output;
        [train, x().batch_norm(given(), affine.clone(), Epilogue::default()).unwrap()]
    });
    assert!(met.iter().zip(&expected).all(|(met, expected)| same_bits(met.value(), expected.value())));
    let whole = Var::constant(Tensor::full(&[2, 3], 1.0, DType::F64).unwrap().to_dtype(DType::I32).unwrap());
    let error = whole.batch_norm_train(none, Epilogue::default()).unwrap_err().to_string();
    assert_eq!(error, "batch_norm_train: element type is i32, expected f32 or f64");
}
