//! A dry run says what a run would take, and leaves every file and folder as it was.

mod common;

use std::path::Path;
use std::time::SystemTime;

use common::{cnn_in, small_mnist};

/// Everything below a folder, and it itself: names, times and contents.
fn tree(folder: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(path) = left.pop() {
        let modified = path.metadata().unwrap().modified().unwrap();
        let content = if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            std::fs::read(&path).unwrap()
        };
        found.push((path.display().to_string(), modified, content));
    }
    found.sort();
    found
}

const CONFIG: &str = r#"
[data]
source = "idx:small"
validation = 0.2
[model]
name = "lenet5"
[training]
epochs = 7
batch-size = 16
ema-decay = 0.9
class-weights = "balanced"
on-nonfinite = "rollback"
patience = 2
keep = "best"
[[augment]]
kind = "random-affine"
degrees = 5.0
[[mix]]
kind = "mix-up"
alpha = 0.4
"#;

#[test]
fn a_dry_run_tells_shapes_memory_and_time_and_changes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 300, 50);
    std::fs::write(here.join("run.toml"), CONFIG).unwrap();
    std::fs::create_dir(here.join("runs")).unwrap();
    let before = tree(here);
    let ran = cnn_in(here, "train --config run.toml --dry-run").good();
    for told in [
        "input         16x28x28x1\n",
        "output        16x10\n",
        "parameters    61,706\n",
        "for a batch of 16",
        "checkpoint    ",
        "an epoch      15 steps of ",
        ", 1 of ",
        "the run       7 epochs: about ",
        "run folder    runs/",
        "2 batches went through",
    ] {
        assert!(ran.stdout.contains(told), "{told:?} in {}", ran.stdout);
    }
    assert!(ran.stderr.contains("240 training images, 60 validation images"), "{}", ran.stderr);
    for line in [
        "train --data idx:small --dry-run --out new/folder -q",
        "train --data idx:small --dry-run --model mnist-cnn --set training.accumulate=4 --log json",
    ] {
        cnn_in(here, line).good();
    }
    assert_eq!(tree(here), before);
}

#[test]
fn what_a_run_would_fail_at_a_dry_run_fails_at() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 100, 20);
    let before = tree(here);
    let dry = "train --data idx:small --dry-run --epochs 1";
    cnn_in(here, &format!("{dry} --out small")).bad(1, &["small exists already"]);
    cnn_in(here, &format!("{dry} --out small/t10k-images-idx3-ubyte.gz/run")).bad(1, &["cannot create"]);
    cnn_in(here, &format!("{dry} --lr 1e30 --set optimizer.kind=sgd")).bad(1, &["epoch 1"]);
    cnn_in(here, "train --data absent --dry-run").bad(2, &["absent"]);
    let resumed = cnn_in(here, "train --resume small --dry-run");
    assert_eq!(resumed.code, 2, "{}", resumed.stderr);
    assert_eq!(tree(here), before);
}
