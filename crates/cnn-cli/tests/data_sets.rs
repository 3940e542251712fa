//! Looking after data sets: splits as a table, and what is wrong with a folder.

mod common;

use std::fs;
use std::path::Path;

use common::{cnn_in, write_digit};

/// Digits of MNIST as two classes, with names that tell groups of two.
fn digits(folder: &Path, count: usize) {
    for index in 0..count {
        let class = folder.join(["a", "b"][index / 2 % 2]);
        fs::create_dir_all(&class).unwrap();
        write_digit(&class.join(format!("p{}_{index}.png", index / 2)), index);
    }
}

#[test]
fn a_split_is_written_once_and_is_the_same_for_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    digits(&here.join("all"), 40);
    let ran = cnn_in(here, "data split all --val 0.2 --test 0.2 --group-by ^p([0-9]+)_").good();
    for told in ["class", "validation", "40 pictures in 20 groups, each on one side: splits.csv"] {
        assert!(ran.stdout.contains(told), "{told:?} in {}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    let table = fs::read_to_string(here.join("splits.csv")).unwrap();
    assert!(table.starts_with("path,label,split,group\nall/a/p0_0.png,a,"), "{table}");
    assert_eq!((table.lines().count(), table.matches(",test,").count()), (41, 8));
    cnn_in(here, "train --data splits.csv --model lenet5 --epochs 1 --out run").good();
    cnn_in(here, "data split all").bad(1, &["splits.csv exists already", "--out"]);
    cnn_in(here, "data split all --val 0.2 --test 0.2 --group-by ^p([0-9]+)_ --out again.csv").good();
    assert_eq!(fs::read_to_string(here.join("again.csv")).unwrap(), table);

    let ran = cnn_in(here, "data split again.csv --folds 10 --group-by group --out folds.csv").good();
    assert!(ran.stdout.contains("each fold"), "{}", ran.stdout);
    assert!(fs::read_to_string(here.join("folds.csv")).unwrap().starts_with("path,label,split,group,fold\n"));
    cnn_in(here, "data split all --group-by ^p1 --out x.csv")
        .bad(1, &["18 files", "a/p2_", "regular expression"]);
    cnn_in(here, "data split none --out x.csv").bad(1, &["none"]);
    assert!(!here.join("x.csv").exists());
}

#[test]
fn a_check_ends_with_3_where_there_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    digits(&here.join("set/train"), 8);
    digits(&here.join("set/test"), 4);
    cnn_in(here, "data check nowhere").bad(1, &["nowhere is no folder"]);
    fs::write(here.join("set/train/a/p9_9.png"), "").unwrap();
    let ran = cnn_in(here, "data check set --html report.html");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for told in ["equal pictures in different splits (4)", "test/a/p0_0.png", "files without a byte (1)"] {
        assert!(ran.stdout.contains(told), "{told:?} in {}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    let page = fs::read_to_string(here.join("report.html")).unwrap();
    assert!(page.matches("data:image/png;base64,").count() >= 8 && !page.contains("http"), "{page}");
    let ran = cnn_in(here, "data check set --json");
    assert_eq!((ran.code, &ran.json()["findings"][0]["kind"]), (3, &"duplicates-across-splits".into()));

    fs::remove_dir_all(here.join("set/test")).unwrap();
    fs::remove_file(here.join("set/train/a/p9_9.png")).unwrap();
    let ran = cnn_in(here, "data check set/train").good();
    assert!(ran.stdout.ends_with("8 files looked at: nothing to report\n"), "{}", ran.stdout);
}
