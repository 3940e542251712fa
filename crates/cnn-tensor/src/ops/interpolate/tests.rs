//! Rows of PyTorch 2, then every instruction set against the reference.

use proptest::prelude::*;

use super::{Corners, InterpolateOptions, Interpolation, Target, backward, forward, infer};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Tensor};

const LINEAR: Interpolation = Interpolation::Linear(Corners::OfPixels);
const ALIGNED: Interpolation = Interpolation::Linear(Corners::Aligned);
const ALL: [Interpolation; 4] = [Interpolation::Nearest, Interpolation::NearestExact, LINEAR, ALIGNED];

fn size(height: usize, width: usize, interpolation: Interpolation) -> InterpolateOptions {
    InterpolateOptions { target: Target::Size([height, width]), interpolation }
}

fn factor(vertical: f64, horizontal: f64, interpolation: Interpolation) -> InterpolateOptions {
    InterpolateOptions { target: Target::Factor([vertical, horizontal]), interpolation }
}

#[test]
fn values_are_those_of_pytorch() {
    // torch.nn.functional.interpolate of [1, 2, 4, 8], with the size, factor and mode of each row.
    let x = Tensor::from_slice(&[1, 1, 4, 1], &[1.0f32, 2.0, 4.0, 8.0]).unwrap();
    #[rustfmt::skip]
    let rows: [(InterpolateOptions, &[f32]); 15] = [
        (size(1, 8, LINEAR), &[1.0, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 8.0]),
        (size(1, 7, ALIGNED), &[1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0]),
        (size(1, 1, ALIGNED), &[1.0]),
        (size(1, 3, LINEAR), &[1.166_666_7, 3.0, 7.333_333]),
        (size(1, 6, Interpolation::Nearest), &[1.0, 1.0, 2.0, 4.0, 4.0, 8.0]),
        (size(1, 6, Interpolation::NearestExact), &[1.0, 2.0, 2.0, 4.0, 8.0, 8.0]),
        // Factors set the distance between pixels too, but where corners are aligned.
        (factor(1.0, 1.7, LINEAR), &[1.0, 1.382_353_1, 1.970_588_3, 3.117_647, 4.588_235_4, 6.941_176_4]),
        (factor(1.0, 1.7, ALIGNED), &[1.0, 1.6, 2.4, 3.6, 5.6, 8.0]),
        (factor(1.0, 1.7, Interpolation::Nearest), &[1.0, 1.0, 2.0, 2.0, 4.0, 4.0]),
        (factor(1.0, 1.7, Interpolation::NearestExact), &[1.0, 1.0, 2.0, 4.0, 4.0, 8.0]),
        (factor(1.0, 0.6, LINEAR), &[1.333_333_3, 4.0]),
        (factor(1.0, 0.6, Interpolation::Nearest), &[1.0, 2.0]),
        // Where the size stays, pixels do, but for the exact centres.
        (factor(1.0, 1.2, LINEAR), &[1.0, 2.0, 4.0, 8.0]),
        (factor(1.0, 1.2, Interpolation::Nearest), &[1.0, 2.0, 4.0, 8.0]),
        (factor(1.0, 1.2, Interpolation::NearestExact), &[1.0, 2.0, 4.0, 4.0]),
    ];
    for (options, expected) in rows {
        on_each_level(|level| {
            for dtype in [DType::F32, DType::F64] {
                let y = forward(&x.to_dtype(dtype).unwrap(), &options).unwrap();
                assert_eq!(y.shape(), [1, 1, expected.len(), 1]);
                let expected = Tensor::from_slice(y.shape(), expected).unwrap();
                let what = format!("{options:?} in {dtype} on {level}");
                assert_close(&what, &y, &expected, &expected, 1e-6);
            }
        });
    }
}

#[test]
fn where_a_size_doubles_the_factor_does_not_move_the_nearest_pixels() {
    // torch.nn.functional.interpolate(arange(3).reshape(1, 1, 1, 3), scale_factor=(1, 2.3)): `5 / 2.3` lies in pixel 2,
    // `4 / 2.3` in pixel 1. Of a sequence, arange(3).reshape(1, 1, 3), PyTorch makes 0, 0, 0, 1, 1, 2.
    let x = Tensor::from_slice(&[1, 1, 3, 1], &[0.0f32, 1.0, 2.0]).unwrap();
    let y = forward(&x, &factor(1.0, 2.3, Interpolation::Nearest)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    let y = forward(&x, &factor(1.0, 2.3, Interpolation::NearestExact)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, 1.0, 1.0, 2.0]);
}

#[test]
fn a_gradient_goes_back_by_the_same_shares() {
    let grad = Tensor::from_slice(&[1, 1, 4, 1], &[1.0f32, 10.0, 100.0, 1000.0]).unwrap();
    on_each_level(|_| {
        let back = |options| backward(&grad, &[1, 1, 2, 1], &options).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(back(size(1, 4, Interpolation::Nearest)), [11.0, 1100.0]);
        assert_eq!(back(size(1, 4, LINEAR)), [33.5, 1077.5]);
        let back = backward(&grad, &[1, 1, 8, 1], &size(1, 4, Interpolation::Nearest)).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [1.0, 0.0, 10.0, 0.0, 100.0, 0.0, 1000.0, 0.0]);
    });
}

