//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{
    Extreme, add, add_act, add_assign, div, extreme_backward, maximum, minimum, mul, pow, pow_backward_base,
    pow_backward_exponent, sub,
};
use crate::ops::activation::{self, Activation};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Result, Tensor};

type Operation = fn(Tensor, &Tensor) -> Result<Tensor>;

const OPERATIONS: [(&str, Operation); 7] = [
    ("add", add),
    ("sub", sub),
    ("mul", mul),
    ("div", div),
    ("maximum", maximum),
    ("minimum", minimum),
    ("add + relu", |a, b| add_act(a, b, Activation::Relu)),
];

fn vector(values: &[f32]) -> Tensor {
    Tensor::from_slice(&[values.len()], values).unwrap()
}

#[test]
fn small_numbers_by_hand() {
    let (a, b) = (vector(&[1.0, -2.0, 0.5]), vector(&[4.0, 0.25, -8.0]));
    assert_eq!(add(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [5.0, -1.75, -7.5]);
    assert_eq!(sub(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [-3.0, -2.25, 8.5]);
    assert_eq!(mul(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [4.0, -0.5, -4.0]);
    assert_eq!(div(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [0.25, -8.0, -0.0625]);
    assert_eq!(maximum(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [4.0, 0.25, 0.5]);
    assert_eq!(minimum(a.clone(), &b).unwrap().to_vec::<f32>().unwrap(), [1.0, -2.0, -8.0]);
    assert_eq!(pow(a.clone(), &vector(&[3.0, 2.0, -1.0])).unwrap().to_vec::<f32>().unwrap(), [1.0, 4.0, 2.0]);
    assert_eq!(a.to_vec::<f32>().unwrap(), [1.0, -2.0, 0.5]);
    let column = Tensor::from_slice(&[2, 1], &[10.0f32, 20.0]).unwrap();
    let sum = add(a, &column).unwrap();
    assert_eq!(sum.shape(), [2, 3]);
    assert_eq!(sum.to_vec::<f32>().unwrap(), [11.0, 8.0, 10.5, 21.0, 18.0, 20.5]);
}

#[test]
fn the_extremes_and_powers_of_nan_are_as_in_pytorch() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let (a, b) = (vector(&[nan, 1.0, nan, -inf, 0.0]), vector(&[1.0, nan, nan, inf, nan]));
    on_each_level(|_| {
        for (operation, last) in [(maximum as Operation, inf), (minimum, -inf)] {
            let y = operation(a.clone(), &b).unwrap().to_vec::<f32>().unwrap();
            assert!(y[0].is_nan() && y[1].is_nan() && y[2].is_nan() && y[4].is_nan());
            assert_eq!(y[3], last);
        }
    });
    let y = pow(vector(&[nan, 0.0, 1.0, -8.0]), &vector(&[0.0, 0.0, nan, 0.5])).unwrap();
    let y = y.to_vec::<f32>().unwrap();
    assert!(y[..3] == [1.0; 3] && y[3].is_nan(), "{y:?}");
}

#[test]
fn equal_numbers_share_the_gradient_of_an_extreme() {
    let (a, b) = (vector(&[1.0, 2.0, 3.0, f32::NAN, 5.0]), vector(&[2.0, 2.0, 2.0, 2.0, 1.0]));
    let grad = vector(&[4.0, 4.0, f32::INFINITY, 4.0, f32::NAN]);
    let share = |own: &Tensor, other: &Tensor, extreme| {
        extreme_backward(&grad, own, other, extreme).unwrap().to_vec::<f32>().unwrap()
    };
    let of_larger = share(&a, &b, Extreme::Maximum);
    assert_eq!(of_larger[..4], [0.0, 2.0, f32::INFINITY, 4.0]);
    assert!(of_larger[4].is_nan());
    // The other operand has nothing of an infinite gradient, or of NaN.
    assert_eq!(share(&b, &a, Extreme::Maximum), [4.0, 2.0, 0.0, 4.0, 0.0]);
    assert_eq!(share(&a, &b, Extreme::Minimum)[..4], [4.0, 2.0, 0.0, 4.0]);
}

#[test]
fn the_gradients_of_a_power_are_zero_where_they_should_be() {
    let (base, exponent) = (vector(&[3.0, 0.0, 0.0, 2.0]), vector(&[2.0, 0.0, 3.0, 0.0]));
    let grad = vector(&[1.0; 4]);
    let of_base = pow_backward_base(&grad, &base, &exponent).unwrap();
    assert_eq!(of_base.to_vec::<f32>().unwrap(), [6.0, 0.0, 0.0, 0.0]);
    let of_exponent = pow_backward_exponent(&grad, &base, &exponent).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(of_exponent[1..], [0.0, 0.0, 2.0f32.ln()]);
    assert!((of_exponent[0] - 9.0 * 3.0f32.ln()).abs() < 1e-5);
}

#[test]
fn the_first_buffer_is_taken_over_where_it_has_the_shape_of_the_result() {
    let a = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let start = a.as_slice::<f32>().unwrap().as_ptr();
    let y = mul(a, &vector(&[2.0, 10.0])).unwrap();
    assert_eq!(y.as_slice::<f32>().unwrap().as_ptr(), start);
    assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 20.0, 6.0, 40.0]);
    let row = vector(&[1.0, 2.0]);
    assert_eq!(sub(row, &y).unwrap().to_vec::<f32>().unwrap(), [-1.0, -18.0, -5.0, -38.0]);
}

#[test]
fn nan_and_infinity_follow_the_arithmetic() {
    let y =
        sub(vector(&[f32::INFINITY, f32::NAN, f32::INFINITY]), &vector(&[f32::INFINITY, 1.0, 1.0])).unwrap();
    let y = y.to_vec::<f32>().unwrap();
    assert!(y[0].is_nan() && y[1].is_nan() && y[2] == f32::INFINITY);
}

#[test]
fn the_fused_sum_is_the_sum_and_then_the_activation() {
    let delicate = [1.0, -2.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-40, -3.0, 0.5];
    let (a, b) = (vector(&delicate), vector(&[-3.0, 5.0, -0.0, 1.0, f32::NEG_INFINITY, 2.0, 0.0, 3.0, 0.5]));
    on_each_level(|level| {
        for act in [Activation::Identity, Activation::Relu] {
            let apart = add(a.clone(), &b).unwrap();
            let apart = match act {
                Activation::Identity => apart,
                Activation::Relu => crate::ops::unary::relu(apart).unwrap(),
            };
            let fused = add_act(a.clone(), &b, act).unwrap();
            assert!(same_bits(&fused, &apart), "{act:?} on {level}");
            let back = activation::backward(act, &fused, b.clone()).unwrap();
            assert!(same_bits(&back, &activation::backward(act, &apart, b.clone()).unwrap()));
        }
    });
}

#[test]
fn adding_to_a_shared_buffer_leaves_the_other_tensor_alone() {
    let mut a = vector(&[1.0, 2.0]);
    let start = a.as_slice::<f32>().unwrap().as_ptr();
    add_assign(&mut a, &vector(&[1.0, 1.0])).unwrap();
    assert_eq!(a.as_slice::<f32>().unwrap().as_ptr(), start);
    let before = a.clone();
    add_assign(&mut a, &before).unwrap();
    assert_eq!(a.to_vec::<f32>().unwrap(), [4.0, 6.0]);
    assert_eq!(before.to_vec::<f32>().unwrap(), [2.0, 3.0]);
}

#[test]
fn different_shapes_and_types_are_errors() {
    assert!(matches!(add(vector(&[1.0, 2.0]), &vector(&[1.0, 2.0, 3.0])), Err(Error::Shape { .. })));
    let mut a = vector(&[1.0]);
    let wide = Tensor::zeros(&[1], DType::F64).unwrap();
    assert!(matches!(add_assign(&mut a, &wide), Err(Error::DType { .. })));
    assert!(matches!(add_assign(&mut a, &vector(&[1.0, 2.0])), Err(Error::Shape { .. })));
    let whole = Tensor::zeros(&[2], DType::I64).unwrap();
    assert!(matches!(mul(whole.clone(), &whole), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    let (a, b) = (normal(&[100_003], 1, DType::F32).unwrap(), normal(&[100_003], 2, DType::F32).unwrap());
    assert_threads_change_nothing("sub", || vec![sub(a.clone(), &b).unwrap()]);
    assert_threads_change_nothing("add_assign", || {
        let mut sum = a.clone();
        add_assign(&mut sum, &b).unwrap();
        vec![sum]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(len in 0usize..70, seed in any::<u64>()) {
        let (a, b) = (normal(&[len], seed, DType::F32).unwrap(), normal(&[len], !seed, DType::F32).unwrap());
        let (wide_a, wide_b) = (a.to_dtype(DType::F64).unwrap(), b.to_dtype(DType::F64).unwrap());
        let terms = |(a, b): (&f32, &f32)| f64::from(a.abs() + b.abs() + (a * b).abs() + (a / b).abs());
        let terms: Vec<f64> = a.as_slice().unwrap().iter().zip(b.as_slice().unwrap()).map(terms).collect();
        let terms = Tensor::from_slice(&[len], &terms).unwrap();
        for (name, operation) in OPERATIONS {
            let expected = operation(wide_a.clone(), &wide_b).unwrap();
            on_each_level(|_| {
                poison(&[len], DType::F32).unwrap();
                let y = operation(a.clone(), &b).unwrap();
                assert_close(name, &y, &expected, &terms, 1e-6);
                let own = Tensor::from_slice(&[len], a.as_slice::<f32>().unwrap()).unwrap();
                assert!(same_bits(&y, &operation(own, &b).unwrap()));
            });
        }
    }
}
