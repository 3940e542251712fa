//! Image files of every kind mean what they say, or give one clear error that names the file.

use std::io::Cursor;
use std::path::Path;

use cnn_data::decode::Decoder;
use cnn_data::{Error, Image, Pixels, Result, Size};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use proptest::prelude::*;

fn decode(bytes: &[u8]) -> Result<Image> {
    Decoder::default().decode(bytes, Path::new("a.png"))
}

fn problem(bytes: &[u8]) -> String {
    let error = decode(bytes).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }));
    let inspected = Decoder::default().inspect(bytes, Path::new("a.png")).unwrap_err();
    assert_eq!(error.to_string(), inspected.to_string());
    error.to_string()
}

fn png(width: u32, height: u32, kind: ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(bytes, width, height, kind).unwrap();
    file
}

fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 3) as u8, (y * 5) as u8, 128]))
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95).encode_image(picture).unwrap();
    file
}

/// A JPEG file with an EXIF segment that holds nothing but an orientation.
fn rotated(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut exif =
        b"\xff\xe1\x00\x22Exif\0\0MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"
            .to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let file = jpeg(picture);
    [&file[..2], &exif, &file[2..]].concat()
}

/// A PNG file from its chunks; the check sums are right.
fn png_of_chunks(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        file.extend((data.len() as u32).to_be_bytes());
        let body = [&kind[..], data].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&body);
        file.extend(body);
        file.extend(sum.sum().to_be_bytes());
    }
    file
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat()
}

#[test]
fn grey_and_colour_of_eight_and_sixteen_bits_stay_what_they_are() {
    let grey = decode(&png(2, 1, ExtendedColorType::L8, &[7, 200])).unwrap();
    assert_eq!(
        (grey.size(), grey.channels(), grey.pixels()),
        (Size::new(1, 2), 1, &Pixels::U8(vec![7, 200]))
    );
    let colour = decode(&png(1, 1, ExtendedColorType::Rgb8, &[1, 2, 3])).unwrap();
    assert_eq!((colour.channels(), colour.pixels()), (3, &Pixels::U8(vec![1, 2, 3])));
    let mut file = Vec::new();
    JpegEncoder::new(&mut file).encode(&[90; 64], 8, 8, ExtendedColorType::L8).unwrap();
    let grey = decode(&file).unwrap();
    assert_eq!((grey.channels(), grey.pixels()), (1, &Pixels::U8(vec![90; 64])));
    let deep: Vec<u8> = [513u16, 65535].iter().flat_map(|level| level.to_ne_bytes()).collect();
    let deep = decode(&png(1, 2, ExtendedColorType::L16, &deep)).unwrap();
    assert_eq!((deep.size(), deep.pixels()), (Size::new(2, 1), &Pixels::U16(vec![513, 65535])));
}

#[test]
fn alpha_is_composited_on_the_stated_background() {
    let file = png(3, 1, ExtendedColorType::Rgba8, &[10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51]);
    assert_eq!(decode(&file).unwrap().pixels(), &Pixels::U8(vec![10, 20, 30, 255, 255, 255, 204, 204, 204]));
    let black = Decoder { background: [0, 0, 0], ..Decoder::default() };
    let image = black.decode(&file, Path::new("a.png")).unwrap();
    assert_eq!(image.pixels(), &Pixels::U8(vec![10, 20, 30, 0, 0, 0, 0, 0, 0]));
    let grey = decode(&png(2, 1, ExtendedColorType::La8, &[10, 255, 10, 0])).unwrap();
    assert_eq!((grey.channels(), grey.pixels()), (1, &Pixels::U8(vec![10, 255])));
    let deep: Vec<u8> = [9u16, 9, 9, 0].iter().flat_map(|level| level.to_ne_bytes()).collect();
    let deep = decode(&png(1, 1, ExtendedColorType::Rgba16, &deep)).unwrap();
    assert_eq!(deep.pixels(), &Pixels::U16(vec![65535; 3]));
}

#[test]
fn palettes_are_looked_up_and_single_bits_become_black_and_white() {
    let palette = png_of_chunks(&[
        (b"IHDR", &header(2, 1, 8, 3)),
        (b"PLTE", &[9, 8, 7, 100, 150, 200]),
        (b"IDAT", &deflate(&[0, 1, 0])),
        (b"IEND", &[]),
    ]);
    assert_eq!(decode(&palette).unwrap().pixels(), &Pixels::U8(vec![100, 150, 200, 9, 8, 7]));
    let bits = png_of_chunks(&[
        (b"IHDR", &header(4, 1, 1, 0)),
        (b"IDAT", &deflate(&[0, 0b1010_0000])),
        (b"IEND", &[]),
    ]);
    let bits = decode(&bits).unwrap();
    assert_eq!((bits.channels(), bits.pixels()), (1, &Pixels::U8(vec![255, 0, 255, 0])));
}