#[test]
fn a_size_that_stays_changes_no_bit() {
    let x = normal(&[2, 3, 5, 4], 1, DType::F32).unwrap();
    for interpolation in ALL {
        assert!(same_bits(&forward(&x, &size(3, 5, interpolation)).unwrap(), &x), "{interpolation:?}");
    }
}

#[test]
fn nan_and_infinity_spread_to_what_they_are_mixed_into() {
    // As in PyTorch: infinity with a share of zero is NaN.
    let x = Tensor::from_slice(&[1, 1, 3, 1], &[1.0, f32::INFINITY, 2.0]).unwrap();
    let y = forward(&x, &size(1, 5, ALIGNED)).unwrap().to_vec::<f32>().unwrap();
    assert!(y[0].is_nan() && y[1] == f32::INFINITY && y[3] == f32::INFINITY && y[4] == 2.0, "{y:?}");
    let y = forward(&x, &size(1, 6, Interpolation::Nearest)).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(y, [1.0, 1.0, f32::INFINITY, f32::INFINITY, 2.0, 2.0]);
}

#[test]
fn an_empty_batch_or_no_channels_stay_empty() {
    for shape in [[0, 4, 4, 3], [2, 4, 4, 0]] {
        let x = Tensor::zeros(&shape, DType::F32).unwrap();
        for interpolation in ALL {
            let y = forward(&x, &size(7, 2, interpolation)).unwrap();
            assert_eq!(y.shape(), [shape[0], 7, 2, shape[3]]);
            assert_eq!(backward(&y, &shape, &size(7, 2, interpolation)).unwrap().shape(), shape);
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = normal(&[1, 3, 4, 2], 1, DType::F32).unwrap();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = infer(x.spec(), &factor(1.0, bad, LINEAR)).unwrap_err();
        assert!(matches!(error, Error::Argument { name: "factor", .. }), "{error}");
    }
    let error = infer(x.spec(), &factor(0.3, 1.0, LINEAR)).unwrap_err().to_string();
    assert_eq!(error, "interpolate: nothing is left of an axis of 3, expected 1 or more");
    assert!(matches!(infer(x.spec(), &size(3, 0, LINEAR)), Err(Error::Shape { .. })));
    assert!(matches!(infer(x.spec(), &factor(1e30, 1e30, LINEAR)), Err(Error::TooLarge { .. })));
    let flat = Tensor::shape_only(&[3, 4, 2], DType::F32).unwrap().spec();
    assert!(matches!(infer(flat, &size(1, 1, LINEAR)), Err(Error::Shape { .. })));
    assert!(matches!(
        forward(&x.to_dtype(DType::U8).unwrap(), &size(1, 1, LINEAR)),
        Err(Error::DType { .. })
    ));
    let error = backward(&x, x.shape(), &size(5, 6, LINEAR)).unwrap_err().to_string();
    assert!(error.contains("[1, 3, 4, 2]") && error.contains("[1, 5, 6, 2]"), "{error}");
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[3, 20, 21, 24], 1, DType::F32).unwrap();
    for interpolation in ALL {
        let options = size(37, 50, interpolation);
        let y = forward(&x, &options).unwrap();
        assert_threads_change_nothing("forward", || vec![forward(&x, &options).unwrap()]);
        assert_threads_change_nothing("backward", || vec![backward(&y, x.shape(), &options).unwrap()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        (batch, height, width, channels) in (1usize..3, 1usize..9, 1usize..9, prop_oneof![1usize..20, Just(70)]),
        output in [1usize..14, 1usize..14],
        factors in prop::option::of([0.3f64..3.0, 0.3f64..3.0]),
        way in 0usize..4,
        seed in any::<u64>(),
    ) {
        let target = factors.map_or(Target::Size(output), Target::Factor);
        let options = InterpolateOptions { target, interpolation: ALL[way] };
        let x = normal(&[batch, height, width, channels], seed, DType::F32).unwrap();
        let Ok(output) = infer(x.spec(), &options) else { return Ok(()) };
        let grad = normal(&output.shape, !seed, DType::F32).unwrap();
        let [wide_x, wide_grad] = [&x, &grad].map(|tensor| tensor.to_dtype(DType::F64).unwrap());
        let absolute = |tensor: &Tensor| {
            let values: Vec<f64> = tensor.to_f64_vec().unwrap().iter().map(|value| value.abs()).collect();
            Tensor::from_slice(tensor.shape(), &values).unwrap()
        };
        let scale = forward(&absolute(&x), &options).unwrap();
        let scale_back = backward(&absolute(&grad), x.shape(), &options).unwrap();
        let expected = forward(&wide_x, &options).unwrap();
        let expected_back = backward(&wide_grad, x.shape(), &options).unwrap();
        on_each_level(|_| {
            poison(&output.shape, DType::F32).unwrap();
            assert_close("forward", &forward(&x, &options).unwrap(), &expected, &scale, 1e-6);
            poison(x.shape(), DType::F32).unwrap();
            let back = backward(&grad, x.shape(), &options).unwrap();
            assert_close("backward", &back, &expected_back, &scale_back, 1e-6);
        });
    }
}
