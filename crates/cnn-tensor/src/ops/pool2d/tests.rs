//! Rows by hand, which PyTorch 2 agrees with, then every instruction set against the reference.

mod adaptive;

use proptest::prelude::*;

use super::geometry::Geometry;
use super::{
    MaxPooled, PaddingCounts, Pool2dOptions, Windows, average_backward, average_forward, average_infer,
    infer, max_backward, max_forward, max_infer, reference,
};
use crate::ops::window::{Padding2d, Rounding};
use crate::testing::{assert_close, assert_threads_change_nothing, normal, on_each_level, poison, same_bits};
use crate::{DType, Error, Shape, Spec, Tensor};

const NAN: f32 = f32::NAN;
const LOW: f32 = f32::NEG_INFINITY;

/// One image of one channel.
struct Case<'a> {
    name: &'a str,
    size: [usize; 2],
    x: &'a [f32],
    options: Pool2dOptions,
    max: &'a [f32],
    indices: &'a [u8],
    average: Option<&'a [f32]>,
}

fn check(case: &Case<'_>) {
    let [h, w] = case.size;
    let x = Tensor::from_slice(&[1, h, w, 1], case.x).unwrap();
    on_each_level(|level| {
        for dtype in [DType::F32, DType::F64] {
            let what = format!("{} in {dtype} on {level}", case.name);
            let x = x.to_dtype(dtype).unwrap();
            let MaxPooled { output, indices } = max_forward(&x, case.options).unwrap();
            let output = output.to_dtype(DType::F32).unwrap();
            let expected = Tensor::from_slice(output.shape(), case.max).unwrap();
            assert!(same_bits(&output, &expected), "{what}: {output:?}");
            assert_eq!(indices.to_vec::<u8>().unwrap(), case.indices, "{what}");
            if let Some(average) = case.average {
                let output = average_forward(&x, case.options).unwrap().to_dtype(DType::F32).unwrap();
                assert_eq!(output.to_vec::<f32>().unwrap(), average, "{what}");
            }
        }
    });
}

