//! Cross-validation: every image is tested on once, by a network that had not seen it.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{cnn_in, read_json};

/// Pictures of three classes, one of them rare: noise that is brighter in one third. The test image is none.
fn write_pictures(folder: &Path) {
    let mut state = 5u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % 120
    };
    for (class, count) in [(0u32, 24), (1, 24), (2, 6)] {
        let of_class = folder.join("pictures/train").join(format!("class-{class}"));
        std::fs::create_dir_all(&of_class).unwrap();
        for number in 0..count {
            let picture = image::GrayImage::from_fn(12, 12, |_, y| {
                image::Luma([next() as u8 + if y * 3 / 12 == class { 110 } else { 0 }])
            });
            picture.save(of_class.join(format!("{number}.png"))).unwrap();
        }
    }
    let test = folder.join("pictures/test/class-0");
    std::fs::create_dir_all(&test).unwrap();
    std::fs::write(test.join("broken.png"), "no picture").unwrap();
}

#[test]
fn each_image_is_tested_on_once_and_never_trained_on_by_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_pictures(here);
    let line = "train --data pictures --model digit-net --epochs 3 --batch-size 8 --folds 3 --out cv";
    let told = cnn_in(here, &format!("{line} --set training.best-by=balanced-accuracy")).good().stdout;
    assert!(told.contains("3 folds, each image") && told.contains("balanced accuracy"), "{told}");

    let read = |path: &str| std::fs::read_to_string(here.join(path)).unwrap();
    let column = |text: &str, at: usize| -> Vec<String> {
        text.lines().skip(1).map(|row| row.split(',').nth(at).unwrap().to_owned()).collect()
    };
    let all = column(&read("cv/predictions.csv"), 1);
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (54, 54));
    for number in 1..=3 {
        let splits = read(&format!("cv/fold-{number}/splits.csv"));
        let of = |split: &str| -> BTreeSet<String> {
            let rows = splits.lines().filter(|row| row.starts_with(split));
            rows.map(|row| row.split(',').nth(2).unwrap().to_owned()).collect()
        };
        let (train, validation, test) = (of("train,"), of("validation,"), of("test,"));
        assert_eq!((train.len() + validation.len(), test.len()), (36, 18));
        assert!(train.is_disjoint(&test) && validation.is_disjoint(&test) && train.is_disjoint(&validation));
        assert_eq!(test.iter().filter(|file| file.contains("class-2")).count(), 2);
        let tested: BTreeSet<String> =
            column(&read(&format!("cv/fold-{number}/predictions.csv")), 1).into_iter().collect();
        assert_eq!(tested, test);
    }
    let result = read_json(&here.join("cv/result.json"));
    assert_eq!((result["folds"].as_array().unwrap().len(), &result["test"]["images"]), (3, &54.into()));
    let sum: u64 = (result["folds"].as_array().unwrap().iter())
        .map(|fold| fold["test"]["correct"].as_u64().unwrap())
        .sum();
    assert_eq!(result["test"]["correct"], sum);
    assert!(result["scores"]["balanced_accuracy"]["low"].is_f64(), "{result}");

    // A fold is an ordinary run.
    let again = cnn_in(here, "reproduce cv/fold-2").good().stdout;
    assert!(again.contains("bit for bit"), "{again}");
    cnn_in(here, line).bad(1, &["cv exists already"]);
    cnn_in(here, "train --data pictures --folds 1").bad(2, &["from 2 to 100"]);
    cnn_in(here, "train --data pictures --folds 60 --out other").bad(1, &["folds is 60", "54"]);
}
