//! Arrays as NumPy keeps them: shapes, types, archives, and what is wrong with them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use cnn_data::sources::Arrays;
use cnn_data::{Dataset, Error, Pixels, Size, Split, Target};
use cnn_tensor::{Tensor, npy};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn tensor<E: cnn_tensor::Element>(shape: &[usize], elements: &[E]) -> Tensor {
    Tensor::from_slice(shape, elements).unwrap()
}

fn packed(members: &[(&str, &Tensor)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, tensor) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(&npy::to_bytes(tensor).unwrap()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The archive as a file, and a split of it.
fn open(bytes: &[u8], split: Split) -> cnn_data::Result<Arrays> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Arrays::open(file.path(), split)
}

fn problem(images: Tensor, labels: &Tensor) -> String {
    let error = Arrays::new(images, labels, Path::new("x.npz")).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    error.to_string()
}

fn targets(arrays: &Arrays) -> Vec<Target> {
    (0..arrays.len()).map(|index| arrays.target(index).unwrap()).collect()
}

#[test]
fn splits_of_an_archive_are_read_stored_or_deflated() {
    let train = tensor(&[2, 1, 2, 3], &[1u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let train_labels = tensor(&[2, 1], &[2u8, 0]);
    let validation = tensor(&[1, 2, 1], &[300u16, 65_535]);
    let validation_labels = tensor(&[1], &[1i64]);
    let members = [
        ("train_images.npy", &train),
        ("train_labels.npy", &train_labels),
        ("val_images.npy", &validation),
        ("val_labels.npy", &validation_labels),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let bytes = packed(&members, method);
        let opened = open(&bytes, Split::Train).unwrap();
        assert_eq!(targets(&opened), [Target::Class(2), Target::Class(0)]);
        assert_eq!(opened.classes().unwrap().names(), ["0", "1", "2"]);
        let image = opened.get(1).unwrap().image;
        assert_eq!((image.size(), image.channels()), (Size::new(1, 2), 3));
        assert_eq!(image.pixels(), &Pixels::U8(vec![7, 8, 9, 10, 11, 12]));
        let deep = open(&bytes, Split::Validation).unwrap();
        assert_eq!(deep.get(0).unwrap().image.pixels(), &Pixels::U16(vec![300, 65_535]));
        assert!(deep.get(1).is_err() && deep.target(1).is_err());
        let bound = deep.bind(opened.classes().unwrap(), "x").unwrap();
        assert_eq!((bound.target(0).unwrap(), bound.classes().unwrap().len()), (Target::Class(1), 3));
        let error = opened.bind(&cnn_data::Classes::sorted(["0", "1"]).unwrap(), "x").unwrap_err();
        assert!(matches!(&error, Error::UnknownClass { names, .. } if names == &["2"]), "{error}");
        assert!(matches!(open(&bytes, Split::Test), Err(Error::NoSplit { .. })));
    }
}

#[test]
fn rows_of_zero_and_one_are_several_classes_and_fractions_are_numbers() {
    let images = || tensor(&[2, 1, 1], &[0u8, 0]);
    let several = Arrays::new(images(), &tensor(&[2, 3], &[1u8, 0, 1, 0, 0, 0]), Path::new("x")).unwrap();
    assert_eq!(targets(&several), [Target::Classes(vec![0, 2]), Target::Classes(vec![])]);
    assert_eq!(several.classes().unwrap().len(), 3);
    let numbers = Arrays::new(images(), &tensor(&[2, 1], &[0.5f64, -1.0]), Path::new("x")).unwrap();
    assert_eq!(targets(&numbers), [Target::Numbers(vec![0.5]), Target::Numbers(vec![-1.0])]);
    assert!(numbers.classes().is_none());
}

#[test]
fn shapes_types_and_labels_that_cannot_be_meant_are_named() {
    let images = || tensor(&[2, 1, 1], &[0u8, 0]);
    let labels = tensor(&[2], &[0u8, 1]);
    for (message, expected) in [
        (
            problem(tensor(&[2, 1], &[0u8, 0]), &labels),
            "pictures have shape [2, 1], expected [n, height, width]",
        ),
        (problem(tensor(&[2, 1, 1], &[0.0f32, 0.0]), &labels), "of type f32, expected u8 or u16"),
        (problem(tensor::<u8>(&[0, 1, 1], &[]), &tensor::<u8>(&[0], &[])), "there are none"),
        (problem(images(), &tensor(&[3], &[0u8; 3])), "labels have shape [3] for 2 pictures"),
        (
            problem(images(), &tensor(&[2], &[0i32, -1])),
            "label -1 of picture 1, expected a whole number from 0 to",
        ),
        (
            problem(images(), &tensor(&[2], &[0i64, i64::MAX])),
            "of picture 1, expected a whole number from 0 to 99999",
        ),
        (
            problem(images(), &tensor(&[2, 2], &[0u8, 1, 2, 0])),
            "label 2 of picture 1, expected a whole number from 0 to 1",
        ),
        (
            problem(images(), &tensor(&[2], &[0.0f32, f32::NAN])),
            "label NaN of picture 1, expected a finite number",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn archives_cut_short_altered_or_without_labels_are_errors() {
    let images = tensor(&[1, 20, 20], &[5u8; 400]);
    let labels = tensor(&[1], &[0u8]);
    let whole =
        packed(&[("train_images.npy", &images), ("train_labels.npy", &labels)], CompressionMethod::Deflated);
    assert!(open(&whole, Split::Train).is_ok());
    for len in 0..whole.len() {
        assert!(open(&whole[..len], Split::Train).is_err(), "{len} of {} bytes", whole.len());
    }
    let alone = packed(&[("train_images.npy", &images)], CompressionMethod::Stored);
    let message = open(&alone, Split::Train).unwrap_err().to_string();
    assert!(message.ends_with("train_labels.npy: is not in the archive"), "{message}");
    // The size that the central directory says of the first member, 24 bytes behind its signature.
    let directory = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let mut lying = whole.clone();
    lying[directory + 24..][..4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    let message = open(&lying, Split::Train).unwrap_err().to_string();
    assert!(message.contains("its header says 2147483647 bytes, more than"), "{message}");
    // Its check sum.
    let mut altered = whole.clone();
    altered[directory + 16] ^= 1;
    assert!(open(&altered, Split::Train).unwrap_err().to_string().contains("cannot be unpacked"));
    let message = open(b"nothing", Split::Train).unwrap_err().to_string();
    assert!(message.contains("is no whole `.npz` archive"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn altered_archives_never_panic(at in any::<prop::sample::Index>(), by in 1u8.., rest in any::<[u8; 30]>()) {
        let images = tensor(&[1, 2, 2], &[5u8; 4]);
        let labels = tensor(&[1], &[0u8]);
        let members = [("train_images.npy", &images), ("train_labels.npy", &labels)];
        let mut bytes = packed(&members, CompressionMethod::Stored);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        let _ = open(&bytes, Split::Train);
        let _ = open(&rest, Split::Train);
    }
}
