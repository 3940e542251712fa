//! What a run leaves to look at, and the commands that look at runs.

mod common;

use std::fs;
use std::path::Path;

use common::{cnn_in, read_json, small_mnist};

/// Trains a small run.
fn run(here: &Path, more: &str) {
    cnn_in(here, &format!("train --data idx:small --epochs 2 --lr 2e-3 {more}")).good();
}

#[test]
fn a_report_is_one_file_without_scripts_and_is_drawn_again_from_the_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 1000, 300);
    run(here, "--out a");
    let page = fs::read_to_string(here.join("a/report.html")).unwrap();
    for told in [
        "test accuracy",
        "95 % interval",
        "Confusion matrix",
        "calibration error",
        "data:image/png;base64,",
        "kind = ",
    ] {
        assert!(page.contains(told), "{told}");
    }
    for foreign in ["<script", "http://", "https://", "src=\"/"] {
        let met = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!met.contains(foreign), "{foreign}");
    }
    let card = fs::read_to_string(here.join("a/card.md")).unwrap();
    assert!(card.contains("| balanced accuracy |") && card.contains("## Intended use"), "{card}");

    // The images are gone, and the folder is enough.
    fs::remove_dir_all(here.join("small")).unwrap();
    fs::remove_file(here.join("a/report.html")).unwrap();
    fs::remove_file(here.join("a/plots/roc_pr.png")).unwrap();
    let told = cnn_in(here, "report a").good().stdout;
    assert!(told.contains("a/report.html") && told.contains("a/plots/roc_pr.png"), "{told}");
    assert_eq!(fs::read_to_string(here.join("a/report.html")).unwrap(), page);
}

#[test]
fn tables_agree_with_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 1000, 300);
    run(here, "--out a");
    let result = read_json(&here.join("a/result.json"));
    let rows = |name: &str| fs::read_to_string(here.join("a").join(name)).unwrap();
    let predictions = rows("predictions.csv");
    let right = predictions.lines().skip(1).filter(|row| row.split(',').nth(5) == Some("1")).count();
    assert_eq!(
        (predictions.lines().count(), right as u64),
        (301, result["test"]["correct"].as_u64().unwrap())
    );
    let splits = rows("splits.csv");
    let of = |split: &str| splits.lines().filter(|row| row.starts_with(split)).count();
    assert_eq!((of("train,"), of("validation,"), of("test,")), (900, 100, 300));
    let diagonal: u64 = (rows("confusion.csv").lines().skip(1).enumerate())
        .map(|(class, row)| row.split(',').nth(class + 1).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(diagonal, right as u64);
    let accuracy = &result["scores"]["accuracy"];
    assert_eq!(accuracy["value"], result["test"]["accuracy"]);
    assert!(accuracy["low"].as_f64() < accuracy["value"].as_f64(), "{accuracy}");
    assert_eq!(read_json(&here.join("a/run.json"))["data_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_run_is_reproduced_bit_for_bit_and_other_images_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 600, 100);
    run(here, "--out a --threads 1");
    let told = cnn_in(here, "reproduce a --threads 2").good().stdout;
    assert!(told.contains("the same, bit for bit"), "{told}");
    small_mnist(here, 500, 100);
    cnn_in(here, "reproduce a --out c").bad(1, &["the images: ", "the same data"]);
}

#[test]
fn runs_are_compared_by_their_figures_and_by_what_they_differ_in() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 600, 100);
    run(here, "--out a");
    run(here, "--out b --set training.label-smoothing=0.25");
    let told = cnn_in(here, "compare a b --out both.svg").good().stdout;
    let row = |name: &str| {
        told.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {told}"))
    };
    assert!(row("training.label-smoothing").ends_with("0.25"), "{told}");
    assert!(row("test accuracy").contains('%') && !told.contains("batch-size"), "{told}");
    let curves = fs::read_to_string(here.join("both.svg")).unwrap();
    assert!(curves.contains(">a<") && curves.contains(">b<"));
    cnn_in(here, "compare a b --out both.svg").bad(1, &["both.svg exists already"]);
    cnn_in(here, "compare a b --out both.gif").bad(2, &[".svg or .png"]);
    cnn_in(here, "compare a small").bad(1, &["small", "config.toml"]);
}

#[test]
fn the_range_test_suggests_a_rate_that_trains_and_leaves_nothing_but_its_curve() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 600, 100);
    let before = common::all_files(here).len();
    let line = "find-lr --data idx:small --batch-size 32";
    let told = cnn_in(here, &format!("{line} --out lr.svg --threads 1")).good().stdout;
    let rate = told.lines().last().unwrap().strip_prefix("suggestion: --lr ").unwrap();
    assert!((1e-4..0.1).contains(&rate.parse::<f64>().unwrap()), "{told}");
    assert!(fs::read_to_string(here.join("lr.svg")).unwrap().contains(&format!("suggestion {rate}")));
    assert_eq!(common::all_files(here).len(), before + 1);
    assert!(
        cnn_in(here, &format!("{line} --threads 2"))
            .good()
            .stdout
            .ends_with(&format!("suggestion: --lr {rate}\n"))
    );
    cnn_in(here, &format!("{line} --low 1 --high 0.1")).bad(1, &["highest rate is 0.1", "above the lowest"]);
    cnn_in(here, &format!("{line} --low 1e-12 --high 1e-11")).bad(1, &["never fell"]);
}
