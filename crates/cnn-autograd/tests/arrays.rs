//! Arrays against PyTorch: values, and gradients of their sum with weights 1, 2, 3 .., with ties, zeros and NaN; and with
//! whatever arguments: an error, or a gradient for each input.

use cnn_autograd::{Ctx, Result, Seeded, Var};
use cnn_tensor::ops::matmul::Transpose;
use cnn_tensor::ops::reduce::{Keep, Norm, Variance};
use cnn_tensor::ops::scan::From;
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Shape and values of an input, and its gradient.
type Input = (&'static [usize], &'static [f64], &'static [f64]);

// The rows are those of fixtures/arrays.py.
#[rustfmt::skip]
const ROWS: &[(&str, &[Input], &[f64])] = &[
    // fixtures/arrays.py f5f3b907efea8bd8, torch 2.15.0+cu132
    ("add", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), (&[2, 1], &[2.0, -0.5], &[6.0, 15.0])], &[3.0, 0.0, 5.0, 1.5, 1.5, -1.5]),
    ("sub", &[(&[3], &[1.0, 2.0, -4.0], &[5.0, 7.0, 9.0]), (&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0])], &[0.0, 4.0, -7.0, -1.0, 0.0, -3.0]),
    ("mul", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, 4.0, -12.0, 4.0, 10.0, -24.0]), (&[3], &[1.0, 2.0, -4.0], &[9.0, 6.0, 3.0])], &[1.0, -4.0, -12.0, 2.0, 4.0, 4.0]),
    ("div", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.5, 1.0, 1.5, -8.0, -10.0, -12.0]), (&[2, 1], &[2.0, -0.5], &[-1.5, -48.0])], &[0.5, -1.0, 1.5, -4.0, -4.0, 2.0]),
    ("div", &[(&[3], &[1.0, 2.0, -4.0], &[INF, INF, INF]), (&[2, 1], &[0.0, INF], &[NAN, 0.0])], &[INF, INF, -INF, 0.0, 0.0, -0.0]),
    ("maximum", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.5, 0.0, 3.0, 4.0, 2.5, 6.0]), (&[3], &[1.0, 2.0, -4.0], &[0.5, 4.5, 0.0])], &[1.0, 2.0, 3.0, 2.0, 2.0, -1.0]),
    ("maximum", &[(&[2, 3], &[1.0, NAN, 3.0, NAN, -INF, 2.0], &[0.5, 2.0, 3.0, 4.0, 0.0, 6.0]), (&[3], &[1.0, 2.0, -4.0], &[4.5, 7.0, 0.0])], &[1.0, NAN, 3.0, NAN, 2.0, 2.0]),
    ("minimum", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, 2.0, 0.0, 0.0, 0.0, 6.0]), (&[2, 1], &[2.0, -0.5], &[3.0, 9.0])], &[1.0, -2.0, 2.0, -0.5, -0.5, -1.0]),
    ("minimum", &[(&[2, 3], &[1.0, NAN, 3.0, NAN, -INF, 2.0], &[0.5, 2.0, 0.0, 4.0, 5.0, 0.0]), (&[3], &[1.0, 2.0, -4.0], &[4.5, 2.0, 9.0])], &[1.0, NAN, -4.0, NAN, -INF, -4.0]),
    ("pow", &[(&[2, 3], &[0.0, 0.5, 3.0, 0.0, 2.0, 1.0], &[0.0, 2.0, -0.333333333333, 0.0, 0.0, 3.0]), (&[2, 3], &[0.0, 2.0, -1.0, 3.0, 0.0, 0.5], &[0.0, -0.34657359028, 1.09861228867, 0.0, 3.4657359028, 0.0])], &[1.0, 0.25, 0.333333333333, 0.0, 1.0, 1.0]),
    ("select", &[(&[2, 3], &[1.0, NAN, 3.0, NAN, -INF, 2.0], &[1.0, 0.0, 3.0, 0.0, 0.0, 6.0]), (&[3], &[1.0, 2.0, -4.0], &[4.0, 7.0, 0.0])], &[1.0, 2.0, 3.0, 1.0, 2.0, 2.0]),
    ("concat", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[6.0, 8.0, 10.0, 20.0, 22.0, 24.0]), (&[2, 1], &[2.0, -0.5], &[4.0, 11.0])], &[1.0, -2.0, 3.0, 2.0, 1.0, -2.0, 3.0, 2.0, 2.0, -1.0, -0.5, 2.0, 2.0, -1.0]),
    ("matmul", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[2.0, 4.0, 6.0, -0.5, -1.0, -1.5]), (&[2, 1], &[2.0, -0.5], &[6.0, 3.0])], &[1.0, -5.0, 6.5]),
    ("index_add", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), (&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[3.0, 1.0, 3.0, 6.0, 4.0, 6.0])], &[5.0, -2.0, 6.0, 9.0, 2.0, 8.0]),
    ("scatter_add", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), (&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[4.0, 1.0, 2.0, 10.0, 5.0, 6.0])], &[9.0, -3.0, 7.0, 2.0, 13.0, 6.0]),
    ("mean_over", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.333333333333, 0.333333333333, 0.333333333333, 0.666666666667, 0.666666666667, 0.666666666667])], &[0.666666666667, 1.0]),
    ("var_over", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[-1.0, -8.0, 12.0, 1.0, 8.0, -12.0])], &[0.5, 8.0, 8.0]),
    ("biased var_over", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.0555555555556, -0.944444444444, 0.722222222222, 0.388888888889, 0.388888888889, -0.611111111111])], &[3.13888888889]),
    ("max_over", &[(&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[0.5, 0.5, 0.0, 0.0, 1.0, 1.0])], &[4.0, 7.0]),
    ("max_over all", &[(&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[0.0, 0.0, 0.0, 0.0, 0.5, 0.5])], &[7.0]),
    ("max_over", &[(&[2, 3], &[1.0, NAN, 3.0, NAN, -INF, 2.0], &[NAN, NAN, NAN, NAN, NAN, NAN])], &[NAN, NAN]),
    ("min_over", &[(&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[0.0, 2.0, 3.0, 1.0, 0.0, 0.0])], &[2.0, 4.0, -1.0]),
    ("l1", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[1.0, -2.0, 3.0, 1.0, 2.0, -3.0])], &[3.0, 4.0, 4.0]),
    ("l2", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.267261241912, -0.534522483825, 0.801783725737, 1.33333333333, 1.33333333333, -0.666666666667])], &[3.74165738677, 3.0]),
    ("l2", &[(&[2, 3], &[0.0, 0.0, 0.0, 3.0, 4.0, 0.0], &[0.0, 0.0, 0.0, 1.2, 1.6, 0.0])], &[0.0, 5.0]),
    ("largest size", &[(&[2, 3], &[4.0, 4.0, -1.0, 2.0, 7.0, 7.0], &[0.5, 0.5, -0.0, 0.0, 1.0, 1.0])], &[4.0, 7.0]),
    ("cumsum", &[(&[2, 3], &[1.0, NAN, 3.0, NAN, -INF, 2.0], &[6.0, 5.0, 3.0, 15.0, 11.0, 6.0])], &[1.0, NAN, NAN, NAN, NAN, NAN]),
    ("flip", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])], &[-1.0, 2.0, 2.0, 3.0, -2.0, 1.0]),
    ("roll", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[3.0, 1.0, 2.0, 6.0, 4.0, 5.0])], &[-2.0, 3.0, 1.0, 2.0, -1.0, 2.0]),
    ("gather", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[5.0, 4.0, 1.0, 0.0, 18.0, 8.0])], &[3.0, 1.0, 1.0, -2.0, 2.0, 2.0, 2.0, -1.0]),
    ("index_select", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[2.0, 0.0, 4.0, 5.0, 0.0, 10.0])], &[3.0, 1.0, 3.0, -1.0, 2.0, -1.0]),
    ("narrow", &[(&[2, 3], &[1.0, -2.0, 3.0, 2.0, 2.0, -1.0], &[0.0, 1.0, 2.0, 0.0, 3.0, 4.0])], &[-2.0, 3.0, 2.0, -1.0]),
    ("broadcast_to", &[(&[2, 1], &[2.0, -0.5], &[6.0, 15.0])], &[2.0, 2.0, 2.0, -0.5, -0.5, -0.5]),
];

