//! Geometric transforms give torchvision's pictures, and their points go where the pictures go.
//!
//! `fixtures/transforms.py` wrote `fixtures/transforms.safetensors` from torchvision's functions on tensors.

use std::path::PathBuf;

use cnn_data::transform::functional::{
    center_crop, crop, erase, expanded_rotation, horizontal_flip, resized_crop, ten_crop, vertical_flip,
};
use cnn_data::transform::{
    Affine, AffineParameters, Augmentation, CenterCrop, Compose, Displacement, ElasticTransform,
    Interpolation, Mirrored, OneOf, Pad, PaddingMode, Perspective, RandomAffine, RandomCrop,
    RandomHorizontalFlip, RandomOrder, RandomPerspective, RandomResizedCrop, RandomRotation,
    RandomVerticalFlip, Rectangle, Sampling, SomeOf, Sometimes, Transform,
};
use cnn_data::{Image, Pixels, Resize, ResizeMode, Sample, Size, Target};
use cnn_tensor::random::Key;
use safetensors::{Dtype, SafeTensors};

/// Blended levels are rounded from single precision, by torchvision with other operations: halves fall either way.
const ROUNDING: u8 = 1;

/// Pixels are copied.
const EXACT: u8 = 0;

fn fixture() -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/transforms.safetensors");
    std::fs::read(path).unwrap()
}

fn image(file: &SafeTensors<'_>, name: &str) -> Image {
    let tensor = file.tensor(name).unwrap();
    let [height, width, channels] = *tensor.shape() else { panic!("{name} is no picture") };
    Image::from_u8(Size::new(height, width), channels, tensor.data().to_vec()).unwrap()
}

fn numbers(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::F32);
    tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn levels(image: &Image) -> &[u8] {
    match image.pixels() {
        Pixels::U8(levels) => levels,
        Pixels::U16(_) => panic!("8 bits stay 8 bits"),
    }
}

/// The same picture with 16 bits, each level 257 times as high: white is white.
fn deep(image: &Image) -> Image {
    let levels = levels(image).iter().map(|&level| u16::from(level) * 257).collect();
    Image::from_u16(image.size(), image.channels(), levels).unwrap()
}

/// Compares every case of a name: each number, both pictures, 8 and 16 bits. `run` is given the picture, the parameters
/// and the case.
fn compare(name: &str, cases: usize, most: u8, run: impl Fn(&Image, &[f32], usize) -> Image) {
    let bytes = fixture();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for number in 0..cases {
        let parameters = numbers(&file, &format!("{name}.{number}.parameters"));
        for channels in [1, 3] {
            let expected = image(&file, &format!("{name}.{number}.{channels}"));
            let picture = image(&file, &format!("picture.{channels}"));
            let met = run(&picture, &parameters, number);
            assert_eq!(met.size(), expected.size(), "{name}.{number}.{channels}");
            for (at, (met, expected)) in levels(&met).iter().zip(levels(&expected)).enumerate() {
                assert!(
                    met.abs_diff(*expected) <= most,
                    "{name}.{number}.{channels}: level {at} is {met}, torchvision's {expected}"
                );
            }
            let met = run(&deep(&picture), &parameters, number);
            let Pixels::U16(met) = met.pixels() else { panic!("16 bits stay 16 bits") };
            for (met, expected) in met.iter().zip(levels(&expected)) {
                // Torchvision's levels of 8 bits are themselves rounded; of a picture that is resized twice, after each axis.
                let off = (f32::from(*met) / 257.0 - f32::from(*expected)).abs();
                assert!(off <= f32::from(most), "{name}.{number}.{channels}: 16 bits are {off} levels off");
            }
        }
    }
    assert!(file.tensor(&format!("{name}.{cases}.parameters")).is_err(), "{name} has more cases");
}

fn size(height: f32, width: f32) -> Size {
    Size::new(height as usize, width as usize)
}

/// Both interpolations of a warp, whose first parameter is the fill as a level of 8 bits.
fn compare_warp(name: &str, cases: usize, run: impl Fn(&Image, &[f32], Sampling, usize) -> Image) {
    for (mode, sampling, most) in
        [("nearest", Sampling::nearest(), EXACT), ("bilinear", Sampling::bilinear(), ROUNDING)]
    {
        compare(&format!("{name}.{mode}"), cases, most, |image, parameters, number| {
            run(image, &parameters[1..], sampling.fill(parameters[0] / 255.0), number)
        });
    }
}

