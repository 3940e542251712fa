//! Image files of every kind mean what they say, or give one clear error that names the file.

use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use cnn_data::decode::{ColorMode, Decoder, ImageFormat};
use cnn_data::{Error, Image, Pixels, Result, Size};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

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
    assert_eq!(problem(b"hello"), "a.png: is no image; JPEG, PNG, BMP, GIF, TIFF, WebP and PNM can be read");
    assert_eq!(
        problem(b"\x00\x00\x00\x20ftypavif...."),
        "a.png: is an image of the format AVIF; JPEG, PNG, BMP, GIF, TIFF, WebP and PNM can be read, so convert it first"
    );
}

#[test]
fn a_file_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let picture = gradient(40, 30);
    let mut png_file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png_file), image::ImageFormat::Png).unwrap();
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

fn fixture() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/decode.safetensors");
    std::fs::read(path).unwrap()
}

/// The files of the fixture, by name.
fn files(tensors: &SafeTensors<'_>) -> Vec<(String, Vec<u8>)> {
    let names = tensors.names().into_iter().filter_map(|key| key.strip_prefix("file/"));
    let file = |name: &str| tensors.tensor(&format!("file/{name}")).unwrap().data().to_vec();
    names.map(|name| (name.to_owned(), file(name))).collect()
}

/// The pixels that Pillow reads.
fn pillows(tensors: &SafeTensors<'_>, name: &str) -> Image {
    let view = tensors.tensor(&format!("pixels/{name}")).unwrap();
    let &[height, width, channels] = view.shape() else { panic!("{name} is no picture") };
    let pixels = match view.dtype() {
        Dtype::U8 => Pixels::U8(view.data().to_vec()),
        _ => Pixels::U16(view.data().as_chunks().0.iter().map(|&level| u16::from_le_bytes(level)).collect()),
    };
    Image::new(Size::new(height, width), channels, pixels).unwrap()
}

/// The most by which a sample of a JPEG differs from libjpeg-turbo's: 1 or 2 come from the rounding of the inverse
/// transform, the rest from that of colours of half the resolution. WebP differs nowhere.
const MOST_OFF: u8 = 3;

#[test]
fn lossless_files_equal_pillow_exactly_and_lossy_ones_nearly() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (mut exact, mut lossy) = (0, 0);
    for (name, file) in files(&tensors) {
        let expected = pillows(&tensors, &name);
        let met = Decoder::default().decode(&file, Path::new(&name)).unwrap();
        let kind = (met.size(), met.channels());
        assert_eq!(kind, (expected.size(), expected.channels()), "{name}");
        let info = Decoder::default().inspect(&file, Path::new(&name)).unwrap();
        assert_eq!(info.upright_size(), met.size(), "{name}");
        if !name.contains("jp") && !name.starts_with("lossy") {
            assert!(met == expected, "{name}");
            exact += 1;
            continue;
        }
        let (Pixels::U8(met), Pixels::U8(expected)) = (met.pixels(), expected.pixels()) else {
            panic!("8 bits stay 8 bits")
        };
        let off: Vec<u8> = met.iter().zip(expected).map(|(met, expected)| met.abs_diff(*expected)).collect();
        let mean = off.iter().map(|&off| f64::from(off)).sum::<f64>() / off.len() as f64;
        let within = off.iter().filter(|&&off| off <= 2).count() as f64 / off.len() as f64;
        let most = off.into_iter().max().unwrap();
        assert!(mean < 0.5 && within >= 0.995, "{name}: mean {mean}, {within} within 2");
        assert!(most <= MOST_OFF, "{name}: {most}");
        lossy += 1;
    }
    assert!(exact >= 50 && lossy >= 18, "{exact} exact, {lossy} lossy");
}