#[test]
fn small_images_by_hand() {
    let two = Pool2dOptions::new([2, 2]);
    check(&Case {
        name: "two windows side by side",
        size: [2, 4],
        x: &[1.0, 5.0, -1.0, -2.0, 2.0, 4.0, -8.0, -5.0],
        options: two,
        max: &[5.0, -1.0],
        indices: &[1, 0],
        average: Some(&[3.0, -4.0]),
    });
    check(&Case {
        name: "the rest of an odd image is left out",
        size: [3, 3],
        x: &[1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0],
        options: two,
        max: &[4.0],
        indices: &[3],
        average: Some(&[2.5]),
    });
    check(&Case {
        name: "rounding up keeps the rest, and divides by what is there",
        size: [3, 3],
        x: &[1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 8.0, 6.0, 7.0],
        options: Pool2dOptions { rounding: Rounding::Ceil, ..two },
        max: &[4.0, 9.0, 8.0, 7.0],
        indices: &[3, 0, 0, 0],
        average: Some(&[2.5, 9.0, 7.0, 7.0]),
    });
    check(&Case {
        name: "the first of equal values, zeros of both signs included",
        size: [2, 4],
        x: &[3.0, 3.0, -0.0, 0.0, 3.0, 3.0, 0.0, -0.0],
        options: two,
        max: &[3.0, -0.0],
        indices: &[0, 0],
        average: None,
    });
    check(&Case {
        name: "NaN wins, the last of them; infinity does not become NaN",
        size: [2, 6],
        x: &[NAN, 1.0, 2.0, f32::INFINITY, LOW, LOW, NAN, 2.0, 3.0, 4.0, LOW, LOW],
        options: two,
        max: &[NAN, f32::INFINITY, LOW],
        indices: &[2, 1, 0],
        average: None,
    });
    check(&Case {
        name: "overlapping windows with padding: it never is the maximum, and counts as zeros in the mean",
        size: [2, 2],
        x: &[-4.0, -8.0, -12.0, -16.0],
        options: Pool2dOptions { stride: [1, 2], padding: Padding2d::all(1), ..two },
        max: &[-4.0, -8.0, -4.0, -8.0, -12.0, -16.0],
        indices: &[3, 2, 1, 0, 1, 0],
        average: Some(&[-1.0, -2.0, -4.0, -6.0, -3.0, -4.0]),
    });
    check(&Case {
        name: "padding that is not counted",
        size: [2, 2],
        x: &[-4.0, -8.0, -12.0, -16.0],
        options: Pool2dOptions {
            stride: [1, 2],
            padding: Padding2d::all(1),
            padding_counts: PaddingCounts::Excluded,
            ..two
        },
        max: &[-4.0, -8.0, -4.0, -8.0, -12.0, -16.0],
        indices: &[3, 2, 1, 0, 1, 0],
        average: Some(&[-4.0, -8.0, -8.0, -12.0, -12.0, -16.0]),
    });
    check(&Case {
        name: "a dilated row",
        size: [1, 4],
        x: &[1.0, 2.0, 7.0, 3.0],
        options: Pool2dOptions { stride: [1, 1], dilation: [1, 2], ..Pool2dOptions::new([1, 2]) },
        max: &[7.0, 3.0],
        indices: &[1, 1],
        average: None,
    });
    check(&Case {
        name: "a stride larger than the kernel",
        size: [1, 5],
        x: &[1.0, 9.0, 9.0, 2.0, 9.0],
        options: Pool2dOptions { stride: [1, 3], ..Pool2dOptions::new([1, 1]) },
        max: &[1.0, 2.0],
        indices: &[0, 0],
        average: Some(&[1.0, 2.0]),
    });
    check(&Case {
        name: "a window that reaches past the end padding is divided by what is inside it",
        size: [1, 6],
        x: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        options: Pool2dOptions {
            padding: Padding2d::symmetric(0, 1),
            rounding: Rounding::Ceil,
            ..Pool2dOptions::new([1, 3])
        },
        max: &[2.0, 5.0, 6.0],
        indices: &[2, 2, 0],
        average: Some(&[1.0, 4.0, 3.0]),
    });
    check(&Case {
        name: "padding on one side",
        size: [1, 2],
        x: &[3.0, 5.0],
        options: Pool2dOptions {
            stride: [1, 1],
            padding: Padding2d { left: 1, ..Padding2d::default() },
            ..Pool2dOptions::new([1, 2])
        },
        max: &[3.0, 5.0],
        indices: &[1, 1],
        average: Some(&[1.5, 4.0]),
    });
}

#[test]
fn a_gradient_goes_to_where_the_maximum_was_and_sums_where_windows_share_it() {
    let x = Tensor::from_slice(&[1, 1, 3, 1], &[1.0f32, 4.0, 2.0]).unwrap();
    let options = Pool2dOptions { stride: [1, 1], ..Pool2dOptions::new([1, 2]) };
    let indices = max_forward(&x, options).unwrap().indices;
    let grad = Tensor::from_slice(&[1, 1, 2, 1], &[10.0f32, 100.0]).unwrap();
    on_each_level(|_| {
        let back = max_backward(&indices, &grad, x.shape(), options).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [0.0, 110.0, 0.0]);
        let back = average_backward(&grad, x.shape(), options).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), [5.0, 55.0, 50.0]);
    });
}

#[test]
fn windows_of_more_than_256_taps_keep_wide_indices() {
    let x = normal(&[1, 17, 17, 3], 1, DType::F32).unwrap();
    let options = Pool2dOptions::new([17, 17]);
    let pooled = max_forward(&x, options).unwrap();
    assert_eq!(pooled.indices.dtype(), DType::I32);
    let grad = Tensor::full(pooled.output.shape(), 1.0, DType::F32).unwrap();
    let back = max_backward(&pooled.indices, &grad, x.shape(), options).unwrap().to_vec::<f32>().unwrap();
    for (channel, &tap) in pooled.indices.as_slice::<i32>().unwrap().iter().enumerate() {
        assert_eq!(back[tap as usize * 3 + channel], 1.0);
    }
    assert_eq!(back.iter().sum::<f32>(), 3.0);
}

