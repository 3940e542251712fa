//! Rows by hand, then every instruction set against the reference in `f64`.

use proptest::prelude::*;

use super::{Denominator, Masks, Options, backward, forward};
use crate::ops::loss::{Reduction, Side};
use crate::ops::unary::{self, Sigmoid};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison};
use crate::{DType, Error, Tensor};

fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

#[test]
fn overlaps_by_hand() {
    // Two classes of three pixels: one in common of two and two, and nothing at all.
    let p = tensor(&[1, 3, 2], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let t = tensor(&[1, 3, 2], &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let each = Options { reduction: Reduction::None, ..Options::default() };
    on_each_level(|_| {
        for denominator in [Denominator::Sums, Denominator::Squares] {
            let options = Options { denominator, ..each };
            let result = forward(&p, &t, &options).unwrap();
            let loss = result.loss.to_f64_vec().unwrap();
            assert!((loss[0] - 0.4).abs() < 1e-7 && loss[1] == 0.0, "{loss:?}");
        }
        let result = forward(&p, &t, &Options::default()).unwrap();
        assert!((result.loss.item().unwrap() - 0.2).abs() < 1e-7);
        // d(1 - 3 / 5) of the first pixel: -2 / 5 + 3 / 25, halved by the mean; of the second class nothing but 1 / 1.
        let grad = Tensor::scalar(1.0f32).unwrap();
        let masks = Masks { prediction: &p, target: &t };
        let back = backward(masks, &result.ratios, &Options::default(), &grad, Side::Prediction).unwrap();
        for (got, expected) in back.to_f64_vec().unwrap().into_iter().zip([-0.14, 0.5, -0.14, 0.5, 0.06, 0.5])
        {
            assert!((got - expected).abs() < 1e-6, "{got}, expected {expected}");
        }
    });
    let unsmoothed = Options { smoothing: 0.0, ..each };
    let loss = forward(&p, &t, &unsmoothed).unwrap().loss.to_f64_vec().unwrap();
    assert!(loss[0] == 0.5 && loss[1].is_nan(), "{loss:?}");
}

#[test]
fn other_shapes_and_settings_are_errors_and_nothing_has_no_mean() {
    let (x, t) = (tensor(&[2, 3], &[0.0; 6]), tensor(&[3, 2], &[0.0; 6]));
    assert!(matches!(forward(&x, &t, &Options::default()), Err(Error::Shape { .. })));
    let flat = tensor(&[6], &[0.0; 6]);
    assert!(matches!(forward(&flat, &flat, &Options::default()), Err(Error::Shape { .. })));
    for smoothing in [-1.0, f64::NAN, f64::INFINITY] {
        let options = Options { smoothing, ..Options::default() };
        assert!(matches!(forward(&x, &x, &options), Err(Error::Argument { .. })));
    }
    let whole = x.to_dtype(DType::I64).unwrap();
    assert!(matches!(forward(&whole, &whole, &Options::default()), Err(Error::DType { .. })));
    for shape in [[0, 3, 2], [2, 0, 2], [2, 3, 0]] {
        let x = Tensor::zeros(&shape, DType::F32).unwrap();
        let result = forward(&x, &x, &Options::default()).unwrap();
        // Two examples without pixels are equal, no examples or classes have no mean.
        assert_eq!(result.loss.item().unwrap().is_nan(), shape[1] != 0);
        let masks = Masks { prediction: &x, target: &x };
        let grad = Tensor::scalar(1.0f32).unwrap();
        let back = backward(masks, &result.ratios, &Options::default(), &grad, Side::Target).unwrap();
        assert_eq!(back.shape(), shape);
    }
}

#[test]
fn examples_and_classes_without_pixels_ask_for_no_more_than_there_is() {
    for dtype in [DType::F32, DType::F64] {
        let x = Tensor::zeros(&[1 << 30, 0, 1 << 20], dtype).unwrap();
        assert!(matches!(forward(&x, &x, &Options::default()), Err(Error::OutOfMemory { .. })));
    }
}

#[test]
fn threads_change_nothing() {
    for shape in [[2, 9000, 5], [3000, 7, 3]] {
        let (p, t) = (normal(&shape, 1, DType::F32).unwrap(), normal(&shape, 2, DType::F32).unwrap());
        let options =
            Options { reduction: Reduction::None, denominator: Denominator::Squares, ..Options::default() };
        let result = forward(&p, &t, &options).unwrap();
        assert_threads_change_nothing("forward", || vec![forward(&p, &t, &options).unwrap().loss]);
        let masks = Masks { prediction: &p, target: &t };
        assert_threads_change_nothing("backward", || {
            vec![backward(masks, &result.ratios, &options, &result.loss, Side::Prediction).unwrap()]
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        batch in 1usize..6,
        pixels in prop_oneof![1usize..80, Just(5000)],
        classes in prop_oneof![1usize..6, Just(21)],
        squares in any::<bool>(),
        reduction in prop_oneof![Just(Reduction::Mean), Just(Reduction::Sum), Just(Reduction::None)],
        seed in any::<u64>(),
    ) {
        let shape = [batch, pixels, classes];
        let of = |seed| unary::forward(&Sigmoid, normal(&shape, seed, DType::F32).unwrap()).unwrap();
        let (p, t) = (of(seed), of(!seed));
        let denominator = if squares { Denominator::Squares } else { Denominator::Sums };
        let options = Options { smoothing: 0.5, denominator, reduction };
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let (wide_p, wide_t) = (wide(&p), wide(&t));
        let expected = forward(&wide_p, &wide_t, &options).unwrap();
        let one = |x: &Tensor, size: f64| Tensor::full(x.shape(), size, DType::F64).unwrap();
        let grad = Tensor::full(expected.loss.shape(), 1.5, DType::F32).unwrap();
        on_each_level(|_| {
            poison(&shape, DType::F32).unwrap();
            let got = forward(&p, &t, &options).unwrap();
            let sizes = one(&expected.loss, (batch * classes) as f64);
            assert_close("loss", &got.loss, &expected.loss, &sizes, 1e-6);
            for side in [Side::Prediction, Side::Target] {
                let back = backward(Masks { prediction: &p, target: &t }, &got.ratios, &options, &grad, side).unwrap();
                let masks = Masks { prediction: &wide_p, target: &wide_t };
                let expected = backward(masks, &expected.ratios, &options, &wide(&grad), side).unwrap();
                assert_close("gradient", &back, &expected, &one(&back, 10.0 / pixels as f64), 2e-6);
            }
        });
    }
}
