//! Where images come from: folders of pictures, and names that are looked for in several places.

mod common;

use std::path::Path;
use std::process::Command;

use common::{cnn_in, read_json, trained, write_digit};

/// Pictures of one colour and striped ones, of more than one size, in class folders.
fn pictures(folder: &Path, count: u32) {
    for (class, stripes) in [("plain", 1), ("striped", 4)] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..count {
            let picture = image::RgbImage::from_fn(20 + index % 3, 24, |x, y| {
                let level = if (y / 2).is_multiple_of(stripes) { 230 } else { 20 };
                image::Rgb([level, (level / 2) + (index % 7) as u8, (x * 5) as u8])
            });
            picture.save(folder.join(format!("{class}/{index}.png"))).unwrap();
        }
    }
}

#[test]
fn a_folder_with_splits_is_trained_validated_and_tested_by_class_names() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (split, count) in [("train", 30), ("val", 8), ("test", 6)] {
        pictures(&here.join("photos").join(split), count);
    }
    let line =
        "train --data photos --model mnist-cnn --set input.size=[24,24] --epochs 6 --batch-size 10 --out a";
    let ran = cnn_in(here, line).good();
    assert!(
        ran.stderr.contains("60 training images, 16 validation images, 2 classes, 24x24x3"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read_to_string(here.join("a/classes.txt")).unwrap(), "plain\nstriped\n");
    let result = read_json(&here.join("a/result.json"));
    assert_eq!((&result["test"]["images"], &result["test"]["correct"]), (&12.into(), &12.into()));

    let predicted = cnn_in(
        here,
        "predict a/best.safetensors photos/test/striped/0.png photos/test/plain/1.png --format csv --top 1",
    )
    .good();
    let classes: Vec<&str> =
        predicted.stdout.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(classes, ["striped", "plain"]);

    std::fs::rename(here.join("photos/test/plain"), here.join("photos/test/plaid")).unwrap();
    cnn_in(here, "eval a/best.safetensors --data photos").bad(1, &["plaid", "plain, striped"]);
    let of_training =
        cnn_in(here, "eval a/best.safetensors --data photos --split train --json").good().json();
    assert_eq!(of_training["images"], 60);
}

#[test]
fn a_folder_without_splits_holds_validation_images_out_and_is_evaluated_whole() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    pictures(&here.join("photos"), 20);
    let line = "train --data photos --model lenet5 --epochs 1 --set data.validation=0.25 --out a";
    let ran = cnn_in(here, line).good();
    assert!(ran.stderr.contains("30 training images, 10 validation images"), "{}", ran.stderr);
    assert!(ran.stdout.contains("no test images in"), "{}", ran.stdout);
    let all = cnn_in(here, "eval a/best.safetensors --data photos --json").good().json();
    assert_eq!(all["images"], 40);
    cnn_in(here, "eval a/best.safetensors --data photos --split test").bad(1, &["no test images", "--split"]);
}

#[test]
fn names_are_looked_for_in_data_dir_then_cnn_data_then_data_then_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let model = trained(here);
    let real = common::root().join("data/mnist");
    let empty_mnist = |place: &str| {
        let folder = here.join(place).join("mnist");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("t10k-images-idx3-ubyte.gz"), b"").unwrap();
    };
    let eval = |data_dir: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cnn"));
        command
            .args(["eval".as_ref(), model.as_os_str()])
            .args(["--data", "mnist", "--json"])
            .current_dir(here);
        command.env("CNN_DATA", here.join("variable")).env("HOME", here).env_remove("XDG_CACHE_HOME");
        if let Some(data_dir) = data_dir {
            command.args(["--data-dir", data_dir]);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // From the last place to the first: each that appears is met before those that were there.
    if cfg!(all(unix, not(target_os = "macos"))) {
        empty_mnist(".cache/cnn");
        assert!(eval(None).1.contains(".cache/cnn/mnist"));
    }
    for (place, data_dir) in [("data", None), ("variable", None), ("flag", Some("flag"))] {
        empty_mnist(place);
        let (code, told) = eval(data_dir);
        assert_eq!(code, Some(1));
        assert!(told.contains(&format!("{place}/mnist/")), "{place}: {told}");
    }
    std::fs::remove_dir_all(here.join("flag/mnist")).unwrap();
    copy(&real, &here.join("flag/mnist"));
    assert_eq!(eval(Some("flag")), (Some(0), String::new()));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_colour_photograph_of_any_size_is_predicted_by_a_network_of_grey_digits() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here);
    write_digit(&here.join("digit.png"), 0);
    let photo = image::RgbImage::from_fn(123, 45, |x, y| image::Rgb([x as u8, y as u8, 77]));
    photo.save(here.join("photo.jpg")).unwrap();
    let line = "predict trained/best.safetensors photo.jpg digit.png --format json --top 99";
    let answers = cnn_in(here, line).good().json();
    let sum: f64 = answers[0]["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|guess| guess["probability"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-5, "{answers}");
    assert_eq!(answers[0]["top"].as_array().unwrap().len(), 10);
}

#[test]
fn the_folder_of_one_class_is_refused_and_its_parent_is_named_as_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("photos"), 6);
    std::fs::remove_dir_all(folder.path().join("photos/striped")).unwrap();
    cnn_in(folder.path(), "train --data photos --epochs 1 --out a")
        .bad(1, &["1 class only", "one folder for each class"]);
    assert!(!folder.path().join("a").exists());
}

#[test]
fn what_windows_leaves_in_a_folder_is_no_picture_and_no_error_and_a_run_is_named_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    pictures(&here.join("photos"), 20);
    std::fs::write(here.join("photos/plain/Thumbs.db"), b"not a picture").unwrap();
    cnn_in(here, "train --data photos --model mnist-cnn --set input.size=[24,24] --epochs 1 --out a").good();
    let result = read_json(&here.join("a/result.json"));
    assert_eq!(result["best_epoch"], 1);
    assert!(result["validation"]["accuracy"].is_number(), "{result}");
    assert_eq!(
        cnn_in(here, "predict a photos/plain/0.png --format json").good().json().as_array().unwrap().len(),
        1
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    pictures(&here.join("photos"), 20);
    let mut run = Command::new(env!("CARGO_BIN_EXE_cnn"))
        .args(
            "train --data photos --model mnist-cnn --set input.size=[24,24] --epochs 1 --out a"
                .split_whitespace(),
        )
        .current_dir(here)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads what the run prints.
    drop((run.stdout.take(), run.stderr.take()));
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert!(here.join("a/best.safetensors").is_file());
}