#[test]
fn an_empty_batch_or_no_channels_are_pooled_to_nothing() {
    for shape in [[0, 4, 4, 3], [2, 4, 4, 0]] {
        let x = Tensor::zeros(&shape, DType::F32).unwrap();
        let options = Pool2dOptions::new([2, 2]);
        let pooled = max_forward(&x, options).unwrap();
        assert_eq!(pooled.output.shape(), [shape[0], 2, 2, shape[3]]);
        assert_eq!(max_backward(&pooled.indices, &pooled.output, &shape, options).unwrap().shape(), shape);
        assert_eq!(average_forward(&x, options).unwrap().shape(), pooled.output.shape());
        assert_eq!(average_backward(&pooled.output, &shape, options).unwrap().shape(), shape);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let two = Pool2dOptions::new([2, 2]);
    let x = normal(&[1, 4, 4, 2], 1, DType::F32).unwrap();
    let spec = |shape: &[usize]| Spec::new(Shape::new(shape).unwrap(), DType::F32);
    assert_eq!(infer(spec(&[3, 5, 4, 7]), two).unwrap(), spec(&[3, 2, 2, 7]));
    assert!(matches!(infer(spec(&[5, 4, 7]), two), Err(Error::Shape { .. })));
    assert!(matches!(infer(spec(&[1, 0, 4, 7]), two), Err(Error::Shape { .. })));
    assert!(matches!(infer(spec(&[1, 1, 4, 7]), two), Err(Error::Shape { .. })));
    let wide_padding = Pool2dOptions { padding: Padding2d::all(2), ..two };
    assert!(matches!(infer(x.spec(), wide_padding), Err(Error::Argument { name: "padding", .. })));
    assert!(matches!(infer(x.spec(), Pool2dOptions { stride: [0, 1], ..two }), Err(Error::Argument { .. })));
    assert!(matches!(infer(x.spec(), Pool2dOptions::new([0, 1])), Err(Error::Argument { .. })));
    let dilated = Pool2dOptions { dilation: [2, 1], ..two };
    assert!(matches!(average_infer(x.spec(), dilated), Err(Error::Argument { name: "dilation", .. })));
    assert!(matches!(average_forward(&x, dilated), Err(Error::Argument { name: "dilation", .. })));
    let indices = max_forward(&x, two).unwrap().indices;
    let error = max_backward(&indices, &x, x.shape(), two).unwrap_err().to_string();
    assert!(error.contains("[1, 4, 4, 2]") && error.contains("[1, 2, 2, 2]"), "{error}");
    let whole = x.to_dtype(DType::I32).unwrap();
    assert!(matches!(max_forward(&whole, two), Err(Error::DType { .. })));
    assert!(matches!(average_forward(&whole, two), Err(Error::DType { .. })));
}

#[test]
fn an_index_outside_its_window_sends_no_gradient_outside_the_image() {
    let grad = Tensor::full(&[1, 2, 2, 1], 1.0, DType::F32).unwrap();
    let indices = Tensor::full(&[1, 2, 2, 1], 255.0, DType::U8).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let back =
            max_backward(&indices, &grad.to_dtype(dtype).unwrap(), &[1, 4, 4, 1], Pool2dOptions::new([2, 2]));
        assert_eq!(back.unwrap().to_f64_vec().unwrap(), [0.0; 16]);
    }
}

#[test]
fn a_wide_index_that_is_no_position_in_its_window_is_ignored() {
    // Windows of 3 x 100 taps, two rows apart; tap 300 would be in the image, below the first window.
    let (shape, options) = ([1, 5, 100, 1], Pool2dOptions { stride: [2, 1], ..Pool2dOptions::new([3, 100]) });
    let grad = Tensor::from_slice(&[1, 2, 1, 1], &[10.0f32, 100.0]).unwrap();
    for outside in [-1, i32::MIN, i32::MAX, 300] {
        let indices = Tensor::from_slice(&[1, 2, 1, 1], &[outside, 101]).unwrap();
        on_each_level(|level| {
            for dtype in [DType::F32, DType::F64] {
                let back = max_backward(&indices, &grad.to_dtype(dtype).unwrap(), &shape, options).unwrap();
                let mut expected = [0.0; 500];
                expected[301] = 100.0;
                assert_eq!(back.to_f64_vec().unwrap(), expected, "{outside} in {dtype} on {level}");
            }
        });
    }
}