/// The indices and the condition of the script.
fn each() -> Tensor {
    Tensor::from_rows(&[[2i64, 0, 0, 1], [1, 1, 1, 2]]).unwrap()
}

fn slices() -> Tensor {
    Tensor::from_slice(&[3], &[2i64, 0, 2]).unwrap()
}

fn function(name: &str, mut v: Vec<Var>) -> Result<Var> {
    let second = if v.len() > 1 { v.pop() } else { None };
    let a = v.remove(0);
    if let Some(b) = second {
        return match name {
            "add" => a.add(b),
            "sub" => a.sub(b),
            "mul" => a.mul(b),
            "div" => a.div(b),
            "maximum" => a.maximum(b),
            "minimum" => a.minimum(b),
            "pow" => a.pow(b),
            "select" => {
                let holds = Tensor::from_le_bytes(&[2, 3], DType::Bool, &[1, 0, 1, 0, 0, 1])?;
                a.select(&holds, b)
            }
            "concat" => Var::concat(vec![a.clone(), b, a], 1),
            "matmul" => a.matmul_transposed(b, Transpose::Left),
            "index_add" => a.index_add(&slices(), b, 1),
            "scatter_add" => {
                let columns = Tensor::from_slice(&[4], &[0i64, 0, 1, 2])?;
                a.scatter_add(&each(), b.index_select(&columns, 1)?, 1)
            }
            _ => panic!("{name} is not known"),
        };
    }
    match name {
        "mean_over" => a.mean_over(&[1], Keep::Dropped),
        "var_over" => a.var_over(&[0], Variance::Unbiased, Keep::Dropped),
        "biased var_over" => a.var_over(&[0, 1], Variance::Biased, Keep::Dropped),
        "max_over" => a.max_over(&[1], Keep::Dropped),
        "max_over all" => a.max_over(&[0, 1], Keep::Dropped),
        "min_over" => a.min_over(&[0], Keep::Dropped),
        "l1" => a.norm_over(&[0], Norm::L1, Keep::Dropped),
        "l2" => a.norm_over(&[1], Norm::L2, Keep::Dropped),
        "largest size" => a.norm_over(&[1], Norm::Max, Keep::Dropped),
        "cumsum" => a.cumsum(1, From::Start),
        "flip" => a.flip(&[0, 1]),
        "roll" => a.roll(2, 1),
        "gather" => a.gather(&each(), 1),
        "index_select" => a.index_select(&slices(), 1),
        "narrow" => a.narrow_along(1, 1..3),
        "broadcast_to" => a.broadcast_to(&[2, 3]),
        _ => panic!("{name} is not known"),
    }
}

