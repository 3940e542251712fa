//! `cnn data download`, from folders that stand for the origins.

mod common;

use std::process::Command;

use common::{Ran, all_files, cnn_in, cnn_with, root};

/// A mirror with MNIST, whose files lie in the checkout.
fn mirror() -> String {
    root().join("data").display().to_string()
}

#[test]
fn a_downloaded_set_is_checked_found_by_its_name_and_left_alone_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["data", "download", "mnist", "--mirror", &mirror()];
    let first = cnn_with(folder.path(), &line).good();
    // HOME is this folder, and where the cache is in it depends on the system.
    assert!(first.stdout.contains("mnist: complete in"), "{}", first.stdout);
    assert!(first.stdout.contains("next: cnn train --data mnist\n"), "{}", first.stdout);
    assert_eq!(first.stderr, "");
    let files = all_files(folder.path());
    assert_eq!(files.iter().filter(|file| file.ends_with(".gz")).count(), 4, "{files:?}");
    assert!(!files.iter().any(|file| file.ends_with(".part")), "{files:?}");

    let again = cnn_with(folder.path(), &["data", "download", "mnist", "--mirror", &mirror()]).good();
    assert!(again.stdout.contains("mnist: already there in"), "{}", again.stdout);
}

#[test]
fn the_folder_and_the_mirror_are_taken_from_flags_and_environment() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |variable: &str, value: &str, line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cnn"));
        command.args(line.split_whitespace()).current_dir(folder.path());
        command.env("HOME", folder.path()).env_remove("CNN_DATA").env(variable, value);
        let output = command.output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let there = ran("CNN_MIRROR", &mirror(), "data download mnist --data-dir sets").good();
    assert!(there.stdout.contains("next: cnn train --data mnist --data-dir sets"), "{}", there.stdout);
    assert!(folder.path().join("sets/mnist/t10k-labels-idx1-ubyte.gz").is_file());

    let line = format!("data download mnist --mirror {}", mirror());
    ran("CNN_DATA", "others", &line).good();
    assert!(folder.path().join("others/mnist/t10k-labels-idx1-ubyte.gz").is_file());
}

#[test]
fn what_cannot_be_fetched_is_told_with_every_origin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    cnn_in(folder.path(), "data download cifar10 --data-dir d --mirror empty")
        .bad(1, &["cifar-10-binary.tar.gz could not be fetched", "empty/cifar10/cifar-10-binary.tar.gz: "]);
    cnn_in(folder.path(), "data download minst").bad(2, &["did you mean mnist?", "cifar100"]);
    cnn_in(folder.path(), "data download mnist --mirror nowhere").bad(1, &["nowhere", "is no folder"]);
    // MNIST's files are not Fashion-MNIST's, whatever they are called.
    let digits = root().join("data/mnist").display().to_string();
    let line = ["data", "download", "fashion-mnist", "--data-dir", "d", "--mirror", &digits];
    cnn_with(folder.path(), &line).bad(1, &["has 9912422 bytes, expected 26421880"]);
}
