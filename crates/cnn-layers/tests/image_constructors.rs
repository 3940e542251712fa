//! Layers that move and mix pixels, with arbitrary arguments: an error where they make no sense, never a panic.

use cnn_layers::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d,
    ChannelShuffle, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Corners, Crop, Ctx, Ends, Forward,
    GlobalMaxPool2d, Interpolation, Key, MaxPool1d, MaxPool2d, Mode, Pad1d, Pad2d, Padding2d, PaddingMode,
    PixelShuffle, PixelUnshuffle, Recording, Rounding, Same, Upsample, Var,
};
use cnn_tensor::testing::bounded;
use cnn_tensor::{DType, Tensor};
use proptest::prelude::*;

/// Sizes from nothing to what overflows, most of them ordinary.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 1usize..5,
        1 => Just(0),
        1 => prop_oneof![Just(1 << 20), Just(1 << 32), Just(usize::MAX / 2), Just(usize::MAX)],
    ]
}

fn pair() -> impl Strategy<Value = [usize; 2]> {
    [size(), size()]
}

fn sides() -> impl Strategy<Value = Padding2d> {
    let side = || size().prop_map(|size| size.saturating_sub(1));
    (side(), side(), side(), side()).prop_map(|(top, bottom, left, right)| Padding2d {
        top,
        bottom,
        left,
        right,
    })
}

fn ends() -> impl Strategy<Value = Ends> {
    sides().prop_map(|sides| Ends { before: sides.left, after: sides.right })
}

fn mode() -> impl Strategy<Value = PaddingMode> {
    prop_oneof![
        Just(PaddingMode::ZEROS),
        Just(PaddingMode::Constant(f64::NAN)),
        Just(PaddingMode::Reflect),
        Just(PaddingMode::Replicate),
        Just(PaddingMode::Circular),
    ]
}

fn same() -> impl Strategy<Value = Same> {
    prop_oneof![Just(Same::Upper), Just(Same::Lower)]
}

fn interpolation() -> impl Strategy<Value = Interpolation> {
    prop_oneof![
        Just(Interpolation::Nearest),
        Just(Interpolation::NearestExact),
        Just(Interpolation::Linear(Corners::OfPixels)),
        Just(Interpolation::Linear(Corners::Aligned)),
    ]
}

fn factor() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 0.1..4.0f64, 1 => prop_oneof![
        Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(0.0), Just(f64::MIN_POSITIVE), Just(1e18), Just(1e300),
    ]]
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(0usize..6, 0..6),
        [0usize..4, 1usize..9, 1usize..9, 1usize..5].prop_map(Vec::from),
        [0usize..4, 1usize..9, 1usize..5].prop_map(Vec::from),
    ]
}

/// Runs a layer, if there is one, forward and backward on a small input and on its shape alone.
fn exercise<L: Forward>(layer: cnn_layers::Result<L>, shape: &[usize]) {
    let _bounded = bounded(1 << 22);
    let Ok(layer) = layer else { return };
    let mut cx = Ctx::new(Recording::Gradients, Mode::Train, Key::new(1));
    let x = cx.variable(Tensor::full(shape, 0.5, DType::F32).unwrap());
    if let Ok(loss) = layer.call(x, &mut cx).and_then(|y| Ok(y.mean()?)) {
        let _ = cx.backward(loss);
    }
    let mut cx = Ctx::trace(Mode::Train);
    let x = cx.input(Tensor::shape_only(shape, DType::F32).unwrap());
    if let Ok(y) = layer.call(x, &mut cx) {
        let _ = cx.graph(&[&y]);
    }
}

