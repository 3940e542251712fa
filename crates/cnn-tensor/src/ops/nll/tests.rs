//! Rows by hand and from PyTorch, then `f32` against the reference in `f64`.

use proptest::prelude::*;

use super::{Options, backward, forward};
use crate::ops::loss::Reduction;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, poison};
use crate::{DType, Error, Tensor};

fn labels(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn losses_by_hand() {
    let x = Tensor::from_slice(&[2, 2, 2], &[-1.0f32, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0]).unwrap();
    let t = labels(&[2, 2], &[0, 1, 1, 0]);
    let weights = Tensor::from_slice(&[2], &[2.0f32, 0.5]).unwrap();
    // Losses 1, 4, 6, 7; with weights 2, 2, 3, 14; without the last row and the first 2, 3 of weight 1.
    let rows = [
        (None, None, [18.0, 4.5, -0.25]),
        (Some(&weights), None, [21.0, 21.0 / 5.0, -0.4]),
        (None, Some(0), [10.0, 5.0, 0.0]),
        (Some(&weights), Some(0), [5.0, 5.0, 0.0]),
    ];
    for (weights, ignored, [sum, mean, first]) in rows {
        for dtype in [DType::F32, DType::F64] {
            let x = x.to_dtype(dtype).unwrap();
            let weights = weights.map(|weights| weights.to_dtype(dtype).unwrap());
            let of = |reduction| Options { weights: weights.as_ref(), ignored, reduction };
            let loss = |reduction| forward(&x, &t, &of(reduction)).unwrap();
            assert_eq!(loss(Reduction::Sum).item().unwrap(), sum);
            assert_eq!(loss(Reduction::BatchMean).item().unwrap(), sum / 2.0);
            assert!((loss(Reduction::Mean).item().unwrap() - mean).abs() < 1e-6);
            let each = loss(Reduction::None);
            assert_eq!(each.shape(), [2, 2]);
            assert_eq!(each.to_f64_vec().unwrap().iter().sum::<f64>(), sum);
            let grad = Tensor::full(&[], 1.0, dtype).unwrap();
            let back = backward(x.spec(), &t, &of(Reduction::Mean), &grad).unwrap().to_f64_vec().unwrap();
            assert!((back[0] - first).abs() < 1e-7 && back[1] == 0.0, "{back:?}");
        }
    }
}

#[test]
fn nothing_has_no_mean_and_other_labels_are_errors() {
    let none = Tensor::zeros(&[0, 3], DType::F32).unwrap();
    assert!(forward(&none, &labels(&[0], &[]), &Options::default()).unwrap().item().unwrap().is_nan());
    let x = Tensor::zeros(&[2, 3], DType::F32).unwrap();
    let error = forward(&x, &labels(&[2], &[0, 3]), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("3 at index 1 of 3 classes"), "{error}");
    let of =
        |shape: &[usize]| forward(&x, &labels(shape, &vec![0; shape.iter().product()]), &Options::default());
    assert!(matches!(of(&[3]), Err(Error::Shape { .. })));
    assert!(matches!(forward(&x, &x, &Options::default()), Err(Error::Shape { .. })));
    let floats = Tensor::zeros(&[2], DType::F32).unwrap();
    assert!(matches!(forward(&x, &floats, &Options::default()), Err(Error::DType { .. })));
    assert!(matches!(
        backward(x.spec(), &labels(&[2], &[0, 0]), &Options::default(), &x),
        Err(Error::Shape { .. })
    ));
    let empty = Tensor::zeros(&[2, 0], DType::F32).unwrap();
    let ignoring = Options { ignored: Some(7), ..Options::default() };
    assert!(matches!(forward(&empty, &labels(&[2], &[7, 7]), &ignoring), Err(Error::Shape { .. })));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[20_000, 5], 1, DType::F32).unwrap();
    let t = labels(&[20_000], &(0..20_000).map(|row| row % 5).collect::<Vec<_>>());
    let each = Options { ignored: Some(3), reduction: Reduction::None, ..Options::default() };
    let losses = forward(&x, &t, &each).unwrap();
    assert_threads_change_nothing("mean", || vec![forward(&x, &t, &Options::default()).unwrap()]);
    assert_threads_change_nothing("each", || vec![forward(&x, &t, &each).unwrap()]);
    assert_threads_change_nothing("backward", || vec![backward(x.spec(), &t, &each, &losses).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn single_precision_agrees_with_the_reference(
        batch in 1usize..300,
        classes in 1usize..20,
        weighted in any::<bool>(),
        ignored in prop_oneof![Just(None), Just(Some(0i64))],
        reduction in prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum), Just(Reduction::None)],
        seed in any::<u64>(),
    ) {
        let x = normal(&[batch, classes], seed, DType::F32).unwrap();
        let weights = normal(&[classes], !seed, DType::F32).unwrap();
        let sizes: Vec<f32> = weights.as_slice::<f32>().unwrap().iter().map(|w| w.abs() + 0.1).collect();
        let weights = Tensor::from_slice(&[classes], &sizes).unwrap();
        let t = labels(&[batch], &(0..batch).map(|row| (row % classes) as i64).collect::<Vec<_>>());
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let wide_weights = wide(&weights);
        let options = Options { weights: weighted.then_some(&weights), ignored, reduction };
        let wide_options = Options { weights: weighted.then_some(&wide_weights), ..options };
        let expected = forward(&wide(&x), &t, &wide_options).unwrap();
        let sizes: Vec<f64> = expected.to_f64_vec().unwrap().iter().map(|y| y.abs() + 1.0).collect();
        let scale = Tensor::from_slice(expected.shape(), &sizes).unwrap();
        poison(&[batch, classes], DType::F32).unwrap();
        let got = forward(&x, &t, &options).unwrap();
        assert_close("loss", &got, &expected, &scale, 3e-6);
        let grad = Tensor::full(expected.shape(), 1.5, DType::F32).unwrap();
        let back = backward(x.spec(), &t, &options, &grad).unwrap();
        let expected = backward(wide(&x).spec(), &t, &wide_options, &wide(&grad)).unwrap();
        let ones = Tensor::full(x.shape(), 10.0, DType::F64).unwrap();
        assert_close("gradient", &back, &expected, &ones, 1e-6);
    }
}