#[test]
fn a_file_of_any_format_that_is_cut_is_an_error_wherever_it_is_cut() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, file) in files(&tensors) {
        // In text, the last number of a file may have lost digits, and the line after it is nothing.
        // Pages after the first are not looked at.
        let whole = match name.as_str() {
            "pages.tif" => 4096,
            name if name.starts_with("text") => file.len() - 4,
            _ => file.len(),
        };
        let places =
            (0..whole.min(200)).chain((200..whole).step_by(37)).chain(whole.saturating_sub(60)..whole);
        for length in places {
            let cut = Decoder::default().decode(&file[..length], Path::new("cut"));
            assert!(cut.is_err(), "{name}: {length} of {} bytes", file.len());
        }
    }
}

#[test]
fn inspection_tells_format_mode_depth_and_orientation() {
    use ColorMode::{Cmyk, Grey, GreyAlpha, Palette, Rgb, Rgba};
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let rows = [
        ("420-90.jpg", Jpeg, Rgb, 8, 1),
        ("progressive.jpg", Jpeg, Rgb, 8, 1),
        ("grey.jpg", Jpeg, Grey, 8, 1),
        ("ycck.jpg", Jpeg, Cmyk, 8, 1),
        ("orientation-7.jpg", Jpeg, Rgb, 8, 7),
        ("bits.png", Png, Grey, 1, 1),
        ("palette-2.png", Png, Palette, 2, 1),
        ("deep-rgba.png", Png, Rgba, 16, 1),
        ("grey-alpha.png", Png, GreyAlpha, 8, 1),
        ("orientation-6.png", Png, Rgb, 8, 6),
        ("palette.bmp", Bmp, Palette, 8, 1),
        // 32 bits, of which the header gives none to opacity.
        ("rgba.bmp", Bmp, Rgb, 8, 1),
        ("animated.gif", Gif, Palette, 8, 1),
        ("bits-fax.tif", Tiff, Grey, 1, 1),
        ("cmyk.tif", Tiff, Cmyk, 8, 1),
        ("deep.tif", Tiff, Grey, 16, 1),
        ("orientation-8.tif", Tiff, Rgb, 8, 8),
        ("lossless-alpha.webp", WebP, Rgba, 8, 1),
        ("lossy.webp", WebP, Rgb, 8, 1),
        ("orientation-5.webp", WebP, Rgb, 8, 5),
        ("bits.pbm.pnm", Pnm, Grey, 1, 1),
        ("deep-rgba.pam.pnm", Pnm, Rgba, 16, 1),
    ];
    for (name, format, mode, depth, orientation) in rows {
        let file = tensors.tensor(&format!("file/{name}")).unwrap();
        let info = Decoder::default().inspect(file.data(), Path::new(name)).unwrap();
        let met = (info.format, info.mode, info.bits, info.orientation.exif());
        assert_eq!(met, (format, mode, depth, orientation), "{name}");
    }
}

#[test]
fn enormous_pictures_of_every_format_are_refused_by_their_header() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let small = Decoder { most_pixels: 40, ..Decoder::default() };
    for (name, file) in files(&tensors) {
        let met = small.decode(&file, Path::new("big"));
        if !name.starts_with("text.pbm") {
            assert!(met.unwrap_err().to_string().ends_with("pixels, more than the limit of 40"), "{name}");
        }
    }
    let claims = [
        // A lossless WebP of 16,384 pixels a side, a BMP of run lengths, a GIF and a PGM of 65,535.
        b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f\xff\xff\xff\x0f\0".to_vec(),
        [
            &b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x00\x20\0\0\x00\x20\0\0\x01\0\x08\0\x01\0\0\0"[..],
            &[0; 20],
            &[0, 1],
        ]
        .concat(),
        b"GIF89a\xff\xff\xff\xff\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b".to_vec(),
        b"P5 65535 2000 255\n\0\0".to_vec(),
    ];
    for claim in claims {
        let message = problem(&claim);
        let refused = ["more than the limit", "which cannot be in a file", "is cut short"];
        assert!(refused.iter().any(|part| message.contains(part)), "{message}");
    }
}

