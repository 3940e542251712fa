//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Kept, Relu, Scale, Unary, backward, forward, relu, relu_backward, scale};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Float, Tensor};

/// A function whose gradient reads the input.
struct Cube;

impl Unary for Cube {
    const NAME: &'static str = "cube";
    const KEPT: Kept = Kept::Input;

    #[inline(always)]
    fn value<F: Float>(&self, x: F) -> F {
        x * x * x
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, x: F, grad: F) -> F {
        F::from_f64(3.0) * x * x * grad
    }
}

fn vector(values: &[f32]) -> Tensor {
    Tensor::from_slice(&[values.len()], values).unwrap()
}

#[test]
fn relu_keeps_nan_infinity_and_the_sign_of_zero() {
    let values = [-1.0, -0.0, 0.0, 2.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let expected = vector(&[0.0, -0.0, 0.0, 2.5, f32::NAN, f32::INFINITY, 0.0]);
    on_each_level(|level| {
        let x = vector(&values);
        // A second holder forces the path that writes to a new buffer.
        for holders in 1..=2 {
            let others: Vec<Tensor> = (1..holders).map(|_| x.clone()).collect();
            let y = relu(vector(&values)).unwrap();
            assert!(same_bits(&y, &expected), "{level}: {y:?}");
            let y = relu(x.clone()).unwrap();
            assert!(same_bits(&y, &expected), "{level}: {y:?}");
            drop(others);
        }
        let wide = relu(x.to_dtype(DType::F64).unwrap()).unwrap();
        assert!(same_bits(&wide.to_dtype(DType::F32).unwrap(), &expected), "{wide:?}");
    });
}

#[test]
fn the_gradient_of_relu_passes_where_the_output_is_above_zero_or_nan() {
    let output = vector(&[0.0, 3.0, f32::NAN, f32::INFINITY, 0.0]);
    let grad = vector(&[5.0, 6.0, 7.0, f32::NAN, f32::INFINITY]);
    let back = relu_backward(&output, grad).unwrap().to_vec::<f32>().unwrap();
    assert_eq!((back[0], back[1], back[2], back[4]), (0.0, 6.0, 7.0, 0.0));
    assert!(back[3].is_nan());
}

#[test]
fn a_sole_holder_is_written_in_place_and_a_shared_buffer_is_left_alone() {
    let x = vector(&[-1.0, 2.0]);
    let before = x.as_slice::<f32>().unwrap().as_ptr();
    let y = scale(x, 2.0).unwrap();
    assert_eq!(y.as_slice::<f32>().unwrap().as_ptr(), before);
    let z = scale(y.clone(), 2.0).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [-2.0, 4.0]);
    assert_eq!(z.to_vec::<f32>().unwrap(), [-4.0, 8.0]);
}

#[test]
fn other_shapes_and_types_are_errors() {
    let error = relu_backward(&vector(&[1.0, 2.0]), vector(&[1.0])).unwrap_err();
    assert_eq!(error.to_string(), "relu: output [2] and gradient [1] differ, expected one shape");
    let whole = Tensor::zeros(&[2], DType::I32).unwrap();
    assert!(matches!(relu(whole.clone()), Err(Error::DType { .. })));
    assert!(matches!(relu_backward(&vector(&[1.0, 2.0]), whole), Err(Error::DType { .. })));
    assert!(matches!(backward(&Relu, None, vector(&[1.0])), Err(Error::Argument { name: "output", .. })));
    assert!(matches!(relu(Tensor::shape_only(&[2], DType::F32).unwrap()), Err(Error::ShapeOnly { .. })));
}

#[test]
fn no_elements_are_no_error() {
    assert_eq!(relu(vector(&[])).unwrap().shape(), [0]);
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[100_003], 1, DType::F32).unwrap();
    assert_threads_change_nothing("relu", || vec![relu(x.clone()).unwrap()]);
    assert_threads_change_nothing("gradient of relu", || vec![relu_backward(&x, x.clone()).unwrap()]);
    assert_threads_change_nothing("cube", || vec![forward(&Cube, x.clone()).unwrap()]);
}

/// Forward and backward of a member, in place and not, on every instruction set against `f64`.
fn check<U: Unary>(op: &U, x: &Tensor, grad: &Tensor) {
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let expected = forward(op, wide(x)).unwrap();
    let kept = |x: &Tensor, y: &Tensor| match U::KEPT {
        Kept::Input => Some(x.clone()),
        Kept::Output => Some(y.clone()),
        Kept::Nothing => None,
    };
    let expected_back = backward(op, kept(&wide(x), &expected).as_ref(), wide(grad)).unwrap();
    let scale = |tensor: &Tensor| {
        let sizes: Vec<f64> = tensor.to_f64_vec().unwrap().iter().map(|v| v.abs()).collect();
        Tensor::from_slice(tensor.shape(), &sizes).unwrap()
    };
    on_each_level(|_| {
        poison(x.shape(), DType::F32).unwrap();
        let shared = forward(op, x.clone()).unwrap();
        let in_place =
            forward(op, Tensor::from_slice(x.shape(), x.as_slice::<f32>().unwrap()).unwrap()).unwrap();
        assert!(same_bits(&shared, &in_place));
        assert_close(U::NAME, &shared, &expected, &scale(&expected), 1e-6);
        poison(x.shape(), DType::F32).unwrap();
        let back = backward(op, kept(x, &shared).as_ref(), grad.clone()).unwrap();
        assert_close(U::NAME, &back, &expected_back, &scale(&expected_back), 1e-6);
        let own = Tensor::from_slice(x.shape(), grad.as_slice::<f32>().unwrap()).unwrap();
        assert!(same_bits(&back, &backward(op, kept(x, &shared).as_ref(), own).unwrap()));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(len in 0usize..70, seed in any::<u64>(), factor in -3.0f64..3.0) {
        let (x, grad) = (normal(&[len], seed, DType::F32).unwrap(), normal(&[len], !seed, DType::F32).unwrap());
        check(&Relu, &x, &grad);
        check(&Cube, &x, &grad);
        check(&Scale(f64::from(factor as f32)), &x, &grad);
    }
}
