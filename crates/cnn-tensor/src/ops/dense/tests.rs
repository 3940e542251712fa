//! The dense product against the reference, on every instruction set, and against numbers worked out by hand.

use proptest::prelude::*;

use super::*;
use crate::random::Key;
use crate::simd::{self, Level};

/// Numbers in [-1, 1).
fn random(shape: &[usize], key: u64) -> Tensor {
    let key = Key::new(key);
    let values: Vec<f32> =
        (0..Shape::new(shape).unwrap().len()).map(|i| 2.0 * key.uniform(i as u64) - 1.0).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

/// All three products against the f64 reference: |got - expected| <= 1e-5 x (the number of products, each below 1).
fn check(rows: usize, in_features: usize, out_features: usize) {
    let (x, weight) = (random(&[rows, in_features], 1), random(&[in_features, out_features], 2));
    let (bias, grad) = (random(&[out_features], 3), random(&[rows, out_features], 4));
    let [x64, weight64, bias64, grad64] =
        [&x, &weight, &bias, &grad].map(|t| t.to_dtype(DType::F64).unwrap());
    let geometry = Geometry { rows, in_features, out_features };
    let expected = [
        reference::forward::<f64>(&geometry, &x64, &weight64, Some(&bias64), Activation::Relu).unwrap(),
        reference::grad_input::<f64>(&geometry, &grad64, &weight64).unwrap(),
        reference::grad_weight::<f64>(&geometry, &x64, &grad64).unwrap(),
    ];
    let double = [
        forward(&x64, &weight64, Some(&bias64), Activation::Relu).unwrap(),
        grad_input(&grad64, &weight64).unwrap(),
        grad_weight(&x64, &grad64).unwrap(),
    ];
    for ((got, expected), products) in double.iter().zip(&expected).zip([in_features + 1, out_features, rows])
    {
        for (got, expected) in got.to_f64_vec().unwrap().iter().zip(expected.to_f64_vec().unwrap()) {
            assert!((got - expected).abs() <= 1e-14 * products as f64, "f64: {got} is not {expected}");
        }
    }
    for level in Level::available() {
        simd::with_level(level, || {
            let got = [
                forward(&x, &weight, Some(&bias), Activation::Relu).unwrap(),
                grad_input(&grad, &weight).unwrap(),
                grad_weight(&x, &grad).unwrap(),
            ];
            for ((got, expected), products) in
                got.iter().zip(&expected).zip([in_features + 1, out_features, rows])
            {
                assert_eq!(got.shape(), expected.shape());
                for (got, expected) in got.to_f64_vec().unwrap().iter().zip(expected.to_f64_vec().unwrap()) {
                    let bound = 1e-5 * products as f64;
                    assert!(
                        (got - expected).abs() <= bound,
                        "{level} {rows}x{in_features}x{out_features}: {got} is not {expected}"
                    );
                }
            }
        });
    }
}

#[test]
fn a_tiny_product_equals_the_sums_done_by_hand() {
    let x = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let weight = Tensor::from_slice(&[2, 1], &[10.0f32, -1.0]).unwrap();
    let bias = Tensor::from_slice(&[1], &[-20.0f32]).unwrap();
    let y = forward(&x, &weight, Some(&bias), Activation::Relu).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 6.0]);
    assert_eq!(grad_input(&y, &weight).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0, 60.0, -6.0]);
    assert_eq!(grad_weight(&x, &y).unwrap().to_vec::<f32>().unwrap(), [18.0, 24.0]);
}

#[test]
fn products_agree_with_the_reference() {
    // Whole vectors and tails; several parts of the depth; several groups of rows; one row; nothing at all.
    for (rows, in_features, out_features) in
        [(5, 7, 3), (64, 1100, 64), (700, 20, 33), (1, 300, 100), (0, 4, 4), (3, 16, 16), (337, 5, 160)]
    {
        check(rows, in_features, out_features);
    }
}

proptest! {
    #[test]
    fn products_agree_with_the_reference_on_generated_shapes(
        rows in 0usize..40, in_features in 1usize..70, out_features in 1usize..70,
    ) {
        check(rows, in_features, out_features);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_on_the_batch() {
    let (x, weight) = (random(&[350, 600], 1), random(&[600, 70], 2));
    let all = |threads| {
        let before = crate::parallel::splits();
        let results = crate::parallel::with_threads(threads, || {
            let y = forward(&x, &weight, None, Activation::Identity).unwrap();
            let (dx, dw) = (grad_input(&y, &weight).unwrap(), grad_weight(&x, &y).unwrap());
            [y, dx, dw].map(|tensor| tensor.to_vec::<f32>().unwrap())
        });
        assert_eq!(crate::parallel::splits() - before >= 3, threads > 1, "the work was split");
        results.unwrap()
    };
    let alone = all(1);
    assert!(alone == all(2) && alone == all(3));
    let one = forward(&x.narrow(341..342).unwrap(), &weight, None, Activation::Identity).unwrap();
    assert_eq!(one.as_slice::<f32>().unwrap(), &alone[0][341 * 70..342 * 70]);
}

#[test]
fn misfits_are_named() {
    let (x, weight) = (random(&[2, 5], 1), random(&[4, 3], 2));
    assert_eq!(
        forward(&x, &weight, None, Activation::Identity).unwrap_err().to_string(),
        "dense: input [2, 5] has 5 features, the weight [4, 3] takes 4"
    );
    assert!(matches!(grad_input(&x, &weight), Err(Error::Shape { .. })));
    assert!(matches!(grad_weight(&x, &weight), Err(Error::Shape { .. })));
}