#[test]
fn flips_crops_padding_and_erasing_are_torchvisions_exactly() {
    compare("horizontal_flip", 1, EXACT, |image, _, _| horizontal_flip(image).unwrap());
    compare("vertical_flip", 1, EXACT, |image, _, _| vertical_flip(image).unwrap());
    compare("pad", 8, EXACT, |image, parameters, _| {
        let mode = [PaddingMode::Constant, PaddingMode::Edge, PaddingMode::Reflect, PaddingMode::Symmetric]
            [parameters[0] as usize];
        let sides: [usize; 4] = std::array::from_fn(|at| parameters[2 + at] as usize);
        Pad::new(sides).fill(parameters[1] / 255.0).padding_mode(mode).pad(image).unwrap()
    });
    compare("center_crop", 6, EXACT, |image, p, _| center_crop(image, size(p[0], p[1])).unwrap());
    compare("crop", 3, EXACT, |image, p, _| {
        crop(image, Rectangle::new(p[0] as usize, p[1] as usize, size(p[2], p[3]))).unwrap()
    });
    compare("erase", 1, EXACT, |image, p, _| {
        let part = Rectangle::new(p[0] as usize, p[1] as usize, size(p[2], p[3]));
        erase(image.clone(), part, p[4] / 255.0)
    });
}

#[test]
fn resized_crops_are_torchvisions_within_one_level() {
    compare("resized_crop", 3, ROUNDING, |image, p, _| {
        let part = Rectangle::new(p[0] as usize, p[1] as usize, size(p[2], p[3]));
        resized_crop(image, part, size(p[4], p[5])).unwrap()
    });
}

#[test]
fn ten_crops_are_torchvisions_exactly() {
    let bytes = fixture();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (number, part) in [(0, Size::new(7, 8)), (1, Size::new(16, 17))] {
        for channels in [1, 3] {
            let picture = Sample::new(image(&file, &format!("picture.{channels}")), Target::Class(0));
            let parts = ten_crop(&picture, part, Mirrored::Horizontally).unwrap();
            // One above the other.
            let met: Vec<u8> = parts.iter().flat_map(|part| levels(&part.image).to_vec()).collect();
            assert_eq!(met, levels(&image(&file, &format!("ten_crop.{number}.{channels}"))));
        }
    }
}

#[test]
fn affine_maps_are_torchvisions_exactly_for_the_nearest_pixel_and_within_one_level_blended() {
    compare_warp("affine", 5, |image, p, sampling, _| {
        let parameters =
            AffineParameters { angle: p[0], translate: [p[1], p[2]], scale: p[3], shear: [p[4], p[5]] };
        let middle = [image.width() as f32 / 2.0, image.height() as f32 / 2.0];
        parameters.about(middle).apply(image, image.size(), sampling).unwrap()
    });
}

#[test]
fn rotations_are_torchvisions_exactly_for_the_nearest_pixel_and_within_one_level_blended() {
    compare_warp("rotate", 7, |image, p, sampling, _| {
        let middle = [image.width() as f32 / 2.0, image.height() as f32 / 2.0];
        let (map, to) = match p[1] {
            0.0 => (Affine::rotation(-p[0]).about(middle), image.size()),
            _ => expanded_rotation(image.size(), p[0]),
        };
        map.apply(image, to, sampling).unwrap()
    });
}

#[test]
fn perspectives_are_torchvisions_exactly_for_the_nearest_pixel_and_within_one_level_blended() {
    compare_warp("perspective", 3, |image, p, sampling, _| {
        let corners = |p: &[f32]| std::array::from_fn(|at| [p[2 * at], p[2 * at + 1]]);
        let map = Perspective::between(corners(&p[..8]), corners(&p[8..])).unwrap();
        map.apply(image, image.size(), sampling).unwrap()
    });
}

#[test]
fn displacements_are_torchvisions_exactly_for_the_nearest_pixel_and_within_one_level_blended() {
    let bytes = fixture();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    compare_warp("elastic", 2, |image, _, sampling, number| {
        let by = numbers(&file, &format!("elastic.{number}.displacement.{}", image.channels()));
        let by = by.as_chunks::<2>().0.to_vec();
        Displacement::new(image.size(), by).unwrap().apply(image, sampling).unwrap()
    });
}

