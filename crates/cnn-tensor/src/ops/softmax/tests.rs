//! Rows by hand, then every instruction set against the reference in `f64`, over every axis.

use proptest::prelude::*;

use super::{log_softmax, log_softmax_backward, softmax, softmax_backward};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Result, Tensor};

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn shares_and_their_gradients_by_hand() {
    // One to three, along the last axis and along the first.
    for (shape, axis) in [([1, 2], 1), ([2, 1], 0)] {
        for dtype in [DType::F32, DType::F64] {
            on_each_level(|level| {
                let near = |got: Tensor, expected: [f64; 2]| {
                    for (got, expected) in got.to_f64_vec().unwrap().into_iter().zip(expected) {
                        assert!((got - expected).abs() < 1e-6, "{got}, not {expected}, {dtype} on {level}");
                    }
                };
                let x = tensor(&shape, &[0.0, 3f32.ln()]).to_dtype(dtype).unwrap();
                let grad = || tensor(&shape, &[4.0, 0.0]).to_dtype(dtype).unwrap();
                let share = softmax(x.clone(), axis).unwrap();
                near(share.clone(), [0.25, 0.75]);
                // 0.25 (4 - 1) and 0.75 (0 - 1).
                near(softmax_backward(&share, grad(), axis).unwrap(), [0.75, -0.75]);
                let logarithm = log_softmax(x, axis).unwrap();
                near(logarithm.clone(), [0.25f64.ln(), 0.75f64.ln()]);
                near(log_softmax_backward(&logarithm, grad(), axis).unwrap(), [3.0, -3.0]);
            });
        }
    }
}

#[test]
fn numbers_that_are_large_far_apart_or_not_numbers_go_as_in_pytorch() {
    let (inf, nan, ln_2) = (f32::INFINITY, f32::NAN, std::f32::consts::LN_2);
    let rows: [([f32; 3], [f32; 3], [f32; 3]); 5] = [
        ([1000.0, 1000.0, -1000.0], [0.5, 0.5, 0.0], [-ln_2, -ln_2, -2000.693]),
        ([0.0, -inf, 0.0], [0.5, 0.0, 0.5], [-ln_2, -inf, -ln_2]),
        ([-inf; 3], [nan; 3], [nan; 3]),
        ([inf, 0.0, 1.0], [nan; 3], [nan; 3]),
        ([nan, 0.0, 1.0], [nan; 3], [nan; 3]),
    ];
    for (row, shares, logarithms) in rows {
        // Numbers that have no share, before the three, make rows that are longer than lanes and end within a vector.
        for before in [0, 30, 1100] {
            let long = [vec![-inf; before], row.to_vec()].concat();
            for (shape, axis) in [([1, long.len()], 1), ([long.len(), 1], 0)] {
                on_each_level(|level| {
                    let met = [softmax, log_softmax].map(|of| of(tensor(&shape, &long), axis).unwrap());
                    for (met, expected) in met.iter().zip([shares, logarithms]) {
                        for (&met, expected) in met.as_slice::<f32>().unwrap()[before..].iter().zip(expected)
                        {
                            let same = met == expected || (met.is_nan() && expected.is_nan());
                            let near = (met - expected).abs() <= 1e-6 * expected.abs();
                            assert!(same || near, "{before}, {row:?}: {met}, not {expected}, on {level}");
                        }
                    }
                });
            }
        }
    }
}

#[test]
fn no_elements_are_no_error_and_missing_axes_are() {
    for shape in [[2, 0, 3], [0, 2, 3], [2, 3, 0]] {
        for axis in 0..3 {
            let x = Tensor::zeros(&shape, DType::F32).unwrap();
            let y = softmax(x, axis).unwrap();
            assert_eq!(log_softmax_backward(&y, y.clone(), axis).unwrap().shape(), shape);
        }
    }
    let x = tensor(&[2, 2], &[0.0; 4]);
    let error = softmax(x.clone(), 2).unwrap_err();
    assert_eq!(error.to_string(), "softmax: input [2, 2] has no axis 2");
    assert!(matches!(log_softmax(Tensor::scalar(1.0f32).unwrap(), 0), Err(Error::Shape { .. })));
    assert!(matches!(softmax_backward(&x, tensor(&[4], &[0.0; 4]), 0), Err(Error::Shape { .. })));
    assert!(matches!(softmax(x.to_dtype(DType::I64).unwrap(), 0), Err(Error::DType { .. })));
}