#[test]
fn values_and_gradients_are_pytorchs() {
    for dtype in [DType::F64, DType::F32] {
        let tolerance = if dtype == DType::F64 { 1e-11 } else { 1e-6 };
        for &(name, inputs, values) in ROWS {
            let compare = |what: &str, got: &Tensor, expected: &[f64]| {
                let got = got.to_f64_vec().unwrap();
                assert_eq!(got.len(), expected.len(), "{name}: {what}");
                for (&got, &expected) in got.iter().zip(expected) {
                    let same = got == expected || (got.is_nan() && expected.is_nan());
                    let close = (got - expected).abs() <= tolerance * (1.0 + expected.abs());
                    assert!(same || close, "{name} in {dtype}: {what} is {got}, PyTorch has {expected}");
                }
            };
            let mut cx = Ctx::training(Key::new(1));
            let variables: Vec<Var> = inputs
                .iter()
                .map(|(shape, values, _)| Tensor::from_slice(shape, values).unwrap().to_dtype(dtype).unwrap())
                .map(|x| cx.variable(x))
                .collect();
            let output = function(name, variables.clone()).unwrap();
            compare("the value", output.value(), values);
            let seed = Tensor::from_fn(output.shape(), dtype, |at| at as f64 + 1.0).unwrap();
            let gradients = cx.backward_seeded(vec![Seeded { output, seed }]).unwrap().gradients;
            for (variable, (_, _, expected)) in variables.iter().zip(inputs) {
                compare("a gradient", gradients.of(variable).unwrap(), expected);
            }
        }
    }
}

