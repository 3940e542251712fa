//! The photometric operations against torchvision on tensors of 8 bits: `fixtures/colour.py` writes what it makes of
//! pictures of odd sizes. Where an operation is exact, so is the comparison.

use std::path::PathBuf;

use cnn_data::transform::functional::{self, Operation};
use cnn_data::transform::{Augmentation, Pipeline, Sampling, Transform};
use cnn_data::{Image, Pixels, Result, Sample, Size, Target};
use cnn_tensor::random::Key;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn stored() -> Vec<u8> {
    std::fs::read(folder().join("colour/torchvision.safetensors")).unwrap()
}

fn picture(tensors: &SafeTensors<'_>, key: &str) -> Image {
    let view = tensors.tensor(key).unwrap();
    let &[height, width, channels] = view.shape() else { panic!("{key} is no picture") };
    Image::from_u8(Size::new(height, width), channels, view.data().to_vec()).unwrap()
}

fn levels(image: &Image) -> &[u8] {
    match image.pixels() {
        Pixels::U8(levels) => levels,
        Pixels::U16(_) => panic!("8 bits stay 8 bits"),
    }
}

/// How far our results are from those stored under `name`: the number of rows, of levels, of levels that differ, and
/// the most by which one does.
fn compare(name: &str, ours: impl Fn(&Image, &[&str]) -> Result<Image>) -> [usize; 4] {
    let bytes = stored();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let [mut rows, mut count, mut differ, mut most] = [0; 4];
    for key in tensors.names() {
        let mut parts = key.split('/');
        if parts.next() != Some(name) {
            continue;
        }
        let source = picture(&tensors, &format!("picture/{}/", parts.next().unwrap()));
        let arguments: Vec<&str> = parts.next().unwrap().split(',').collect();
        let expected = picture(&tensors, key);
        let met = ours(&source, &arguments).unwrap();
        assert_eq!((met.size(), met.channels()), (expected.size(), expected.channels()), "{key}");
        let off: Vec<usize> = levels(&met)
            .iter()
            .zip(levels(&expected))
            .map(|(met, expected)| usize::from(met.abs_diff(*expected)))
            .collect();
        rows += 1;
        count += off.len();
        differ += off.iter().filter(|&&off| off > 0).count();
        most = most.max(off.into_iter().max().unwrap_or(0));
    }
    assert!(rows > 0, "nothing is stored under {name}");
    [rows, count, differ, most]
}

fn number(text: &str) -> f32 {
    text.parse().unwrap()
}

#[test]
fn adjustments_are_exactly_those_of_torchvision() {
    type Adjust = fn(&Image, f32) -> Result<Image>;
    let rows: [(&str, Adjust); 6] = [
        ("adjust_brightness", functional::adjust_brightness),
        ("adjust_contrast", functional::adjust_contrast),
        ("adjust_saturation", functional::adjust_saturation),
        ("adjust_hue", functional::adjust_hue),
        ("adjust_sharpness", functional::adjust_sharpness),
        ("solarize", functional::solarize),
    ];
    for (name, adjust) in rows {
        let [rows, _, differ, most] = compare(name, |image, arguments| adjust(image, number(arguments[0])));
        assert_eq!((differ, most), (0, 0), "{name} in {rows} rows");
    }
    let gamma = |image: &Image, row: &[&str]| functional::adjust_gamma(image, number(row[0]), number(row[1]));
    assert_eq!(compare("adjust_gamma", gamma)[2..], [0, 0]);
}

#[test]
fn operations_on_levels_are_exactly_those_of_torchvision() {
    let whole = |text: &str| number(text) as usize;
    assert_eq!(compare("invert", |image, _| functional::invert(image))[2..], [0, 0]);
    assert_eq!(compare("autocontrast", |image, _| functional::autocontrast(image))[2..], [0, 0]);
    assert_eq!(compare("equalize", |image, _| functional::equalize(image))[2..], [0, 0]);
    let posterize = |image: &Image, row: &[&str]| functional::posterize(image, whole(row[0]) as u32);
    assert_eq!(compare("posterize", posterize)[2..], [0, 0]);
    let grey = |image: &Image, row: &[&str]| functional::rgb_to_grayscale(image, whole(row[0]));
    assert_eq!(compare("rgb_to_grayscale", grey)[2..], [0, 0]);
}

/// Of levels that may be off by one, because their sums are rounded in another order: one in so many.
const ONE_IN: usize = 200;

#[test]
fn gaussian_blur_is_that_of_torchvision_but_for_a_level_where_sums_end_half_way() {
    let [_, count, differ, most] = compare("gaussian_blur", |image, row| {
        let kernel = Size::new(number(row[1]) as usize, number(row[0]) as usize);
        functional::gaussian_blur(image, kernel, number(row[2]))
    });
    assert!(most <= 1 && differ * ONE_IN <= count, "{differ} of {count} levels, at most {most}");
}

#[test]
fn operations_of_auto_augmentation_are_those_of_torchvision_but_for_a_level_where_places_are_rounded() {
    let [rows, count, differ, most] = compare("operation", |image, row| {
        let by = number(row[1]);
        let operation = match row[0] {
            "Identity" => Operation::Identity,
            "ShearX" => Operation::ShearX(by),
            "ShearY" => Operation::ShearY(by),
            "TranslateX" => Operation::TranslateX(by),
            "TranslateY" => Operation::TranslateY(by),
            "Rotate" => Operation::Rotate(by),
            "Brightness" => Operation::Brightness(by),
            "Color" => Operation::Color(by),
            "Contrast" => Operation::Contrast(by),
            "Sharpness" => Operation::Sharpness(by),
            "Posterize" => Operation::Posterize(by as u32),
            "Solarize" => Operation::Solarize(by),
            "AutoContrast" => Operation::AutoContrast,
            "Equalize" => Operation::Equalize,
            "Invert" => Operation::Invert,
            other => panic!("no operation {other}"),
        };
        let sampling = match row[2] {
            "nearest" => Sampling::nearest(),
            _ => Sampling::bilinear(),
        };
        operation.apply(image, sampling)
    });
    assert_eq!(rows, 78);
    assert!(most <= 1 && differ * ONE_IN <= count, "{differ} of {count} levels, at most {most}");
}