/// A smooth dot of a radius of 4 pixels about a point, on black.
fn dot(size: Size, at: [f32; 2]) -> Sample {
    let level = |place: usize| {
        let (x, y) = ((place % size.width) as f32 + 0.5 - at[0], (place / size.width) as f32 + 0.5 - at[1]);
        (60_000.0 * (1.0 - (x * x + y * y) / 16.0).max(0.0)) as u16
    };
    let levels = (0..size.height * size.width).map(level).collect();
    Sample::new(Image::from_u16(size, 1, levels).unwrap(), Target::Class(0))
}

/// The middle of all light, and how much there is.
fn middle_of_light(image: &Image) -> ([f32; 2], f64) {
    let Pixels::U16(levels) = image.pixels() else { panic!("16 bits stay 16 bits") };
    let mut sums = [0.0f64; 3];
    for (at, &level) in levels.iter().enumerate() {
        let light = f64::from(level);
        let [x, y] = [at % image.width(), at / image.width()].map(|v| v as f64 + 0.5);
        sums = [sums[0] + light * x, sums[1] + light * y, sums[2] + light];
    }
    ([sums[0] / sums[2], sums[1] / sums[2]].map(|v| v as f32), sums[2])
}

/// Every transform that moves what a picture shows, and some that do not.
fn moving() -> Vec<Augmentation> {
    let size = Size::new(64, 48);
    let resize = |mode| Augmentation::Resize(Resize::new(size, mode));
    let affine = RandomAffine::new(40.0)
        .translate([0.1, 0.2])
        .scale([0.8, 1.3])
        .shear([-10.0, 10.0, -5.0, 20.0])
        .interpolation(Interpolation::Bilinear);
    let mut all = vec![
        resize(ResizeMode::Letterbox),
        resize(ResizeMode::CenterCrop),
        resize(ResizeMode::Stretch),
        Augmentation::RandomHorizontalFlip(RandomHorizontalFlip::default()),
        Augmentation::RandomVerticalFlip(RandomVerticalFlip::default()),
        Augmentation::Pad(Pad::new([3, 5, 7, 0])),
        Augmentation::CenterCrop(CenterCrop::new(Size::new(71, 40))),
        Augmentation::RandomCrop(RandomCrop::new(size).padding([9, 12]).pad_if_needed()),
        Augmentation::RandomResizedCrop(RandomResizedCrop::new(size).scale([0.4, 1.0])),
        Augmentation::RandomAffine(affine.clone()),
        Augmentation::RandomAffine(affine.center([10.0, 20.0]).interpolation(Interpolation::Nearest)),
        Augmentation::RandomRotation(RandomRotation::new([-180.0, 180.0]).expand()),
        Augmentation::RandomRotation(RandomRotation::new(30.0).interpolation(Interpolation::Bilinear)),
        Augmentation::RandomPerspective(RandomPerspective::new(0.4).p(0.8)),
        Augmentation::ElasticTransform(ElasticTransform::new(60.0, 6.0)),
    ];
    let some = all[3..7].to_vec();
    all.extend([
        Augmentation::Compose(Compose { transforms: all[9..14].to_vec() }),
        Augmentation::RandomOrder(RandomOrder::new(some.clone())),
        Augmentation::OneOf(OneOf::new(all[8..12].to_vec())),
        Augmentation::SomeOf(SomeOf::new(1, 3, some.clone())),
        Augmentation::Sometimes(Sometimes::new(0.7, some)),
    ]);
    all
}

#[test]
fn a_bright_dot_goes_where_the_motion_says() {
    let from = Size::new(60, 75);
    for transform in moving() {
        transform.check().unwrap();
        let mut seen = 0;
        for seed in 0..12 {
            let key = Key::new(seed);
            let start = [22.0 + 30.0 * key.uniform(0), 20.0 + 20.0 * key.uniform(1)];
            let key = key.fold(1);
            let motion = transform.motion(from, key).unwrap();
            let moved = transform.apply(dot(from, start), key).unwrap().image;
            assert_eq!(motion.size(), moved.size(), "{transform:?}");
            let expected = motion.point(start);
            // Dots that are cut by a side have another middle.
            let inside = |v: f32, side: usize| (11.0..side as f32 - 11.0).contains(&v);
            if !inside(expected[0], moved.width()) || !inside(expected[1], moved.height()) {
                continue;
            }
            seen += 1;
            let (met, light) = middle_of_light(&moved);
            assert!(light > 0.0, "{transform:?}");
            let off = (met[0] - expected[0]).hypot(met[1] - expected[1]);
            // Each transform that takes the nearest pixel may move the dot by half a pixel, and a warp bends it.
            let most = if matches!(transform, Augmentation::Compose(_)) { 1.5 } else { 0.6 };
            assert!(off < most, "{transform:?}: the dot is at {met:?}, its motion says {expected:?}");
        }
        assert!(seen >= 3, "{transform:?}: the dot left the picture too often");
    }
}