/// A tensor of up to four short axes, some of length 0.
fn tensor() -> impl Strategy<Value = Tensor> {
    (prop::collection::vec(0usize..4, 0..5), any::<u64>())
        .prop_map(|(dims, seed)| Tensor::normal(&dims, DType::F64, Key::new(seed)).unwrap())
}

type Operation = Box<dyn Fn(Var, Var) -> Result<Var>>;

/// What may be done with one or two variables.
fn operations(axis: usize, axes: Vec<usize>, shape: Vec<usize>) -> Vec<Operation> {
    let (one, two, three) = (axes.clone(), axes.clone(), axes.clone());
    let (four, five, six) = (axes.clone(), axes.clone(), axes);
    let places = |dims: &[usize]| Tensor::zeros(dims, DType::I64);
    let mut all: Vec<Operation> = vec![
        Box::new(Var::add),
        Box::new(Var::sub),
        Box::new(Var::mul),
        Box::new(Var::div),
        Box::new(Var::maximum),
        Box::new(Var::pow),
        Box::new(move |a, b| a.select(&Tensor::ones(&[1], DType::Bool)?, b)),
        Box::new(move |a, b| Var::concat(vec![a.clone(), b, a], axis)),
        Box::new(move |a, b| Var::stack(vec![a.clone(), b, a], axis)),
        Box::new(move |a, _| Var::stack(vec![a.clone(), a], axis)),
        Box::new(move |a, b| a.index_add(&places(&[1])?, b, axis)),
        Box::new(move |a, b| a.scatter_add(&places(b.shape())?, b, axis)),
        Box::new(move |a, b| a.gather(&places(b.shape())?, axis)),
        Box::new(move |a, _| a.index_select(&places(&[3])?, axis)),
        Box::new(move |a, _| a.sum_over(&one, Keep::Dropped)),
        Box::new(move |a, _| a.mean_over(&two, Keep::Axes)),
        Box::new(move |a, _| a.var_over(&three, Variance::Unbiased, Keep::Dropped)),
        Box::new(move |a, _| a.max_over(&four, Keep::Axes)),
        Box::new(move |a, _| a.norm_over(&five, Norm::L2, Keep::Dropped)),
        Box::new(move |a, _| a.flip(&six)),
        Box::new(move |a, _| a.cumsum(axis, From::End)),
        Box::new(move |a, _| a.roll(-5, axis)),
        Box::new(move |a, _| a.narrow_along(axis, 1..2)),
        Box::new(move |a, _| a.chunk(2, axis)?.pop().unwrap().sum()),
        Box::new(move |a, _| a.broadcast_to(&shape)),
        Box::new(|a, _| a.transpose()),
    ];
    for transpose in [Transpose::Neither, Transpose::Left, Transpose::Right, Transpose::Both] {
        all.push(Box::new(move |a, b| a.matmul_transposed(b, transpose)));
        all.push(Box::new(move |a, _| a.clone().matmul_transposed(a, transpose)));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_the_shapes_there_is_an_error_or_a_gradient(
        a in tensor(), b in tensor(), axis in 0usize..5, axes in prop::collection::vec(0usize..5, 0..4),
        shape in prop::collection::vec(0usize..4, 0..5),
    ) {
        for operation in operations(axis, axes, shape) {
            let mut cx = Ctx::training(Key::new(1));
            let inputs = [&a, &b].map(|x| cx.variable(x.clone()));
            let Ok(output) = operation(inputs[0].clone(), inputs[1].clone()) else { continue };
            let seed = Tensor::ones(output.shape(), DType::F64).unwrap();
            let gradients = cx.backward_seeded(vec![Seeded { output, seed }]).unwrap().gradients;
            for input in &inputs {
                if let Some(gradient) = gradients.of(input) {
                    prop_assert_eq!(gradient.spec(), input.spec());
                }
            }
        }
    }
}
