//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{backward, forward};
use crate::ops::softmax::softmax;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

fn logits(shape: [usize; 2], values: &[f32]) -> Tensor {
    Tensor::from_slice(&shape, values).unwrap()
}

fn labels(values: &[i64]) -> Tensor {
    Tensor::from_slice(&[values.len()], values).unwrap()
}

#[test]
fn losses_by_hand() {
    let ln = |x: f64| x.ln();
    let rows: [(&str, &[f32], i64, f64, f64); 5] = [
        ("even odds", &[0.0, 0.0], 1, 0.0, ln(2.0)),
        ("one to three", &[0.0, 3f32.ln()], 0, 0.0, ln(4.0)),
        // 0.9 + 0.05 of the target on the label, 0.05 on the other.
        ("smoothing", &[0.0, 3f32.ln()], 0, 0.1, 0.95 * ln(4.0) + 0.05 * ln(4.0 / 3.0)),
        ("large logits do not overflow", &[1000.0, 999.0], 0, 0.0, ln(1.0 + (-1f64).exp())),
        ("an impossible other class", &[2.0, f32::NEG_INFINITY], 0, 0.0, 0.0),
    ];
    on_each_level(|level| {
        for (name, row, label, smoothing, expected) in rows {
            for dtype in [DType::F32, DType::F64] {
                let x = logits([1, 2], row).to_dtype(dtype).unwrap();
                let loss = forward(&x, &labels(&[label]), smoothing).unwrap().loss.item().unwrap();
                assert!(
                    (loss - expected).abs() < 3e-7,
                    "{name} in {dtype} on {level}: {loss}, expected {expected}"
                );
            }
        }
    });
}

#[test]
fn nan_and_infinity_reach_the_loss() {
    on_each_level(|_| {
        for row in [[f32::NAN, 1.0], [1.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            let forward = forward(&logits([1, 2], &row), &labels(&[0]), 0.0).unwrap();
            assert!(forward.loss.item().unwrap().is_nan(), "{row:?}");
            assert!(forward.probabilities.to_f64_vec().unwrap().iter().any(|p| p.is_nan()), "{row:?}");
        }
        let impossible = forward(&logits([1, 2], &[f32::NEG_INFINITY, 0.0]), &labels(&[0]), 0.0).unwrap();
        assert_eq!(impossible.loss.item().unwrap(), f64::INFINITY);
    });
}

#[test]
fn the_gradient_is_probability_less_target_over_the_batch() {
    let x = logits([2, 2], &[0.0, 0.0, 0.0, 3f32.ln()]);
    let labels = labels(&[0, 1]);
    on_each_level(|_| {
        let p = forward(&x, &labels, 0.0).unwrap().probabilities;
        let back = backward(p, &labels, 0.0, &Tensor::scalar(2.0f32).unwrap()).unwrap();
        for (got, expected) in back.to_f64_vec().unwrap().iter().zip([-0.5, 0.5, 0.25, -0.25]) {
            assert!((got - expected).abs() < 1e-6, "{back:?}");
        }
    });
}

#[test]
fn the_loss_of_an_empty_batch_is_nan() {
    let forward = forward(&logits([0, 3], &[]), &labels(&[]), 0.0).unwrap();
    assert!(forward.loss.item().unwrap().is_nan());
    assert_eq!(forward.probabilities.shape(), [0, 3]);
}

#[test]
fn bad_labels_shapes_and_smoothing_are_errors() {
    let x = logits([2, 3], &[0.0; 6]);
    for bad in [3, -1, i64::MAX] {
        let error = forward(&x, &labels(&[0, bad]), 0.0).unwrap_err();
        assert!(matches!(error, Error::Argument { name: "label", .. }));
        assert!(error.to_string().contains(&format!("{bad} at index 1")), "{error}");
    }
    assert!(matches!(forward(&x, &labels(&[0]), 0.0), Err(Error::Shape { .. })));
    assert!(matches!(forward(&x, &labels(&[0, 1]), 1.5), Err(Error::Argument { .. })));
    assert!(matches!(forward(&x, &labels(&[0, 1]), f64::NAN), Err(Error::Argument { .. })));
    let bytes = labels(&[0, 1]).to_dtype(DType::U8).unwrap();
    assert!(matches!(forward(&x, &bytes, 0.0), Err(Error::DType { .. })));
    let p = forward(&x, &labels(&[0, 1]), 0.0).unwrap().probabilities;
    assert!(matches!(backward(p, &labels(&[0, 1]), 0.0, &x), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[300, 257], 1, DType::F32).unwrap();
    let labels = labels(&(0..300).map(|row| row % 257).collect::<Vec<_>>());
    assert_threads_change_nothing("cross_entropy", || {
        let forward = forward(&x, &labels, 0.1).unwrap();
        let grad = Tensor::scalar(1.0f32).unwrap();
        let back = backward(forward.probabilities.clone(), &labels, 0.1, &grad).unwrap();
        vec![forward.loss, forward.probabilities, back]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..40,
        classes in prop_oneof![1usize..40, Just(1000)],
        smoothing in prop_oneof![Just(0.0), 0.0f64..1.0],
        seed in any::<u64>(),
    ) {
        let x = normal(&[batch, classes], seed, DType::F32).unwrap();
        let labels = labels(&(0..batch).map(|row| ((row * 7) % classes) as i64).collect::<Vec<_>>());
        let wide = forward(&x.to_dtype(DType::F64).unwrap(), &labels, smoothing).unwrap();
        let one = |shape: &[usize]| Tensor::full(shape, 1.0, DType::F64).unwrap();
        let wide_back =
            backward(wide.probabilities.clone(), &labels, smoothing, &Tensor::scalar(3.0f64).unwrap()).unwrap();
        on_each_level(|_| {
            poison(x.shape(), DType::F32).unwrap();
            let got = forward(&x, &labels, smoothing).unwrap();
            let loss_scale = Tensor::scalar(wide.loss.item().unwrap().abs() + 1.0).unwrap();
            assert_close("loss", &got.loss, &wide.loss, &loss_scale, 1e-6);
            assert_close("probabilities", &got.probabilities, &wide.probabilities, &wide.probabilities, 2e-6);
            assert!(same_bits(&softmax(x.clone(), 1).unwrap(), &got.probabilities));
            for row in got.probabilities.to_f64_vec().unwrap().chunks(classes) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            }
            let grad = Tensor::scalar(3.0f32).unwrap();
            let back = backward(got.probabilities, &labels, smoothing, &grad).unwrap();
            assert_close("gradient", &back, &wide_back, &one(x.shape()), 2e-6);
        });
    }
}
