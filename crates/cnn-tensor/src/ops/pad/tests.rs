//! Rows by hand, which PyTorch 2 agrees with, then every instruction set against the reference.

use proptest::prelude::*;

use super::{PaddingMode, backward, crop, crop_backward, crop_infer, forward, infer};
use crate::ops::window::Padding2d;
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Shape, Spec, Tensor};

const MODES: [PaddingMode; 4] =
    [PaddingMode::Constant(7.0), PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular];

fn sides([top, bottom, left, right]: [usize; 4]) -> Padding2d {
    Padding2d { top, bottom, left, right }
}

#[test]
fn a_row_is_padded_in_each_mode() {
    let x = Tensor::from_slice(&[1, 1, 3, 1], &[1.0f32, -0.0, 3.0]).unwrap();
    let rows: [(PaddingMode, [f32; 6]); 4] = [
        (PaddingMode::Constant(7.0), [7.0, 7.0, 1.0, -0.0, 3.0, 7.0]),
        (PaddingMode::Reflect, [3.0, -0.0, 1.0, -0.0, 3.0, -0.0]),
        (PaddingMode::Replicate, [1.0, 1.0, 1.0, -0.0, 3.0, 3.0]),
        (PaddingMode::Circular, [-0.0, 3.0, 1.0, -0.0, 3.0, 1.0]),
    ];
    for (mode, expected) in rows {
        let y = forward(&x, &sides([0, 0, 2, 1]), mode).unwrap();
        assert!(same_bits(&y, &Tensor::from_slice(&[1, 1, 6, 1], &expected).unwrap()), "{mode:?}: {y:?}");
    }
}

#[test]
fn rows_and_columns_are_padded_at_once() {
    let x = Tensor::from_slice(&[1, 2, 2, 1], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let y = forward(&x, &sides([1, 0, 0, 1]), PaddingMode::Reflect).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 4.0, 3.0, 1.0, 2.0, 1.0, 3.0, 4.0, 3.0]);
    let y = forward(&x, &sides([0, 1, 1, 0]), PaddingMode::ZEROS).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_gradient_is_the_sum_over_the_copies() {
    let grad = Tensor::from_slice(&[1, 1, 6, 1], &[1.0f32, 10.0, 100.0, 1e3, 1e4, 1e5]).unwrap();
    let rows: [(PaddingMode, [f32; 3]); 4] = [
        (PaddingMode::Constant(7.0), [100.0, 1e3, 1e4]),
        (PaddingMode::Reflect, [100.0, 101_010.0, 10_001.0]),
        (PaddingMode::Replicate, [111.0, 1e3, 110_000.0]),
        (PaddingMode::Circular, [100_100.0, 1_001.0, 10_010.0]),
    ];
    for (mode, expected) in rows {
        on_each_level(|level| {
            for dtype in [DType::F32, DType::F64] {
                let grad = grad.to_dtype(dtype).unwrap();
                let back = backward(&grad, &[1, 1, 3, 1], &sides([0, 0, 2, 1]), mode).unwrap();
                let back = back.to_dtype(DType::F32).unwrap();
                assert_eq!(back.to_vec::<f32>().unwrap(), expected, "{mode:?} in {dtype} on {level}");
            }
        });
    }
}

#[test]
fn cropping_undoes_padding_and_its_gradient_is_padding_with_zeros() {
    let x = normal(&[2, 3, 4, 5], 1, DType::F32).unwrap();
    let around = sides([1, 2, 3, 0]);
    for mode in MODES.into_iter().filter(|&mode| mode != PaddingMode::Reflect) {
        let padded = forward(&x, &around, mode).unwrap();
        assert!(same_bits(&crop(&padded, &around).unwrap(), &x), "{mode:?}");
    }
    let back = crop_backward(&x, &[2, 6, 7, 5], &around).unwrap();
    assert!(same_bits(&back, &forward(&x, &around, PaddingMode::ZEROS).unwrap()));
}

#[test]
fn nan_and_infinity_are_copied() {
    let x = Tensor::from_slice(&[1, 1, 2, 1], &[f32::NAN, f32::NEG_INFINITY]).unwrap();
    let y = forward(&x, &sides([1, 1, 1, 1]), PaddingMode::Replicate).unwrap().to_vec::<f32>().unwrap();
    assert!(y.chunks(4).all(|row| row[0].is_nan() && row[1].is_nan() && row[2..] == [f32::NEG_INFINITY; 2]));
}

