//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Options, backward, forward};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

/// Sums of the absolute values of what each element of output and gradient is made of.
fn scales(x: &Tensor, grad: &Tensor, options: &Options) -> [Tensor; 2] {
    let magnitude = |x: &Tensor| {
        let values: Vec<f64> = x.to_f64_vec().unwrap().into_iter().map(f64::abs).collect();
        Tensor::from_slice(x.shape(), &values).unwrap()
    };
    let (x, grad) = (magnitude(x), magnitude(grad));
    let output = forward(x.clone(), options).unwrap();
    let plain = output.to_f64_vec().unwrap();
    let back = backward(&x, options, grad.clone()).unwrap().to_f64_vec().unwrap();
    let (x, grad) = (x.to_f64_vec().unwrap(), grad.to_f64_vec().unwrap());
    let input = (0..x.len()).map(|at| {
        let direct = if x[at] == 0.0 { grad[at] } else { grad[at] * plain[at] / x[at] };
        // Of positive numbers the gradient is what comes directly, less what comes through the window; with a negative
        // power it is the sum of both.
        (2.0 * direct - back[at]).max(back[at])
    });
    let input: Vec<f64> = input.collect();
    [output.clone(), Tensor::from_slice(output.shape(), &input).unwrap()]
}

fn compare(x: &Tensor, grad: &Tensor, options: &Options) {
    let (wide, wide_grad) = (x.to_dtype(DType::F64).unwrap(), grad.to_dtype(DType::F64).unwrap());
    let expected = forward(wide.clone(), options).unwrap();
    let expected_back = backward(&wide, options, wide_grad.clone()).unwrap();
    let [output, input] = scales(&wide, &wide_grad, options);
    on_each_level(|level| {
        let what = format!("{:?} {options:?} on {level}", x.shape());
        poison(x.shape(), DType::F32).unwrap();
        let y = forward(x.clone(), options).unwrap();
        assert_close(&what, &y, &expected, &output, 1e-5);
        let back = backward(x, options, grad.clone()).unwrap();
        assert_close(&what, &back, &expected_back, &input, 1e-5);
        // In place, with the same bits.
        let own = |x: &Tensor| Tensor::from_slice(x.shape(), x.as_slice::<f32>().unwrap()).unwrap();
        assert!(same_bits(&forward(own(x), options).unwrap(), &y), "{what}");
        assert!(same_bits(&backward(x, options, own(grad)).unwrap(), &back), "{what}");
    });
}

#[test]
fn windows_reach_as_far_as_those_of_pytorch() {
    // Powers of ten show who is in a window: an even size reaches further down than up.
    let x = Tensor::from_slice(&[1, 4], &[1.0f64, 10.0, 100.0, 1000.0]).unwrap();
    for (size, sums) in [
        (1, [1.0, 100.0, 10_000.0, 1_000_000.0]),
        (2, [1.0, 101.0, 10_100.0, 1_010_000.0]),
        (3, [101.0, 10_101.0, 1_010_100.0, 1_010_000.0]),
        (4, [101.0, 10_101.0, 1_010_101.0, 1_010_100.0]),
        (usize::MAX, [1_010_101.0; 4]),
    ] {
        let alpha = if size == usize::MAX { size as f64 } else { 2.0 * size as f64 };
        let options = Options { size, alpha, beta: 1.0, k: 3.0 };
        let factor = alpha / size as f64;
        let expected: Vec<f64> = (0..4).map(|c| 10f64.powi(c as i32) / (3.0 + factor * sums[c])).collect();
        let expected = Tensor::from_slice(&[1, 4], &expected).unwrap();
        for dtype in [DType::F32, DType::F64] {
            on_each_level(|_| {
                let y = forward(x.to_dtype(dtype).unwrap(), &options).unwrap();
                assert_close(&format!("size {size}"), &y, &expected, &expected, 1e-6);
            });
        }
    }
}