#[test]
fn a_row_does_not_depend_on_its_batch_mates() {
    // Rows that lie side by side in lanes, up to whole vectors of them, and long ones.
    for len in [1, 5, 16, 17, 32, 33, 130] {
        let x = normal(&[70, len], 1, DType::F32).unwrap();
        for of in [softmax, log_softmax] {
            let all = of(x.clone(), 1).unwrap();
            for row in 0..70 {
                let alone = of(x.narrow(row..row + 1).unwrap(), 1).unwrap();
                assert!(same_bits(&alone, &all.narrow(row..row + 1).unwrap()), "row {row} of {len}");
            }
        }
    }
}

/// A softmax or its logarithm, and its gradient.
type Of = fn(Tensor, usize) -> Result<Tensor>;
type Backward = fn(&Tensor, Tensor, usize) -> Result<Tensor>;

#[test]
fn threads_change_nothing() {
    // Rows; many small blocks; one block of few long columns.
    for (shape, axis) in [([300, 257, 1], 1), ([900, 7, 13], 1), ([40, 11, 300], 0)] {
        let (x, grad) = (normal(&shape, 1, DType::F32).unwrap(), normal(&shape, 2, DType::F32).unwrap());
        for (of, backward) in
            [(softmax as Of, softmax_backward as Backward), (log_softmax, log_softmax_backward)]
        {
            let y = of(x.clone(), axis).unwrap();
            assert_threads_change_nothing("softmax", || vec![of(x.clone(), axis).unwrap()]);
            assert_threads_change_nothing("gradient", || vec![backward(&y, grad.clone(), axis).unwrap()]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        outer in 1usize..5,
        len in prop_oneof![1usize..40, Just(150), Just(1100)],
        inner in prop_oneof![Just(1usize), 1usize..20, Just(64), Just(131)],
        seed in any::<u64>(),
    ) {
        let shape = [outer, len, inner];
        let (x, grad) = (normal(&shape, seed, DType::F32).unwrap(), normal(&shape, !seed, DType::F32).unwrap());
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let (share, logarithm) = (softmax(wide(&x), 1).unwrap(), log_softmax(wide(&x), 1).unwrap());
        for column in 0..inner {
            let sum: f64 = share.to_f64_vec().unwrap()[column..len * inner].iter().step_by(inner).sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
        let size: f64 = wide(&grad).to_f64_vec().unwrap().iter().map(|g| g.abs()).fold(1.0, f64::max);
        let sizes = Tensor::full(&shape, size, DType::F64).unwrap();
        // Terms of the logarithm's gradient: the gradient itself, and a share of the sum of all.
        let shares: Vec<f64> = share.to_f64_vec().unwrap().iter().map(|p| size * (1.0 + p * len as f64)).collect();
        let shares = Tensor::from_slice(&shape, &shares).unwrap();
        on_each_level(|_| {
            poison(&shape, DType::F32).unwrap();
            let y = softmax(x.clone(), 1).unwrap();
            assert_close("softmax", &y, &share, &share, 2e-6);
            let back = softmax_backward(&y, grad.clone(), 1).unwrap();
            assert_close("gradient", &back, &softmax_backward(&share, wide(&grad), 1).unwrap(), &sizes, 2e-6);
            poison(&shape, DType::F32).unwrap();
            let y = log_softmax(x.clone(), 1).unwrap();
            let sizes: Vec<f64> = logarithm.to_f64_vec().unwrap().iter().map(|y| 1.0 + y.abs()).collect();
            let scale = Tensor::from_slice(&shape, &sizes).unwrap();
            assert_close("log softmax", &y, &logarithm, &scale, 2e-6);
            let back = log_softmax_backward(&y, grad.clone(), 1).unwrap();
            let expected = log_softmax_backward(&logarithm, wide(&grad), 1).unwrap();
            assert_close("gradient of the logarithm", &back, &expected, &shares, 2e-6);
            // A buffer that nobody shares is worked on in place.
            let own = |x: &Tensor| tensor(&shape, x.as_slice().unwrap());
            for (of, backward) in [(softmax as Of, softmax_backward as Backward), (log_softmax, log_softmax_backward)] {
                let y = of(x.clone(), 1).unwrap();
                assert!(same_bits(&y, &of(own(&x), 1).unwrap()));
                let expected = backward(&y, grad.clone(), 1).unwrap();
                assert!(same_bits(&expected, &backward(&y, own(&grad), 1).unwrap()));
            }
        });
    }
}
