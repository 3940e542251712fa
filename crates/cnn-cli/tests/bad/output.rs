//! Folders that exist, cannot be written or are full, and a loss that becomes infinite.

use crate::common::{cnn_in, read_json, small_mnist};

#[test]
fn an_output_folder_that_exists_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 200, 20);
    std::fs::create_dir(here.join("mine")).unwrap();
    std::fs::write(here.join("mine/thesis.txt"), "years of work").unwrap();
    cnn_in(here, "train --data idx:small --out mine")
        .bad(1, &["mine", "exists", "choose another --out, or remove"]);
    assert_eq!(std::fs::read_to_string(here.join("mine/thesis.txt")).unwrap(), "years of work");
    assert_eq!(std::fs::read_dir(here.join("mine")).unwrap().count(), 1);
}

#[test]
fn an_output_folder_that_cannot_be_made_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 200, 20);
    std::fs::write(here.join("file"), "").unwrap();
    cnn_in(here, "train --data idx:small --out file/run").bad(1, &["file"]);
}

/// `/dev/full` is a device on which every write fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_the_file_that_did_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 200, 20);
    // The process may write files of at most 64 KiB, so that pictures and weights do not fit; the signal that the system
    // sends for it is ignored, so that the write itself fails.
    let program = env!("CARGO_BIN_EXE_cnn");
    let script =
        format!("trap '' XFSZ; ulimit -f 64; exec {program} train --data idx:small --epochs 1 --out a");
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(here).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("error: cannot write a/") && told.contains("File too large"), "{told}");
}

#[test]
fn a_loss_that_becomes_infinite_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 400, 20);
    let line = "train --data idx:small --set optimizer.kind=sgd --lr 1e30 --epochs 2 --out a";
    cnn_in(here, line).bad(1, &["epoch 1", "batch", "learning rate", "checkpoints/last.safetensors"]);
    assert!(here.join("a/checkpoints/last.safetensors").exists());
    assert!(!here.join("a/result.json").exists(), "{}", read_json(&here.join("a/result.json")));
}