#[test]
fn a_power_of_zero_changes_nothing_and_a_negative_one_multiplies() {
    let x = normal(&[3, 7], 1, DType::F32).unwrap();
    on_each_level(|_| {
        let zero = Options { beta: 0.0, ..Options::default() };
        assert!(same_bits(&forward(x.clone(), &zero).unwrap(), &x));
        assert!(same_bits(&backward(&x, &zero, x.clone()).unwrap(), &x));
    });
    compare(&x, &x, &Options { beta: -1.5, alpha: 3.0, ..Options::default() });
}

#[test]
fn nan_and_infinity_reach_their_neighbours_alone() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = normal(&[2, 9], 1, DType::F32).unwrap();
        x.as_mut_slice::<f32>().unwrap()[4] = bad;
        let options = Options { size: 3, alpha: 1.0, ..Options::default() };
        for x in [x.to_dtype(DType::F64).unwrap(), x] {
            on_each_level(|_| {
                let y = forward(x.clone(), &options).unwrap().to_f64_vec().unwrap();
                for (index, y) in y.into_iter().enumerate() {
                    match index {
                        4 => assert!(y.is_nan()),
                        3 | 5 if bad.is_nan() => assert!(y.is_nan()),
                        3 | 5 => assert_eq!(y, 0.0),
                        _ => assert!(y.is_finite()),
                    }
                }
            });
        }
    }
}

#[test]
fn empty_inputs_stay_empty() {
    for shape in [[0, 3], [2, 0]] {
        for dtype in [DType::F32, DType::F64] {
            let x = Tensor::zeros(&shape, dtype).unwrap();
            assert_eq!(forward(x.clone(), &Options::default()).unwrap().shape(), shape);
            assert_eq!(backward(&x, &Options::default(), x.clone()).unwrap().shape(), shape);
        }
    }
}

#[test]
fn settings_and_shapes_that_make_no_sense_are_errors() {
    let x = normal(&[2, 3], 1, DType::F32).unwrap();
    let default = Options::default();
    let refused = |options: Options, expected: &str| {
        let error = forward(x.clone(), &options).unwrap_err();
        assert!(matches!(error, Error::Argument { name, .. } if name == expected), "{error}");
    };
    refused(Options { size: 0, ..default }, "size");
    refused(Options { alpha: -1.0, ..default }, "alpha");
    refused(Options { beta: f64::NAN, ..default }, "beta");
    refused(Options { k: f64::INFINITY, ..default }, "k");
    let vector = Tensor::zeros(&[3], DType::F32).unwrap();
    assert!(matches!(forward(vector, &default), Err(Error::Shape { .. })));
    let whole = Tensor::zeros(&[2, 3], DType::U8).unwrap();
    assert!(matches!(forward(whole, &default), Err(Error::DType { .. })));
    let narrow = normal(&[2, 2], 1, DType::F32).unwrap();
    assert!(matches!(backward(&x, &default, narrow), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let (x, grad) =
        (normal(&[9, 19, 17, 23], 1, DType::F32).unwrap(), normal(&[9, 19, 17, 23], 2, DType::F32).unwrap());
    let options = Options { alpha: 1.0, ..Options::default() };
    assert_threads_change_nothing("forward", || vec![forward(x.clone(), &options).unwrap()]);
    assert_threads_change_nothing("backward", || vec![backward(&x, &options, grad.clone()).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Windows of one channel, within the channels, and over all of them.
    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        rows in 1usize..9,
        channels in prop_oneof![1usize..40, Just(96), Just(300)],
        size in prop_oneof![1usize..8, Just(70), Just(1000)],
        alpha in prop_oneof![Just(1e-4), 0.0f64..5.0],
        beta in prop_oneof![Just(0.75), -1.0f64..2.0],
        k in prop_oneof![Just(1.0), Just(2.0), 0.1f64..3.0],
        seed in any::<u64>(),
    ) {
        let [x, grad] = [0, 1].map(|n| normal(&[rows, channels], seed.wrapping_add(n), DType::F32).unwrap());
        compare(&x, &grad, &Options { size, alpha, beta, k });
    }
}