/// Mean distance to torchvision's picture that another encoder of the same tables may have, in levels: the two round
/// coefficients differently. For colours there is no such bound, because libjpeg halves their resolution and the
/// `image` crate does not.
const GREY_JPEG: f64 = 1.0;

/// The mean distance of two pictures, in levels.
fn distance(a: &Image, b: &Image) -> f64 {
    let off: u32 = levels(a).iter().zip(levels(b)).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(off) / levels(a).len() as f64
}

#[test]
fn jpeg_is_within_a_level_of_torchvision_for_grey_and_loses_no_more_for_colours() {
    let bytes = stored();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for name in ["smooth-grey", "smooth", "flat"] {
        for quality in [10, 50, 90] {
            let source = picture(&tensors, &format!("picture/{name}/"));
            let theirs = picture(&tensors, &format!("jpeg/{name}/{quality}"));
            let ours = functional::jpeg(&source, quality).unwrap();
            let losses = (distance(&ours, &source), distance(&theirs, &source));
            assert!(losses.0 <= 1.05 * losses.1, "{name} of quality {quality}: {losses:?}");
            if source.channels() == 1 {
                let apart = distance(&ours, &theirs);
                assert!(apart < GREY_JPEG, "{name} of quality {quality}: {apart}");
            }
        }
    }
}

#[test]
fn the_fixture_names_its_script_and_versions() {
    let script = ["colour.py", "stored.py"].map(|name| std::fs::read(folder().join(name)).unwrap()).concat();
    let hash: String = Sha256::digest(&script).iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = stored();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["script_sha256"], hash, "written by another version of fixtures/colour.py");
    assert!(metadata.contains_key("torchvision") && metadata.contains_key("seed"));
    assert!(bytes.len() < 550_000, "{} bytes", bytes.len());
}

#[test]
fn every_colour_transform_is_recorded_and_runs_on_both_depths_grey_and_coloured() {
    let text = r#"[
        {"kind": "color-jitter", "brightness": 0.4, "contrast": [0.5, 1.5], "saturation": 0.3, "hue": 0.1},
        {"kind": "random-gamma", "gamma": [0.5, 2.0], "p": 1.0},
        {"kind": "random-grayscale"},
        {"kind": "random-channel-permutation"},
        {"kind": "random-invert", "p": 0.2},
        {"kind": "random-posterize", "bits": 5},
        {"kind": "random-solarize", "threshold": 128},
        {"kind": "random-autocontrast"},
        {"kind": "random-equalize"},
        {"kind": "random-adjust-sharpness", "sharpness_factor": 2},
        {"kind": "gaussian-blur", "kernel_size": {"height": 3, "width": 5}},
        {"kind": "motion-blur", "length": [1, 4]},
        {"kind": "gaussian-noise", "sigma": 0.02},
        {"kind": "speckle-noise"},
        {"kind": "salt-and-pepper", "amount": 0.01},
        {"kind": "jpeg", "quality": [40, 90]},
        {"kind": "auto-augment", "policy": "cifar10"},
        {"kind": "rand-augment", "num_ops": 3},
        {"kind": "trivial-augment-wide", "fill": 0.5},
        {"kind": "aug-mix", "severity": 5},
        {"kind": "grayscale", "num_output_channels": 3}
    ]"#;
    let steps: Vec<Augmentation> = serde_json::from_str(text).unwrap();
    let again: Vec<Augmentation> = serde_json::from_str(&serde_json::to_string(&steps).unwrap()).unwrap();
    assert_eq!(again, steps);
    let all = Pipeline::from(steps.clone());
    all.check().unwrap();
    // More than 255 pixels, so that equalisation has something to do, and levels that leave room at both ends.
    let size = Size::new(17, 19);
    for channels in [1, 3] {
        let count = size.height * size.width * channels;
        let eight = Image::from_u8(size, channels, (0..count).map(|at| (40 + at * 29 % 160) as u8).collect());
        let sixteen = Image::from_u16(
            size,
            channels,
            (0..count).map(|at| (9000 + at * 7919 % 40_000) as u16).collect(),
        );
        for image in [eight.unwrap(), sixteen.unwrap()] {
            for step in &steps {
                let alone = Pipeline::from(vec![step.clone()]);
                let after = |seed| {
                    let sample = Sample::new(image.clone(), Target::Class(2));
                    alone.apply(sample, Key::new(seed)).unwrap().image
                };
                assert_eq!(after(1), after(1), "{step:?}");
                assert_eq!(after(1).size(), size);
                let deep = |image: &Image| matches!(image.pixels(), Pixels::U16(_));
                assert_eq!(deep(&after(2)), deep(&image), "{step:?} keeps the depth");
                let of_colours = matches!(
                    step,
                    Augmentation::RandomGrayscale(_) | Augmentation::RandomChannelPermutation(_)
                );
                let changes = (0..60).any(|seed| after(seed) != image);
                assert!(changes || (of_colours && channels == 1), "{step:?} changes nothing");
            }
            let sample = Sample::new(image.clone(), Target::Class(2));
            assert_eq!(all.apply(sample, Key::new(7)).unwrap().image.channels(), 3);
        }
    }
}
