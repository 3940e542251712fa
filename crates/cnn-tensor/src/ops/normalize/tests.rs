//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{backward, forward};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const EPSILON: f64 = 1e-12;

/// Sums of the absolute values of what each number of output and gradient is made of.
fn scales(x: &Tensor, grad: &Tensor, axis: usize) -> [Tensor; 2] {
    let magnitude = |x: &Tensor| {
        let values: Vec<f64> = x.to_f64_vec().unwrap().into_iter().map(f64::abs).collect();
        Tensor::from_slice(x.shape(), &values).unwrap()
    };
    let (x, grad) = (magnitude(x), magnitude(grad));
    let output = forward(x.clone(), axis, EPSILON).unwrap();
    // Of positive numbers the gradient is what comes directly, less what comes through the length.
    let back = backward(&x, axis, EPSILON, grad.clone()).unwrap().to_f64_vec().unwrap();
    let (x, y) = (x.to_f64_vec().unwrap(), output.to_f64_vec().unwrap());
    let direct = grad.to_f64_vec().unwrap().into_iter().enumerate().map(|(at, grad)| grad * y[at] / x[at]);
    let input: Vec<f64> = direct.zip(back).map(|(direct, back)| 2.0 * direct - back).collect();
    [output.clone(), Tensor::from_slice(output.shape(), &input).unwrap()]
}

fn compare(x: &Tensor, grad: &Tensor, axis: usize) {
    let (wide, wide_grad) = (x.to_dtype(DType::F64).unwrap(), grad.to_dtype(DType::F64).unwrap());
    let expected = forward(wide.clone(), axis, EPSILON).unwrap();
    let expected_back = backward(&wide, axis, EPSILON, wide_grad.clone()).unwrap();
    let [output, input] = scales(&wide, &wide_grad, axis);
    on_each_level(|level| {
        let what = format!("{:?} over axis {axis} on {level}", x.shape());
        poison(x.shape(), DType::F32).unwrap();
        let y = forward(x.clone(), axis, EPSILON).unwrap();
        assert_close(&what, &y, &expected, &output, 1e-5);
        let back = backward(x, axis, EPSILON, grad.clone()).unwrap();
        assert_close(&what, &back, &expected_back, &input, 1e-5);
        // In place, with the same bits.
        let own = |x: &Tensor| Tensor::from_slice(x.shape(), x.as_slice::<f32>().unwrap()).unwrap();
        assert!(same_bits(&forward(own(x), axis, EPSILON).unwrap(), &y), "{what}");
        assert!(same_bits(&backward(x, axis, EPSILON, own(grad)).unwrap(), &back), "{what}");
    });
}

#[test]
fn a_small_case_by_hand() {
    let x = Tensor::from_slice(&[2, 2], &[3.0f64, 4.0, 4.0, 3.0]).unwrap();
    let grad = Tensor::from_slice(&[2, 2], &[1.0f64, 0.0, 0.0, 0.0]).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let (x, grad) = (x.to_dtype(dtype).unwrap(), grad.to_dtype(dtype).unwrap());
        on_each_level(|_| {
            for axis in [0, 1] {
                let expected = Tensor::from_slice(&[2, 2], &[0.6, 0.8, 0.8, 0.6]).unwrap();
                let y = forward(x.clone(), axis, EPSILON).unwrap();
                assert_close("output", &y, &expected, &expected, 1e-6);
            }
            // (1 - 0.36) / 5 and -0.48 / 5.
            let expected = Tensor::from_slice(&[2, 2], &[0.128, -0.096, 0.0, 0.0]).unwrap();
            let scale = Tensor::full(&[2, 2], 1.0, DType::F64).unwrap();
            assert_close("rows", &backward(&x, 1, EPSILON, grad.clone()).unwrap(), &expected, &scale, 1e-6);
            let expected = Tensor::from_slice(&[2, 2], &[0.128, 0.0, -0.096, 0.0]).unwrap();
            assert_close(
                "columns",
                &backward(&x, 0, EPSILON, grad.clone()).unwrap(),
                &expected,
                &scale,
                1e-6,
            );
        });
    }
}

