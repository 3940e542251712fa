//! Operations on images with arbitrary arguments: an error where they make no sense, never a panic.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv_transpose2d::{self, ConvTranspose2dOptions};
use cnn_tensor::ops::interpolate::{self, Corners, InterpolateOptions, Interpolation, Target};
use cnn_tensor::ops::pad::{self, PaddingMode};
use cnn_tensor::ops::pool2d::{self, PaddingCounts, Pool2dOptions, Windows};
use cnn_tensor::ops::shuffle;
use cnn_tensor::ops::window::{Padding, Padding2d, Rounding, Same, Window};
use cnn_tensor::testing::bounded;
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;

/// Sizes from nothing to what overflows, most of them ordinary.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0usize..5,
        1 => prop_oneof![Just(1 << 20), Just(1 << 32), Just(usize::MAX / 2), Just(usize::MAX)],
    ]
}

fn pair() -> impl Strategy<Value = [usize; 2]> {
    [size(), size()]
}

fn sides() -> impl Strategy<Value = Padding2d> {
    [size(), size(), size(), size()].prop_map(|[top, bottom, left, right]| Padding2d {
        top,
        bottom,
        left,
        right,
    })
}

fn mode() -> impl Strategy<Value = PaddingMode> {
    prop_oneof![
        Just(PaddingMode::ZEROS),
        Just(PaddingMode::Constant(f64::INFINITY)),
        Just(PaddingMode::Reflect),
        Just(PaddingMode::Replicate),
        Just(PaddingMode::Circular),
    ]
}

fn factor() -> impl Strategy<Value = f64> {
    let odd =
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::MIN_POSITIVE), Just(1e18), Just(1e300)];
    prop_oneof![6 => -0.5..4.0f64, 1 => odd]
}

/// Any rank and type, mostly images of numbers.
fn tensor() -> impl Strategy<Value = Tensor> {
    let shape = prop_oneof![
        1 => prop::collection::vec(0usize..5, 0..6),
        4 => (0usize..3, 1usize..6, 1usize..6, 1usize..5).prop_map(|(n, h, w, c)| vec![n, h, w, c]),
    ];
    let dtype = prop_oneof![
        8 => Just(DType::F32),
        4 => Just(DType::F64),
        1 => Just(DType::U8),
        1 => Just(DType::I32),
    ];
    // Drawn outside of the bounded part, where another test's budget may hold.
    (shape, dtype).prop_map(|(shape, dtype)| {
        Tensor::full(&shape, 1.0, dtype).unwrap_or_else(|_| Tensor::shape_only(&shape, dtype).unwrap())
    })
}

/// Another tensor where there is no output.
fn or_other(output: cnn_tensor::Result<Tensor>, other: &Tensor) -> Tensor {
    output.unwrap_or_else(|_| other.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn transposed_convolutions_never_panic(
        (x, weight, bias, other) in (tensor(), tensor(), tensor(), tensor()),
        (stride, padding, output_padding, dilation, groups) in (pair(), sides(), pair(), pair(), size()),
        fits in any::<bool>(),
    ) {
        let _bounded = bounded(1 << 22);
        let weight = match (fits, x.shape().last()) {
            (true, Some(&channels)) => Tensor::full(&[2, 1, 3, channels], 1.0, x.dtype()).unwrap(),
            _ => weight,
        };
        let options = ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups };
        let _ = conv_transpose2d::multiply_adds(x.spec(), weight.spec(), &options);
        let _ = conv_transpose2d::forward(&x, &weight, Some(&bias), Activation::Relu, &options);
        let y = conv_transpose2d::forward(&x, &weight, None, Activation::Relu, &options);
        let grad = or_other(y, &other);
        let _ = conv_transpose2d::grad_input(&grad, &weight, x.shape(), &options);
        let _ = conv_transpose2d::grad_weight(&x, &grad, weight.shape(), &options);
        let _ = conv_transpose2d::grad_bias(&grad);
    }

    #[test]
    fn poolings_never_panic(
        (x, other, indices) in (tensor(), tensor(), tensor()),
        (kernel, stride, padding, dilation, output) in (pair(), pair(), sides(), pair(), pair()),
        (ceil, excluded) in (any::<bool>(), any::<bool>()),
    ) {
        let _bounded = bounded(1 << 22);
        let rounding = if ceil { Rounding::Ceil } else { Rounding::Floor };
        let padding_counts = if excluded { PaddingCounts::Excluded } else { PaddingCounts::Included };
        let options = Pool2dOptions { kernel, stride, padding, dilation, rounding, padding_counts };
        for windows in [Windows::Sliding(options), Windows::Adaptive(output)] {
            let _ = pool2d::index_dtype(x.shape(), windows);
            let (grad, indices) = match pool2d::max_forward(&x, windows) {
                Ok(pooled) => (pooled.output, pooled.indices),
                Err(_) => (other.clone(), indices.clone()),
            };
            let _ = pool2d::max_backward(&indices, &grad, x.shape(), windows);
            let grad = or_other(pool2d::average_forward(&x, windows), &other);
            let _ = pool2d::average_backward(&grad, x.shape(), windows);
        }
    }

    #[test]
    fn what_moves_pixels_never_panics(
        (x, other) in (tensor(), tensor()),
        (sides, mode, target) in (sides(), mode(), pair()),
        (factors, number) in ([factor(), factor()], size()),
        way in 0usize..4,
    ) {
        let _bounded = bounded(1 << 22);
        let grad = or_other(pad::forward(&x, &sides, mode), &other);
        let _ = pad::backward(&grad, x.shape(), &sides, mode);
        let grad = or_other(pad::crop(&x, &sides), &other);
        let _ = pad::crop_backward(&grad, x.shape(), &sides);
        let linear = Interpolation::Linear(Corners::OfPixels);
        let aligned = Interpolation::Linear(Corners::Aligned);
        let interpolation = [Interpolation::Nearest, Interpolation::NearestExact, linear, aligned][way];
        for target in [Target::Size(target), Target::Factor(factors)] {
            let options = InterpolateOptions { target, interpolation };
            let grad = or_other(interpolate::forward(&x, &options), &other);
            let _ = interpolate::backward(&grad, x.shape(), &options);
        }
        let _ = shuffle::pixel_shuffle(x.clone(), number);
        let _ = shuffle::pixel_unshuffle(x.clone(), number);
        let _ = shuffle::channel_shuffle(x, number);
    }

    #[test]
    fn sizes_never_panic(
        (kernel, stride, dilation, input) in (pair(), pair(), pair(), pair()),
        (before, after, output_padding, choice) in (size(), size(), size(), any::<bool>()),
    ) {
        let same = if choice { Same::Lower } else { Same::Upper };
        let _ = Padding::Same(same).around("test", input, [kernel, stride, dilation]);
        let rounding = if choice { Rounding::Floor } else { Rounding::Ceil };
        let [kernel, stride, dilation] = [kernel[0], stride[0], dilation[0]];
        let window = Window { kernel, stride, dilation, before, after, rounding };
        let _ = window.output_size("test", input[0]);
        let _ = window.transposed_size("test", input[0], output_padding);
    }
}
