//! Every fault is planted in a clean set, one at a time, and found; the clean set stays without findings.

use std::fs;
use std::io::Cursor;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cnn_data::check::{CheckOptions, Kind, Report, Severity, check};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

/// A picture of coloured discs on a shaded ground, which no two seeds have in common.
fn picture(seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut image = RgbImage::from_fn(64, 48, |x, y| Rgb([80 + x as u8, 90 + y as u8, 120]));
    for _ in 0..12 {
        let (x0, y0, radius) = (draw(64) as i32, draw(48) as i32, 3 + draw(9) as i32);
        let colour = Rgb([draw(256) as u8, draw(256) as u8, draw(256) as u8]);
        for (x, y, pixel) in image.enumerate_pixels_mut() {
            if (x as i32 - x0).pow(2) + (y as i32 - y0).pow(2) <= radius * radius {
                *pixel = colour;
            }
        }
    }
    image
}

fn bytes(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    bytes(image, ImageFormat::Png)
}

fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(image).unwrap();
    file
}

/// The pictures of the clean set: seeds 1 to 16.
static CLEAN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (1..=16).map(|seed| png(picture(seed))).collect());

struct Set(tempfile::TempDir);

impl Set {
    /// Two classes in two splits, four pictures each.
    fn clean() -> Self {
        let set = Self(tempfile::tempdir().unwrap());
        let mut pictures = CLEAN.iter();
        for split in ["train", "test"] {
            for class in ["cat", "dog"] {
                for number in 0..4 {
                    set.put(&format!("{split}/{class}/{number}.png"), pictures.next().unwrap());
                }
            }
        }
        set.put("README.md", b"about");
        set
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn check(&self) -> Report {
        check(self.0.path(), &CheckOptions::default()).unwrap()
    }

    /// Asserts that there is one finding, of this kind, with one case of these files.
    #[track_caller]
    fn finds(&self, kind: Kind, severity: Severity, files: &[&str]) -> Report {
        let report = self.check();
        let met: Vec<_> = report.findings.iter().map(|finding| (finding.kind, finding.severity)).collect();
        assert_eq!(met, [(kind, severity)], "{:#?}", report.findings);
        let cases = &report.findings[0].cases;
        assert_eq!(
            (cases.len(), &cases[0].files[..]),
            (1, &files.iter().map(|file| file.to_string()).collect::<Vec<_>>()[..])
        );
        report
    }
}

#[test]
fn a_clean_set_is_clean() {
    let report = Set::clean().check();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert_eq!((report.files, report.pictures, report.classes.len(), report.errors()), (16, 16, 2, 0));
    assert_eq!(report.classes[1].counts, [4, 4]);
    assert_eq!(report.modes["RGB, 8 bits"], 16);
}

#[test]
fn files_that_are_no_whole_pictures_are_found() {
    let whole = jpeg(&picture(99), 90);
    let mut damaged = png(picture(98));
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    for (name, bytes, kind) in [
        ("train/cat/x.png", &b""[..], Kind::Empty),
        ("train/cat/x.jpg", &whole[..whole.len() * 2 / 3], Kind::Truncated),
        ("test/dog/x.jpg", b"not a picture", Kind::Unreadable),
        ("test/dog/x.png", &damaged, Kind::Unreadable),
    ] {
        let set = Set::clean();
        set.put(name, bytes);
        let report = set.finds(kind, Severity::Error, &[name]);
        assert_eq!((report.files, report.pictures), (17, 16));
    }
}

#[test]
fn equal_pictures_are_found_across_splits_then_classes_then_within() {
    for (first, second, kind, severity) in [
        ("test/cat/0.png", "train/cat/x.png", Kind::DuplicatesAcrossSplits, Severity::Error),
        ("test/dog/0.png", "train/cat/x.png", Kind::DuplicatesAcrossSplits, Severity::Error),
        ("train/cat/0.png", "train/dog/x.png", Kind::DuplicatesAcrossClasses, Severity::Error),
        ("train/cat/0.png", "train/cat/x.png", Kind::Duplicates, Severity::Note),
    ] {
        let set = Set::clean();
        fs::copy(set.path(first), set.path(second)).unwrap();
        let report = set.finds(kind, severity, &[first, second]);
        assert!(report.findings[0].cases[0].detail.starts_with("the same bytes"));
    }
    let set = Set::clean();
    let again = image::open(set.path("train/cat/0.png")).unwrap();
    set.put("train/cat/x.bmp", &bytes(again, ImageFormat::Bmp));
    let report = set.finds(Kind::Duplicates, Severity::Note, &["train/cat/0.png", "train/cat/x.bmp"]);
    assert_eq!(report.findings[0].cases[0].detail, "the same pixels in different files");
}

#[test]
fn almost_equal_pictures_are_found_when_recompressed_resized_or_brightened() {
    let original = picture(1);
    let brighter =
        RgbImage::from_fn(64, 48, |x, y| Rgb(original.get_pixel(x, y).0.map(|level| level / 8 * 7 + 20)));
    let changed = [
        ("x.jpg", jpeg(&original, 60)),
        ("x.png", png(imageops::resize(&original, 128, 96, FilterType::CatmullRom))),
        ("x.png", png(brighter)),
        ("x.png", png(imageops::resize(&original, 48, 36, FilterType::Triangle))),
    ];
    for (name, bytes) in changed {
        for (folder, kind, severity) in [
            ("test/cat", Kind::NearDuplicatesAcrossSplits, Severity::Error),
            ("train/dog", Kind::NearDuplicatesAcrossClasses, Severity::Error),
            ("train/cat", Kind::NearDuplicates, Severity::Note),
        ] {
            let set = Set::clean();
            let file = format!("{folder}/{name}");
            set.put(&file, &bytes);
            let mut files = ["train/cat/0.png", &file];
            files.sort_unstable();
            set.finds(kind, severity, &files);
        }
    }
}

#[test]
fn a_picture_that_is_there_many_times_is_one_case() {
    let set = Set::clean();
    set.put("train/cat/0a.jpg", &jpeg(&picture(1), 90));
    set.put("train/cat/x.jpg", &jpeg(&picture(1), 70));
    set.put("test/dog/x.png", &png(imageops::resize(&picture(1), 96, 72, FilterType::CatmullRom)));
    let files = ["test/dog/x.png", "train/cat/0.png", "train/cat/0a.jpg", "train/cat/x.jpg"];
    let report = set.finds(Kind::NearDuplicatesAcrossSplits, Severity::Error, &files);
    assert_eq!(report.findings[0].cases[0].detail, "look the same; of different classes too");
}

#[test]
fn a_picture_like_one_of_two_equal_ones_is_like_both() {
    let set = Set::clean();
    set.put("train/cat/copy.jpg", &jpeg(&picture(1), 70));
    // Equal to the one that it looks like, and in another split.
    set.put("test/cat/same.png", &png(picture(1)));
    let report = set.check();
    let found = report.finding(Kind::NearDuplicatesAcrossSplits).unwrap();
    assert_eq!(found.cases[0].files, ["test/cat/same.png", "train/cat/0.png", "train/cat/copy.jpg"]);
    assert!(report.finding(Kind::NearDuplicates).is_none());
}

#[test]
fn pictures_that_show_little_are_found() {
    let scaled = |times: f32, plus: f32| {
        let mut image = picture(77);
        image
            .pixels_mut()
            .for_each(|pixel| pixel.0 = pixel.0.map(|level| (f32::from(level) * times + plus) as u8));
        png(image)
    };
    for (bytes, kind) in [
        (png(RgbImage::from_pixel(64, 48, Rgb([90, 100, 110]))), Kind::NearConstant),
        (scaled(0.16, 0.0), Kind::Dark),
        (scaled(0.14, 224.0), Kind::Overexposed),
        (png(imageops::blur(&picture(77), 6.0)), Kind::Blurred),
        (png(imageops::resize(&picture(77), 8, 6, FilterType::Triangle)), Kind::Tiny),
        (png(imageops::resize(&picture(77), 200, 40, FilterType::Triangle)), Kind::OddShape),
    ] {
        let set = Set::clean();
        set.put("train/cat/x.png", &bytes);
        set.finds(kind, Severity::Note, &["train/cat/x.png"]);
    }
}

#[test]
fn names_modes_and_turns_are_told() {
    let set = Set::clean();
    set.put("train/cat/x.jpg", &png(picture(77)));
    let report = set.finds(Kind::WrongExtension, Severity::Note, &["train/cat/x.jpg"]);
    assert_eq!(report.findings[0].cases[0].detail, "is PNG with the extension .jpg");

    let set = Set::clean();
    let deep = GrayImage::from_fn(64, 48, |x, y| {
        Luma([image::imageops::grayscale(&picture(77)).get_pixel(x, y)[0]])
    });
    set.put("train/cat/x.png", &png(DynamicImage::ImageLuma8(deep).to_luma16()));
    let report = set.finds(Kind::MixedModes, Severity::Note, &["train/cat/x.png"]);
    assert_eq!(report.findings[0].cases[0].detail, "grey, 16 bits; most are RGB, 8 bits");

    let set = Set::clean();
    let plain = jpeg(&picture(77), 95);
    // An EXIF segment whose only field is the orientation, 6.
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    set.put("train/cat/x.jpg", &[&plain[..2], exif, &plain[2..]].concat());
    let report = set.finds(Kind::Rotated, Severity::Note, &["train/cat/x.jpg"]);
    assert_eq!(report.findings[0].cases[0].detail, "EXIF orientation 6");
}

#[test]
fn what_is_missing_or_misplaced_is_found() {
    let set = Set::clean();
    fs::remove_dir_all(set.path("test/dog")).unwrap();
    set.finds(Kind::MissingClass, Severity::Error, &["test/dog"]);
    fs::create_dir(set.path("test/dog")).unwrap();
    set.finds(Kind::MissingClass, Severity::Error, &["test/dog"]);

    for (name, kind, severity) in [
        ("test/bird/x.png", Kind::UnknownClass, Severity::Error),
        ("train/x.png", Kind::Misplaced, Severity::Error),
        ("x.png", Kind::Misplaced, Severity::Error),
        ("notes.txt", Kind::Stray, Severity::Note),
        ("train/cat/more/x.png", Kind::Misplaced, Severity::Error),
        ("other/cat/x.png", Kind::Misplaced, Severity::Error),
        ("valid/x.txt", Kind::Layout, Severity::Error),
    ] {
        let set = Set::clean();
        set.put(name, &png(picture(77)));
        let report = set.check();
        assert_eq!(report.finding(kind).unwrap().severity, severity, "{name}");
    }

    let set = Set::clean();
    for split in ["train", "test"] {
        set.put(&format!("{split}/Cat/x.png"), &png(picture(split.len() as u32 + 200)));
    }
    let report = set.check();
    assert_eq!(report.finding(Kind::CaseCollision).unwrap().cases[0].files, ["Cat", "cat"]);

    let set = Set::clean();
    (100..190).for_each(|seed| set.put(&format!("train/dog/{seed}.png"), &png(picture(seed))));
    set.finds(Kind::Imbalance, Severity::Note, &["dog", "cat"]);
}

#[test]
fn folders_of_data_sets_are_told_apart_from_a_data_set() {
    let set = Set(tempfile::tempdir().unwrap());
    for name in ["images/crack/1.jpg", "images/free/2.jpg", "masks/crack/1.png"] {
        set.put(name, &png(picture(1)));
    }
    let report = set.check();
    assert_eq!((report.files, report.findings.len()), (0, 1));
    let finding = report.finding(Kind::Layout).unwrap();
    assert_eq!(finding.cases.len(), 2);
    assert!(finding.advice.contains(&set.path("images").display().to_string()), "{}", finding.advice);
    assert_eq!(finding.cases[0].detail, "holds 2 folders with 2 files, and no pictures of its own");

    let empty = tempfile::tempdir().unwrap();
    let report = check(empty.path(), &CheckOptions::default()).unwrap();
    assert_eq!(report.findings[0].kind, Kind::Layout);
    assert!(check(Path::new("/no/such/folder"), &CheckOptions::default()).is_err());
}

#[test]
fn threads_change_nothing() {
    let set = Set::clean();
    set.put("test/cat/x.jpg", &jpeg(&picture(1), 70));
    set.put("train/dog/x.png", b"");
    let with = |threads| {
        let options = CheckOptions { threads: NonZero::new(threads), ..CheckOptions::default() };
        serde_json::to_string(&check(set.0.path(), &options).unwrap()).unwrap()
    };
    assert_eq!(with(1), with(7));
}
