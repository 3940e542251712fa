//! Resizing against Pillow: `fixtures/decode.py` writes what its `resize` makes of five pictures.

use std::path::PathBuf;

use cnn_data::{Image, Pixels, Preprocessing, Resize, ResizeFilter, ResizeMode, Size};
use safetensors::{Dtype, SafeTensors};

fn fixture() -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/decode.safetensors"))
        .unwrap()
}

fn picture(tensors: &SafeTensors<'_>, key: &str) -> Image {
    let view = tensors.tensor(key).unwrap();
    let &[height, width, channels] = view.shape() else { panic!("{key} is no picture") };
    let pixels = match view.dtype() {
        Dtype::U8 => Pixels::U8(view.data().to_vec()),
        Dtype::U16 => {
            Pixels::U16(view.data().as_chunks().0.iter().map(|&level| u16::from_le_bytes(level)).collect())
        }
        other => panic!("{key} is of type {other:?}"),
    };
    Image::new(Size::new(height, width), channels, pixels).unwrap()
}

fn filter(name: &str) -> ResizeFilter {
    serde_json::from_str(&format!("{name:?}")).unwrap()
}

#[test]
fn every_filter_equals_pillows_rows_and_then_columns_exactly_on_eight_and_sixteen_bits() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut rows = 0;
    for key in tensors.names() {
        let parts: Vec<&str> = key.split('/').collect();
        let &["resize", name, chosen, _] = &parts[..] else { continue };
        let (source, expected) = (picture(&tensors, &format!("source/{name}")), picture(&tensors, key));
        let resize = Resize::new(expected.size(), ResizeMode::Stretch).interpolation(filter(chosen));
        assert!(resize.resize(&source).unwrap() == expected, "{key}");
        rows += 1;
    }
    assert_eq!(rows, 5 * 3 * 9);
}

#[test]
fn a_letterboxed_and_a_centre_cropped_picture_are_pillows_of_their_part() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for name in ["bilinear", "bicubic"] {
        let (source, resized) =
            (picture(&tensors, "source/grey"), picture(&tensors, &format!("resize/grey/{name}/32,42")));
        // 16x21 to twice its size, with five rows of white above and below.
        let resize = Resize { fill: 1.0, ..Resize::new(Size::new(42, 42), ResizeMode::Letterbox) };
        let boxed = resize.interpolation(filter(name)).resize(&source).unwrap();
        let (Pixels::U8(boxed), Pixels::U8(resized)) = (boxed.pixels(), resized.pixels()) else {
            panic!("8 bits stay 8 bits")
        };
        assert!(boxed[5 * 42..37 * 42] == resized[..], "{name}");
        assert!(boxed[..5 * 42].iter().chain(&boxed[37 * 42..]).all(|&level| level == 255), "{name}");
        // Two more columns on each side, and no others.
        let Pixels::U8(levels) = source.pixels() else { panic!("8 bits stay 8 bits") };
        let wider = levels.chunks_exact(21).flat_map(|row| [&[9, 9], row, &[9, 9]].concat()).collect();
        let wider = Image::from_u8(Size::new(16, 25), 1, wider).unwrap();
        let resize = Resize::new(Size::new(32, 42), ResizeMode::CenterCrop).interpolation(filter(name));
        let cropped = resize.resize(&wider).unwrap();
        assert!(cropped.pixels() == &Pixels::U8(resized.clone()), "{name}");
    }
}

#[test]
fn many_channels_are_resized_as_each_of_them_alone() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let grey = picture(&tensors, "source/grey");
    let Pixels::U8(levels) = grey.pixels() else { panic!("8 bits stay 8 bits") };
    for channels in [2, 5, 7] {
        let many = levels.iter().flat_map(|&level| std::iter::repeat_n(level, channels)).collect();
        let many = Image::from_u8(grey.size(), channels, many).unwrap();
        for chosen in [ResizeFilter::Nearest, ResizeFilter::Bilinear, ResizeFilter::Bicubic] {
            let resize = Resize::new(Size::new(17, 60), ResizeMode::Stretch).interpolation(chosen);
            let (one, many) = (resize.resize(&grey).unwrap(), resize.resize(&many).unwrap());
            let (Pixels::U8(one), Pixels::U8(many)) = (one.pixels(), many.pixels()) else {
                panic!("8 bits stay 8 bits")
            };
            assert!(
                many.chunks_exact(channels).zip(one).all(|(many, one)| many.iter().all(|level| level == one))
            );
        }
    }
}

#[test]
fn a_long_line_is_resized_in_the_order_that_needs_little_memory() {
    let line: Vec<u8> = (0..60_000).map(|at| (at % 251) as u8).collect();
    for size in [Size::new(60_000, 1), Size::new(1, 60_000)] {
        let line = Image::from_u8(size, 1, line.clone()).unwrap();
        for chosen in [ResizeFilter::Nearest, ResizeFilter::Bilinear, ResizeFilter::Bicubic] {
            let resize = Resize::new(Size::new(300, 400), ResizeMode::Stretch).interpolation(chosen);
            let Pixels::U8(levels) = resize.resize(&line).unwrap().pixels().clone() else {
                panic!("8 bits stay 8 bits")
            };
            // A mean over 150 or 200 levels of 0 to 250 is near the middle.
            assert!(chosen == ResizeFilter::Nearest || levels.iter().all(|level| (60..190).contains(level)));
        }
    }
}

#[test]
fn a_configuration_from_before_the_choice_of_filter_reads_as_bilinear_and_stays_as_it_is() {
    let old =
        r#"{"height":28,"width":28,"channels":1,"resize":"letterbox","fill":0.0,"mean":[0.0],"std":[1.0]}"#;
    let preprocessing: Preprocessing = serde_json::from_str(old).unwrap();
    assert_eq!(preprocessing.filter(), ResizeFilter::Bilinear);
    assert_eq!(serde_json::to_string(&preprocessing).unwrap(), old);
    let bicubic = preprocessing.interpolation(ResizeFilter::Bicubic);
    let text = serde_json::to_string(&bicubic).unwrap();
    assert!(text.contains(r#""interpolation":"bicubic""#), "{text}");
    assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), bicubic);
    let resize: Resize = serde_json::from_str(r#"{"size":{"height":2,"width":3},"mode":"stretch"}"#).unwrap();
    assert_eq!(resize, Resize::new(Size::new(2, 3), ResizeMode::Stretch));
}