#[test]
fn vectors_shorter_than_epsilon_are_divided_by_it_and_so_is_their_gradient() {
    for dtype in [DType::F32, DType::F64] {
        let x = Tensor::from_slice(&[2, 2], &[0.0f64, 0.0, 0.3, 0.4]).unwrap().to_dtype(dtype).unwrap();
        let grad = Tensor::from_slice(&[2, 2], &[1.0f64, 2.0, 3.0, 4.0]).unwrap().to_dtype(dtype).unwrap();
        on_each_level(|_| {
            let y = forward(x.clone(), 1, 2.0).unwrap().to_f64_vec().unwrap();
            assert!(y.iter().zip([0.0, 0.0, 0.15, 0.2]).all(|(y, expected)| (y - expected).abs() < 1e-7));
            let back = backward(&x, 1, 2.0, grad.clone()).unwrap().to_f64_vec().unwrap();
            assert_eq!(back, [0.5, 1.0, 1.5, 2.0]);
        });
    }
}

#[test]
fn nan_and_infinity_stay_in_their_vector() {
    for bad in [f32::NAN, f32::INFINITY] {
        for axis in [0, 1] {
            let mut x = normal(&[4, 40], 1, DType::F32).unwrap();
            x.as_mut_slice::<f32>().unwrap()[47] = bad;
            for x in [x.to_dtype(DType::F64).unwrap(), x] {
                on_each_level(|_| {
                    let y = forward(x.clone(), axis, EPSILON).unwrap().to_f64_vec().unwrap();
                    for (index, y) in y.into_iter().enumerate() {
                        let inside = if axis == 0 { index % 40 == 7 } else { index / 40 == 1 };
                        match inside {
                            true if bad.is_nan() || index == 47 => assert!(y.is_nan()),
                            true => assert_eq!(y, 0.0),
                            false => assert!(y != 0.0 && y.is_finite()),
                        }
                    }
                });
            }
        }
    }
}

#[test]
fn empty_inputs_stay_empty_and_what_makes_no_sense_is_an_error() {
    for shape in [[0, 3], [2, 0]] {
        let x = Tensor::zeros(&shape, DType::F32).unwrap();
        for axis in [0, 1] {
            assert_eq!(forward(x.clone(), axis, EPSILON).unwrap().shape(), shape);
            assert_eq!(backward(&x, axis, EPSILON, x.clone()).unwrap().shape(), shape);
        }
    }
    let x = normal(&[2, 3], 1, DType::F32).unwrap();
    assert!(matches!(forward(x.clone(), 2, EPSILON), Err(Error::Shape { .. })));
    assert!(matches!(forward(x.clone(), 1, -1.0), Err(Error::Argument { name: "epsilon", .. })));
    assert!(matches!(backward(&x, 0, EPSILON, x.narrow(0..1).unwrap()), Err(Error::Shape { .. })));
    let whole = Tensor::zeros(&[2, 3], DType::U8).unwrap();
    assert!(matches!(forward(whole, 1, EPSILON), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    let (x, grad) =
        (normal(&[40, 90, 23], 1, DType::F32).unwrap(), normal(&[40, 90, 23], 2, DType::F32).unwrap());
    for axis in [1, 2] {
        assert_threads_change_nothing("forward", || vec![forward(x.clone(), axis, EPSILON).unwrap()]);
        assert_threads_change_nothing("backward", || {
            vec![backward(&x, axis, EPSILON, grad.clone()).unwrap()]
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Along the last axis and others, longer than a block, next to more columns than are summed side by side.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        outer in 1usize..4,
        len in prop_oneof![1usize..40, Just(150), Just(2100)],
        inner in prop_oneof![Just(1usize), 2usize..20, Just(300)],
        seed in any::<u64>(),
    ) {
        let shape = [outer, len.min(60_000 / inner), inner];
        let [x, grad] = [0, 1].map(|n| normal(&shape, seed.wrapping_add(n), DType::F32).unwrap());
        compare(&x, &grad, 1);
        if inner == 1 {
            let flat = |x: Tensor| x.reshape(&shape[..2]).unwrap();
            compare(&flat(x), &flat(grad), 1);
        }
    }
}