proptest! {
    #[test]
    fn convolutions_never_panic(
        channels in pair(), kernel in pair(), stride in pair(), dilation in pair(), groups in size(),
        (same, sides, ends, mode) in (same(), sides(), ends(), mode()),
        shape in shape(),
    ) {
        let _bounded = bounded(1 << 22);
        let key = Key::new(1);
        let conv2d = Conv2d::builder(channels[0], channels[1], kernel).stride(stride).dilation(dilation);
        let conv2d = conv2d.groups(groups).padding_mode(mode);
        exercise(conv2d.padding(sides).build(key), &shape);
        exercise(conv2d.padding(same).build(key), &shape);
        let conv1d = Conv1d::builder(channels[0], channels[1], kernel[0]).stride(stride[0]).dilation(dilation[0]);
        let conv1d = conv1d.groups(groups).padding_mode(mode);
        exercise(conv1d.padding(ends).build(key), &shape);
        exercise(conv1d.padding(same).build(key), &shape);
    }

    #[test]
    fn transposed_convolutions_never_panic(
        channels in pair(), kernel in pair(), stride in pair(), dilation in pair(), groups in size(),
        (sides, ends, output_padding) in (sides(), ends(), pair()),
        shape in shape(),
    ) {
        let _bounded = bounded(1 << 22);
        let key = Key::new(1);
        let output_padding = output_padding.map(|size| size.saturating_sub(1));
        let images = ConvTranspose2d::builder(channels[0], channels[1], kernel).stride(stride).dilation(dilation);
        exercise(images.groups(groups).padding(sides).output_padding(output_padding).build(key), &shape);
        let sequences = ConvTranspose1d::builder(channels[0], channels[1], kernel[0]).stride(stride[0]);
        let sequences = sequences.dilation(dilation[0]).groups(groups).padding(ends);
        exercise(sequences.output_padding(output_padding[0]).build(key), &shape);
    }

    #[test]
    fn poolings_never_panic(
        kernel in pair(), stride in pair(), dilation in pair(), output in pair(),
        (same, ends, ceil) in (same(), ends(), any::<bool>()),
        shape in shape(),
    ) {
        let _bounded = bounded(1 << 22);
        let rounding = if ceil { Rounding::Ceil } else { Rounding::Floor };
        exercise(MaxPool2d::builder(kernel).stride(stride).dilation(dilation).padding(same).build(), &shape);
        exercise(AvgPool2d::builder(kernel).stride(stride).padding(same).rounding(rounding).build(), &shape);
        let max = MaxPool1d::builder(kernel[0]).stride(stride[0]).dilation(dilation[0]).rounding(rounding);
        exercise(max.padding(ends).build(), &shape);
        exercise(max.padding(same).build(), &shape);
        let average = AvgPool1d::builder(kernel[0]).stride(stride[0]).rounding(rounding);
        exercise(average.padding(ends).build(), &shape);
        exercise(AdaptiveAvgPool2d::new(output), &shape);
        exercise(AdaptiveMaxPool2d::new(output), &shape);
        exercise(AdaptiveAvgPool1d::new(output[0]), &shape);
        exercise(AdaptiveMaxPool1d::new(output[0]), &shape);
        exercise(Ok(GlobalMaxPool2d), &shape);
    }

    #[test]
    fn what_moves_pixels_never_panics(
        (sides, ends, mode, target) in (sides(), ends(), mode(), pair()),
        (factors, way, number) in ([factor(), factor()], interpolation(), size()),
        shape in shape(),
    ) {
        let _bounded = bounded(1 << 22);
        exercise(Ok(Pad2d::new(sides, mode)), &shape);
        exercise(Ok(Pad1d::new(ends, mode)), &shape);
        exercise(Ok(Crop::new(sides)), &shape);
        exercise(Crop::center(target), &shape);
        exercise(Upsample::to(target, way), &shape);
        exercise(Upsample::by(factors, way), &shape);
        exercise(PixelShuffle::new(number), &shape);
        exercise(PixelUnshuffle::new(number), &shape);
        exercise(ChannelShuffle::new(number), &shape);
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused_at_construction() {
    fn message<L>(result: cnn_layers::Result<L>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }
    let key = Key::new(1);
    assert_eq!(message(Conv1d::new(1, 1, 0, key)), "Conv1d: kernel is 0, expected 1 or more");
    let grouped = ConvTranspose2d::builder(4, 6, 3).groups(4).build(key);
    assert_eq!(message(grouped), "ConvTranspose2d: out_channels is 6, expected a multiple of the 4 groups");
    let padded = ConvTranspose2d::builder(4, 6, 3).stride([2, 3]).output_padding(2).build(key);
    assert!(message(padded).contains("output_padding is 2, expected less than the stride or the dilation"));
    assert_eq!(
        message(ConvTranspose1d::new(2, 0, 3, key)),
        "ConvTranspose1d: out_channels is 0, expected 1 or more"
    );
    assert_eq!(message(MaxPool1d::new(0)), "MaxPool1d: kernel is 0, expected 1 or more");
    assert!(message(AvgPool1d::builder(2).padding(2).build()).contains("padding"));
    assert_eq!(
        message(AdaptiveMaxPool2d::new([2, 0])),
        "AdaptiveMaxPool2d: output is [2, 0], expected 1 or more"
    );
    assert_eq!(
        message(Upsample::to(0, Interpolation::Nearest)),
        "Upsample: size is [0, 0], expected 1 or more"
    );
    assert!(message(Upsample::by(f64::NAN, Interpolation::Nearest)).contains("factor is NaN"));
    assert!(message(PixelShuffle::new(0)).contains("factor is 0"));
    assert!(message(ChannelShuffle::new(0)).contains("groups is 0"));
    assert_eq!(message(Crop::center([0, 3])), "Crop: size is [0, 3], expected 1 or more");
}

#[test]
fn rows_of_a_crop_do_not_count_for_sequences() {
    let _bounded = bounded(1 << 22);
    let x = Tensor::from_slice(&[1, 8, 1], &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
    let sides = Padding2d { top: 9, bottom: 1, left: 2, right: 3 };
    let rows = [
        (Crop::center(4).unwrap(), &[2.0f32, 3.0, 4.0, 5.0][..]),
        (Crop::center([100, 4]).unwrap(), &[2.0, 3.0, 4.0, 5.0]),
        (Crop::new(2), &[2.0, 3.0, 4.0, 5.0]),
        (Crop::new(sides), &[2.0, 3.0, 4.0]),
    ];
    for (crop, expected) in rows {
        let mut cx = Ctx::inference();
        let y = crop.call(Var::constant(x.clone()), &mut cx).unwrap();
        assert_eq!(y.shape(), [1, expected.len(), 1]);
        assert_eq!(y.value().to_vec::<f32>().unwrap(), expected);
    }
}

#[test]
fn an_error_names_the_layer_the_operation_and_what_was_met() {
    let _bounded = bounded(1 << 22);
    let mut cx = Ctx::inference();
    let x = cx.input(Tensor::zeros(&[1, 3, 3, 2], DType::F32).unwrap());
    let layers = cnn_layers::Sequential::new().then(Pad2d::new(3, PaddingMode::Reflect));
    let error = layers.call(x, &mut cx).unwrap_err().to_string();
    let expected = "0: pad: padding is 3 (reflect of an axis of 3), expected less than the size of the input";
    assert_eq!(error, expected);
}