#[test]
fn the_cameras_orientation_is_applied() {
    let picture =
        RgbImage::from_fn(32, 16, |x, _| if x < 16 { image::Rgb([255; 3]) } else { image::Rgb([0; 3]) });
    let bright = |image: &Image, row: usize, column: usize| {
        let Pixels::U8(levels) = image.pixels() else { panic!("8 bits") };
        levels[(row * image.width() + column) * 3] > 128
    };
    let upright = decode(&rotated(&picture, 1)).unwrap();
    assert_eq!(upright.size(), Size::new(16, 32));
    assert!(bright(&upright, 8, 4) && !bright(&upright, 8, 28));
    // Orientation 6: the camera was turned, so the picture is to be turned a quarter clockwise.
    let turned = decode(&rotated(&picture, 6)).unwrap();
    assert_eq!(turned.size(), Size::new(32, 16));
    assert!(bright(&turned, 4, 8) && !bright(&turned, 28, 8));
    let half = decode(&rotated(&picture, 3)).unwrap();
    assert!(!bright(&half, 8, 4) && bright(&half, 8, 28));
}

#[test]
fn formats_are_told_by_content() {
    let file = jpeg(&gradient(8, 8));
    assert_eq!(Decoder::default().decode(&file, Path::new("lie.png")).unwrap().size(), Size::new(8, 8));
    assert_eq!(problem(b""), "a.png: the file is empty");
    assert_eq!(problem(b"hello"), "a.png: is no PNG or JPEG image");
    assert_eq!(
        problem(b"GIF89a......"),
        "a.png: is a GIF file; PNG and JPEG can be read, so convert it first"
    );
}

#[test]
fn a_file_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let picture = gradient(40, 30);
    let mut png_file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png_file), ImageFormat::Png).unwrap();
    for file in [jpeg(&picture), rotated(&picture, 6), png_file] {
        assert!(decode(&file).is_ok());
        for len in 0..file.len() {
            assert!(decode(&file[..len]).is_err(), "{len} of {} bytes", file.len());
        }
    }
    let cut = jpeg(&picture);
    let expected = "a.png: the JPEG data ends before its end marker: the file is cut short";
    assert_eq!(problem(&cut[..cut.len() - 2]), expected);
}

#[test]
fn enormous_pictures_are_refused_by_their_header() {
    let claims = |width, height| {
        png_of_chunks(&[
            (b"IHDR", &header(width, height, 8, 2)),
            (b"IDAT", &deflate(&[0; 100])),
            (b"IEND", &[]),
        ])
    };
    let expected = "a.png: 100000x100000 is 10000000000 pixels, more than the limit of 134217728";
    assert_eq!(problem(&claims(100_000, 100_000)), expected);
    assert!(problem(&claims(10_000, 10_000)).contains("10000x10000 pixels, which cannot be in a file of"));
    let small = Decoder { most_pixels: 99, ..Decoder::default() };
    let message = small.decode(&jpeg(&gradient(10, 10)), Path::new("b.jpg")).unwrap_err().to_string();
    assert_eq!(message, "b.jpg: 10x10 is 100 pixels, more than the limit of 99");
}

#[test]
fn a_damaged_png_is_an_error() {
    let mut file =
        png(20, 20, ExtendedColorType::L8, &(0..400).map(|at| (at * 37 % 251) as u8).collect::<Vec<_>>());
    let middle = file.len() / 2;
    file[middle] ^= 0x55;
    assert!(decode(&file).unwrap_err().to_string().starts_with("a.png: cannot be decoded: "));
}

#[test]
fn a_file_that_is_not_there_or_too_large_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    let message = Decoder::default().open(&path).unwrap_err().to_string();
    assert!(message.starts_with("cannot read ") && message.contains("x.jpg"), "{message}");
    std::fs::write(&path, jpeg(&gradient(20, 20))).unwrap();
    assert!(Decoder::default().open(&path).is_ok());
    let small = Decoder { most_file_bytes: 10, ..Decoder::default() };
    assert!(
        small.open(&path).unwrap_err().to_string().ends_with("the file is larger than the limit of 10 bytes")
    );
}

/// How files begin: PNG, JPEG, a JPEG frame header, and nothing that is known.
const SIGNATURES: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\x00\x0b", b""];

proptest! {
    #[test]
    fn arbitrary_bytes_after_a_signature_never_panic(
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        signature in prop::sample::select(SIGNATURES.to_vec()),
    ) {
        let mut bytes = signature.to_vec();
        bytes.extend(rest);
        let _ = decode(&bytes);
        bytes.extend(b"\xff\xd9");
        let _ = decode(&bytes);
    }

    #[test]
    fn damaged_files_never_panic(
        is_jpeg in any::<bool>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let picture = gradient(33, 17);
        let mut file = if is_jpeg { rotated(&picture, 8) } else { png(33, 17, ExtendedColorType::Rgb8, &picture) };
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        if let Ok(image) = decode(&file) {
            prop_assert_eq!(image.pixels().len(), image.height() * image.width() * image.channels());
        }
    }
}
