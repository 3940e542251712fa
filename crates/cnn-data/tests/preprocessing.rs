//! A picture becomes the model's input by what the model file records, whatever its size, depth and colours.

use cnn_data::{Image, Preprocessing, ResizeMode, Size};

fn numbers(preprocessing: &Preprocessing, image: &Image) -> Vec<f32> {
    preprocessing.apply(image).unwrap().to_vec().unwrap()
}

fn close(met: &[f32], expected: &[f32]) -> bool {
    met.len() == expected.len()
        && met.iter().zip(expected).all(|(met, expected)| (met - expected).abs() < 1e-6)
}

#[test]
fn levels_become_normalised_numbers_by_channel() {
    let preprocessing = Preprocessing::new(Size::new(1, 2), 3).unwrap();
    let preprocessing = preprocessing.normalize(&[0.0, 0.5, 1.0], &[1.0, 0.5, 2.0]).unwrap();
    let image = Image::from_u8(Size::new(1, 2), 3, vec![0, 0, 0, 255, 255, 51]).unwrap();
    assert!(close(&numbers(&preprocessing, &image), &[0.0, -1.0, -0.5, 1.0, 1.0, -0.4]));
}

#[test]
fn sixteen_bits_are_scaled_by_their_own_white() {
    let preprocessing = Preprocessing::new(Size::new(1, 3), 1).unwrap();
    let image = Image::from_u16(Size::new(1, 3), 1, vec![0, 13107, 65535]).unwrap();
    assert!(close(&numbers(&preprocessing, &image), &[0.0, 0.2, 1.0]));
}

#[test]
fn colour_becomes_grey_and_grey_becomes_colour() {
    let grey = Preprocessing::new(Size::new(1, 1), 1).unwrap();
    let red = Image::from_u8(Size::new(1, 1), 3, vec![255, 0, 0]).unwrap();
    assert!(close(&numbers(&grey, &red), &[76.0 / 255.0]));
    let colour = Preprocessing::new(Size::new(1, 1), 3).unwrap();
    let half = Image::from_u8(Size::new(1, 1), 1, vec![102]).unwrap();
    assert!(close(&numbers(&colour, &half), &[0.4; 3]));
}

#[test]
fn other_numbers_of_channels_pass_only_where_they_are_the_models() {
    let five = Preprocessing::new(Size::new(2, 2), 5).unwrap();
    let image = Image::from_u8(Size::new(1, 1), 5, vec![0, 51, 102, 153, 204]).unwrap();
    assert!(close(&numbers(&five, &image), &[0.0, 0.2, 0.4, 0.6, 0.8].repeat(4)));
    let message = Preprocessing::new(Size::new(1, 1), 3).unwrap().apply(&image).unwrap_err().to_string();
    assert_eq!(message, "channels: an image of 5 channels where 3 are expected; only 1 and 3 convert");
}

#[test]
fn dark_ink_on_white_paper_is_not_inverted() {
    let preprocessing = Preprocessing::new(Size::new(2, 2), 1).unwrap();
    let paper = Image::from_u8(Size::new(4, 4), 3, vec![255; 48]).unwrap();
    assert!(close(&numbers(&preprocessing, &paper), &[1.0; 4]));
}

#[test]
fn the_record_reads_back_as_it_was_written() {
    let preprocessing = Preprocessing::new(Size::new(28, 30), 1)
        .unwrap()
        .resize_mode(ResizeMode::CenterCrop)
        .normalize(&[0.13], &[0.31])
        .unwrap();
    let text = serde_json::to_string(&preprocessing).unwrap();
    let expected = r#"{"height":28,"width":30,"channels":1,"resize":"center-crop","fill":0.0,"mean":[0.13],"std":[0.31]}"#;
    assert_eq!(text, expected);
    assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), preprocessing);
}

#[test]
fn a_record_that_cannot_be_right_is_refused() {
    let good = r#"{"height":28,"width":30,"channels":1,"resize":"stretch","mean":[0.1],"std":[0.3]}"#;
    assert!(serde_json::from_str::<Preprocessing>(good).is_ok());
    for (from, to) in [
        ("28", "0"),
        ("28", "99999999999"),
        ("\"channels\":1", "\"channels\":3"),
        ("\"mean\":[0.1]", "\"mean\":[]"),
        ("\"std\":[0.3]", "\"std\":[0.0]"),
        ("\"std\":[0.3]", "\"std\":[0.3,0.3]"),
        ("stretch", "squash"),
        ("\"mean\"", "\"colour\":1,\"mean\""),
    ] {
        let text = good.replacen(from, to, 1);
        assert!(serde_json::from_str::<Preprocessing>(&text).is_err(), "{text}");
    }
    assert!(Preprocessing::new(Size::new(1, 1), usize::MAX).is_err());
    assert!(Preprocessing::new(Size::new(1, 1), 0).is_err());
}