#[test]
fn every_transform_reads_back_as_it_was_written_and_keeps_depth_and_channels() {
    for transform in moving() {
        let text = serde_json::to_string(&transform).unwrap();
        assert_eq!(serde_json::from_str::<Augmentation>(&text).unwrap(), transform, "{text}");
        for (channels, seed) in [(1, 1), (2, 2), (3, 3), (5, 4)] {
            let from = Size::new(31, 37);
            let wide: Vec<u16> = (0..31 * 37 * channels).map(|at| (at * 7 % 65_536) as u16).collect();
            let narrow = wide.iter().map(|&level| level as u8).collect();
            let wide = Image::from_u16(from, channels, wide).unwrap();
            let narrow = Image::from_u8(from, channels, narrow).unwrap();
            for image in [wide, narrow] {
                let sample = Sample::new(image.clone(), Target::Class(7));
                let met = transform.apply(sample.clone(), Key::new(seed)).unwrap();
                assert_eq!(met.target, Target::Class(7));
                assert_eq!(met.image.channels(), channels);
                assert_eq!(
                    matches!(met.image.pixels(), Pixels::U8(_)),
                    matches!(image.pixels(), Pixels::U8(_))
                );
                assert_eq!(transform.apply(sample, Key::new(seed)).unwrap(), met);
            }
        }
    }
}

#[test]
fn pictures_of_one_pixel_are_transformed_or_refused_in_words() {
    for transform in moving() {
        for from in [Size::new(1, 1), Size::new(1, 9), Size::new(9, 1)] {
            for seed in 0..5 {
                let pixels = from.height * from.width;
                let sample =
                    Sample::new(Image::from_u8(from, 1, vec![200; pixels]).unwrap(), Target::Class(0));
                let met = transform.apply(sample, Key::new(seed)).unwrap();
                assert_eq!(met.image.size(), transform.motion(from, Key::new(seed)).unwrap().size());
            }
        }
    }
}

#[test]
fn arguments_that_nobody_checked_are_errors_and_no_panics() {
    let far = f32::INFINITY;
    let wrong = [
        Augmentation::Pad(Pad::new(usize::MAX)),
        Augmentation::CenterCrop(CenterCrop::new(Size::new(usize::MAX, 0))),
        Augmentation::RandomCrop(RandomCrop::default().padding(usize::MAX)),
        Augmentation::RandomCrop(RandomCrop::new(Size::new(0, 3))),
        Augmentation::RandomCrop(RandomCrop::new(Size::new(usize::MAX, usize::MAX)).pad_if_needed()),
        Augmentation::RandomResizedCrop(RandomResizedCrop::new(Size::new(0, 4))),
        Augmentation::RandomAffine(RandomAffine::new(f32::NAN)),
        Augmentation::RandomAffine(RandomAffine::new(1.0).scale([far, far])),
        Augmentation::RandomRotation(RandomRotation::new(f32::NAN).expand()),
        Augmentation::ElasticTransform(ElasticTransform::new(1.0, far)),
    ];
    for transform in wrong {
        let sample = dot(Size::new(9, 7), [4.0, 4.0]);
        assert!(transform.check().is_err(), "{transform:?}");
        assert!(transform.apply(sample, Key::new(1)).is_err(), "{transform:?}");
        // Where points go may be said or refused.
        let _ = transform.motion(Size::new(9, 7), Key::new(1));
    }
    let harmless = [
        Augmentation::RandomResizedCrop(RandomResizedCrop::new(Size::new(4, 4)).ratio([f32::NAN, 0.0])),
        Augmentation::RandomPerspective(RandomPerspective::new(far).p(1.0)),
        Augmentation::SomeOf(SomeOf::new(0, usize::MAX, Vec::new())),
        Augmentation::OneOf(OneOf::new(Vec::new())),
    ];
    for transform in harmless {
        assert!(transform.check().is_err(), "{transform:?}");
        let _ = transform.apply(dot(Size::new(9, 7), [4.0, 4.0]), Key::new(1));
        let _ = transform.motion(Size::new(9, 7), Key::new(1));
    }
}