#[test]
fn only_max_pooling_bounds_the_taps_of_a_window() {
    // More than 2^23 taps, of which only the last reads inside the image.
    let kernel = [2897, 2897];
    let padding = Padding2d { top: 2896, left: 2896, ..Padding2d::default() };
    let options = Pool2dOptions { padding, ..Pool2dOptions::new(kernel) };
    let x = Tensor::full(&[1, 1, 1, 1], 2897.0 * 2897.0, DType::F32).unwrap();
    assert!(matches!(max_forward(&x, options), Err(Error::Argument { name: "kernel", .. })));
    assert!(matches!(max_infer(x.spec(), options), Err(Error::Argument { name: "kernel", .. })));
    assert!(matches!(max_backward(&x, &x, x.shape(), options), Err(Error::Argument { name: "kernel", .. })));
    assert_eq!(infer(x.spec(), options).unwrap(), x.spec());
    assert_eq!(average_infer(x.spec(), options).unwrap(), x.spec());
    for dtype in [DType::F32, DType::F64] {
        let mean = average_forward(&x.to_dtype(dtype).unwrap(), options).unwrap();
        assert_eq!(mean.to_f64_vec().unwrap(), [1.0]);
        let back = average_backward(&mean, x.shape(), options).unwrap().to_f64_vec().unwrap()[0];
        assert!((back * 2897.0 * 2897.0 - 1.0).abs() < 1e-6, "{back}");
    }
}

#[test]
fn a_window_whose_taps_no_integer_counts_has_a_divisor() {
    let size = 1 << 33;
    let padding = Padding2d { top: size - 1, left: size - 1, ..Padding2d::default() };
    let options = Pool2dOptions { padding, ..Pool2dOptions::new([size, size]) };
    let x = Tensor::full(&[1, 1, 1, 1], (2.0f64).powi(66), DType::F32).unwrap();
    on_each_level(|_| assert_eq!(average_forward(&x, options).unwrap().item().unwrap(), 1.0));
}

#[test]
fn a_window_whose_taps_all_miss_the_image_is_negative_infinity_at_position_0() {
    let x = Tensor::full(&[1, 1, 1, 1], 7.0, DType::F32).unwrap();
    for padding in [[1, 1, 2, 0], [1, 1, 1, 1], [2, 0, 1, 1], [0, 2, 1, 1]] {
        let [top, bottom, left, right] = padding;
        let padding = Padding2d { top, bottom, left, right };
        let options =
            Pool2dOptions { padding, stride: [1, 1], dilation: [2, 2], ..Pool2dOptions::new([2, 2]) };
        on_each_level(|_| {
            let pooled = max_forward(&x, options).unwrap();
            assert_eq!(pooled.output.item().unwrap(), f64::NEG_INFINITY, "{padding:?}");
            assert_eq!(pooled.indices.to_vec::<u8>().unwrap(), [0], "{padding:?}");
            let back = max_backward(&pooled.indices, &x, x.shape(), options).unwrap();
            assert_eq!(back.item().unwrap(), 0.0, "{padding:?}");
        });
    }
}

#[test]
fn taps_may_be_farther_apart_than_any_image_is_large() {
    let x = normal(&[1, 2, 3, 5], 1, DType::F32).unwrap();
    let far = 1 << 59;
    let padding = Padding2d { bottom: far, right: far, ..Padding2d::default() };
    let dilated = |kernel, padding| Pool2dOptions {
        dilation: [far, far],
        stride: [1, 1],
        padding,
        ..Pool2dOptions::new(kernel)
    };
    for options in [dilated([1, 1], Padding2d::default()), dilated([2, 2], padding)] {
        on_each_level(|_| assert!(same_bits(&max_forward(&x, options).unwrap().output, &x)));
    }
}

#[test]
fn threads_change_nothing() {
    let x = normal(&[3, 30, 31, 24], 1, DType::F32).unwrap();
    let options = Pool2dOptions { stride: [2, 1], padding: Padding2d::all(1), ..Pool2dOptions::new([3, 3]) };
    let MaxPooled { output, indices } = max_forward(&x, options).unwrap();
    assert_threads_change_nothing("max", || {
        let MaxPooled { output, indices } = max_forward(&x, options).unwrap();
        vec![output, indices]
    });
    assert_threads_change_nothing("gradient of max", || {
        vec![max_backward(&indices, &output, x.shape(), options).unwrap()]
    });
    assert_threads_change_nothing("average", || vec![average_forward(&x, options).unwrap()]);
    assert_threads_change_nothing("gradient of average", || {
        vec![average_backward(&output, x.shape(), options).unwrap()]
    });
}