/// A BMP file of 2x2 pixels from its header's last fields and what follows it.
fn bmp(depth: u8, compression: u8, rest: &[u8], pixels: &[u8]) -> Vec<u8> {
    let length = 40 + rest.len() as u8;
    let table = if depth == 8 { &[0, 0, 0, 0, 30, 20, 10, 0][..] } else { &[] };
    let offset = 14 + 40 + (rest.len() + table.len()) as u8;
    let colours = if depth == 8 { 2 } else { 0 };
    let file = [b'B', b'M', 0, 0, 0, 0, 0, 0, 0, 0, offset, 0, 0, 0];
    let fields = [length, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, depth, 0, compression, 0, 0, 0];
    let sizes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, colours, 0, 0, 0, 0, 0, 0, 0];
    [&file[..], &fields, &sizes, rest, table, pixels].concat()
}

#[test]
fn bitmaps_may_have_run_lengths_and_opacity() {
    // Two pixels of colour 1, end of line, colours 0 and 1 one by one, end.
    let codes = [2, 1, 0, 0, 1, 0, 1, 1, 0, 1];
    let runs = bmp(8, 1, &[], &codes);
    let expected = [0, 0, 0, 10, 20, 30, 10, 20, 30, 10, 20, 30];
    assert_eq!(decode(&runs).unwrap().pixels(), &Pixels::U8(expected.to_vec()));
    let cut = bmp(8, 1, &[], &codes[..8]);
    assert_eq!(problem(&cut), "a.png: the BMP data ends before its last row: the file is cut short");
    // Masks of red, green, blue and opacity; the lower row comes first.
    let masks = [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255];
    let pixels = [[9, 8, 7, 255], [9, 8, 7, 0], [1, 2, 3, 255], [0, 0, 0, 51]].concat();
    let file = bmp(32, 3, &masks, &pixels);
    let info = Decoder::default().inspect(&file, Path::new("a")).unwrap();
    assert_eq!(info.mode, ColorMode::Rgba);
    let expected = [3, 2, 1, 204, 204, 204, 7, 8, 9, 255, 255, 255];
    assert_eq!(decode(&file).unwrap().pixels(), &Pixels::U8(expected.to_vec()));
}

#[test]
fn a_picture_whose_codes_end_early_is_an_error() {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    // A GIF whose last block of codes is taken out: everything else is in its place.
    let file = tensors.tensor("file/straight.gif").unwrap().data().to_vec();
    let mut at = 13 + (3 << ((file[10] & 7) + 1));
    while file[at] != 0x2c {
        at += 2;
        while file[at] != 0 {
            at += 1 + usize::from(file[at]);
        }
        at += 1;
    }
    let local = file[at + 9];
    at += 10 + if local & 0x80 == 0 { 0 } else { 3 << ((local & 7) + 1) } + 1;
    let second = at + 1 + usize::from(file[at]);
    let cut = [&file[..second], &[0, 0x3b]].concat();
    assert!(decode(&cut).is_err());
}

/// The files of the fixture, read once.
static DAMAGED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let bytes = fixture();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut files = files(&tensors);
    files.sort();
    files.into_iter().map(|(_, file)| file).collect()
});

/// How files begin: those of every format, a JPEG frame header, and nothing that is known.
const SIGNATURES: [&[u8]; 11] = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xc0\x00\x0b",
    b"",
    b"BM",
    b"GIF89a",
    b"II\x2a\0\x08\0\0\0",
    b"MM\0\x2b\0\x08\0\0",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"P6 3 ",
    b"P7\nWIDTH 3\n",
];

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
    fn damaged_files_of_every_format_never_panic(
        file in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        head in any::<bool>(),
    ) {
        let mut file = file.get(&DAMAGED).clone();
        // Headers are short, and what they say matters more.
        let length = if head { file.len().min(120) } else { file.len() };
        for (at, value) in damage {
            file[at.index(length)] = value;
        }
        // What a damaged header asks for has to stay small, so that the test does.
        let decoder = Decoder { most_pixels: 1 << 20, ..Decoder::default() };
        if let Ok(image) = decoder.decode(&file, Path::new("a")) {
            prop_assert_eq!(image.pixels().len(), image.height() * image.width() * image.channels());
        }
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