#[test]
fn an_empty_batch_or_no_channels_stay_empty() {
    for shape in [[0, 4, 4, 3], [2, 4, 4, 0]] {
        let x = Tensor::zeros(&shape, DType::F32).unwrap();
        for mode in MODES {
            let y = forward(&x, &Padding2d::all(2), mode).unwrap();
            assert_eq!(y.shape(), [shape[0], 8, 8, shape[3]]);
            assert_eq!(backward(&y, &shape, &Padding2d::all(2), mode).unwrap().shape(), shape);
        }
        assert_eq!(crop(&x, &Padding2d::all(1)).unwrap().shape(), [shape[0], 2, 2, shape[3]]);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = normal(&[1, 3, 4, 2], 1, DType::F32).unwrap();
    let error = forward(&x, &sides([3, 0, 0, 0]), PaddingMode::Reflect).unwrap_err().to_string();
    assert_eq!(
        error,
        "pad: padding is 3 (reflect of an axis of 3), expected less than the size of the input"
    );
    assert!(forward(&x, &sides([2, 2, 3, 3]), PaddingMode::Reflect).is_ok());
    assert!(forward(&x, &sides([3, 3, 4, 4]), PaddingMode::Circular).is_ok());
    assert!(matches!(forward(&x, &sides([0, 0, 0, 5]), PaddingMode::Circular), Err(Error::Argument { .. })));
    let spec = |shape: &[usize]| Spec::new(Shape::new(shape).unwrap(), DType::F32);
    for shape in [&[3, 4, 2][..], &[1, 0, 4, 2], &[1, 4, 0, 2]] {
        assert!(matches!(infer(spec(shape), &sides([0; 4]), PaddingMode::ZEROS), Err(Error::Shape { .. })));
    }
    let huge = sides([usize::MAX, 1, 0, 0]);
    assert!(matches!(infer(x.spec(), &huge, PaddingMode::ZEROS), Err(Error::Shape { .. })));
    let huge = sides([usize::MAX / 2, 0, 0, 0]);
    assert!(matches!(infer(x.spec(), &huge, PaddingMode::Replicate), Err(Error::TooLarge { .. })));
    for (too_much, size) in [([2, 1, 0, 0], 3), ([0, 0, 5, 0], 4), ([usize::MAX, usize::MAX, 0, 0], 3)] {
        let error = crop_infer(x.spec(), &sides(too_much)).unwrap_err().to_string();
        assert!(error.contains(&format!("nothing is left of an axis of {size} without")), "{error}");
    }
    let error = backward(&x, &[1, 3, 4, 2], &sides([1; 4]), PaddingMode::ZEROS).unwrap_err().to_string();
    assert!(error.contains("[1, 3, 4, 2]") && error.contains("[1, 5, 6, 2]"), "{error}");
    let whole = x.to_dtype(DType::I32).unwrap();
    assert!(matches!(forward(&whole, &sides([0; 4]), PaddingMode::ZEROS), Err(Error::DType { .. })));
    assert!(matches!(crop(&whole, &sides([0; 4])), Err(Error::DType { .. })));
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[3, 40, 41, 24], 1, DType::F32).unwrap();
    let around = sides([3, 2, 1, 4]);
    for mode in MODES {
        let y = forward(&x, &around, mode).unwrap();
        assert_threads_change_nothing("forward", || vec![forward(&x, &around, mode).unwrap()]);
        assert_threads_change_nothing("backward", || vec![backward(&y, x.shape(), &around, mode).unwrap()]);
    }
    assert_threads_change_nothing("crop", || vec![crop(&x, &Padding2d::all(2)).unwrap()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        (batch, height, width, channels) in (1usize..3, 1usize..7, 1usize..7, prop_oneof![1usize..20, Just(70)]),
        around in [0usize..8, 0usize..8, 0usize..8, 0usize..8],
        mode in 0usize..4,
        seed in any::<u64>(),
    ) {
        let (shape, around, mode) = ([batch, height, width, channels], sides(around), MODES[mode]);
        let x = normal(&shape, seed, DType::F32).unwrap();
        let Ok(output) = infer(x.spec(), &around, mode) else { return Ok(()) };
        let grad = normal(&output.shape, !seed, DType::F32).unwrap();
        let [wide_x, wide_grad] = [&x, &grad].map(|tensor| tensor.to_dtype(DType::F64).unwrap());
        let absolute: Vec<f64> = wide_grad.to_f64_vec().unwrap().iter().map(|g| g.abs()).collect();
        let absolute = Tensor::from_slice(grad.shape(), &absolute).unwrap();
        let scale = backward(&absolute, &shape, &around, mode).unwrap();
        on_each_level(|_| {
            poison(&output.shape, DType::F32).unwrap();
            let expected = forward(&wide_x, &around, mode).unwrap().to_dtype(DType::F32).unwrap();
            assert!(same_bits(&forward(&x, &around, mode).unwrap(), &expected));
            poison(&shape, DType::F32).unwrap();
            let expected = backward(&wide_grad, &shape, &around, mode).unwrap();
            assert_close("pad", &backward(&grad, &shape, &around, mode).unwrap(), &expected, &scale, 1e-6);
        });
    }
}

#[test]
fn the_gradient_of_many_copies_is_as_close_as_that_of_few() {
    let many = (1 << 24) + 3000;
    let ones = |dims: &[usize]| Tensor::full(dims, 1.0, DType::F32).unwrap();
    let back = |padding: Padding2d, dims: &[usize]| {
        backward(&ones(dims), &[1, 1, 1, 1], &padding, PaddingMode::Replicate).unwrap()
    };
    let right = Padding2d { right: many - 1, ..Padding2d::default() };
    assert_eq!(back(right, &[1, 1, many, 1]).item().unwrap(), many as f64);
    let bottom = Padding2d { bottom: many - 1, ..Padding2d::default() };
    assert_eq!(back(bottom, &[1, many, 1, 1]).item().unwrap(), many as f64);
}