/// Sums of absolute values: the scale of an error.
fn absolute(x: &Tensor) -> Tensor {
    let values: Vec<f64> = x.to_f64_vec().unwrap().iter().map(|x| x.abs()).collect();
    Tensor::from_slice(x.shape(), &values).unwrap()
}

fn check_against_reference(shape: &[usize], options: impl Into<Windows>, seed: u64) {
    let options = options.into();
    let Ok(geometry) = Geometry::new("test", shape, options) else { return };
    let x = normal(shape, seed, DType::F32).unwrap();
    let grad = normal(&geometry.output_shape(), !seed, DType::F32).unwrap();
    let (wide_x, wide_grad) = (x.to_dtype(DType::F64).unwrap(), grad.to_dtype(DType::F64).unwrap());
    let wide = max_forward(&wide_x, options).unwrap();
    let mut expected_back = Tensor::zeros(shape, DType::F64).unwrap();
    let mut scale = Tensor::zeros(shape, DType::F64).unwrap();
    for (grad, target) in [(&wide_grad, &mut expected_back), (&absolute(&grad), &mut scale)] {
        let indices = wide.indices.as_slice::<u8>().unwrap();
        reference::max_backward::<f64, u8>(
            &geometry,
            indices,
            grad.as_slice().unwrap(),
            target.as_mut_slice().unwrap(),
        );
    }
    on_each_level(|_| {
        poison(&geometry.output_shape(), DType::F32).unwrap();
        poison(&geometry.output_shape(), DType::U8).unwrap();
        let pooled = max_forward(&x, options).unwrap();
        assert!(same_bits(&pooled.indices, &wide.indices), "{shape:?} {options:?}");
        assert!(
            same_bits(&pooled.output, &wide.output.to_dtype(DType::F32).unwrap()),
            "{shape:?} {options:?}"
        );
        poison(shape, DType::F32).unwrap();
        let back = max_backward(&pooled.indices, &grad, shape, options).unwrap();
        assert_close("max", &back, &expected_back, &scale, 1e-6);
        if average_infer(x.spec(), options).is_ok() {
            poison(&geometry.output_shape(), DType::F32).unwrap();
            let average = average_forward(&x, options).unwrap();
            let expected = average_forward(&wide_x, options).unwrap();
            let scale = average_forward(&absolute(&x), options).unwrap();
            assert_close("average", &average, &expected, &scale, 1e-6);
            poison(shape, DType::F32).unwrap();
            let back = average_backward(&grad, shape, options).unwrap();
            let expected = average_backward(&wide_grad, shape, options).unwrap();
            let scale = average_backward(&absolute(&grad), shape, options).unwrap();
            assert_close("average", &back, &expected, &scale, 1e-6);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn every_instruction_set_agrees_with_the_reference(
        (shape, kernel, stride, dilation) in (
            (1usize..3, 1usize..9, 1usize..9, prop_oneof![1usize..20, Just(35)]),
            [1usize..4, 1usize..4],
            [1usize..5, 1usize..5],
            [1usize..3, 1usize..3],
        ),
        padding in [0usize..3, 0usize..3, 0usize..3, 0usize..3],
        ceil in any::<bool>(),
        excluded in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let options = Pool2dOptions {
            kernel,
            stride,
            padding: Padding2d { top: padding[0], bottom: padding[1], left: padding[2], right: padding[3] },
            dilation: if seed % 2 == 0 { [1, 1] } else { dilation },
            rounding: if ceil { Rounding::Ceil } else { Rounding::Floor },
            padding_counts: if excluded { PaddingCounts::Excluded } else { PaddingCounts::Included },
        };
        check_against_reference(&[shape.0, shape.1, shape.2, shape.3], options, seed);
    }

    #[test]
    fn windows_that_tile_the_image_agree_with_the_reference(
        kernel in [1usize..4, 1usize..5],
        windows in [1usize..4, 1usize..6],
        left_over in 0usize..4,
        (batch, channels) in (1usize..3, 1usize..40),
        seed in any::<u64>(),
    ) {
        let width = windows[1] * kernel[1] + left_over.min(kernel[1] - 1);
        let shape = [batch, windows[0] * kernel[0], width, channels];
        check_against_reference(&shape, Pool2dOptions::new(kernel), seed);
    }
}
