//! Test images are read once, after training: a run without them, or with broken ones, trains to the end.

mod common;

use common::{cnn_in, read_json, small_mnist};

#[test]
fn without_test_images_the_run_trains_to_the_end_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let small = small_mnist(here, 400, 50);
    let with = "train --data idx:small --epochs 2 --out with";
    cnn_in(here, with).good();
    for kind in ["images-idx3", "labels-idx1"] {
        std::fs::remove_file(small.join(format!("t10k-{kind}-ubyte.gz"))).unwrap();
    }
    let ran = cnn_in(here, "train --data idx:small --epochs 2 --out without").good();
    assert!(ran.stdout.contains("no test images in"), "{}", ran.stdout);
    assert!(ran.stdout.contains("validation accuracy"), "{}", ran.stdout);
    let (with, without) =
        (read_json(&here.join("with/result.json")), read_json(&here.join("without/result.json")));
    assert!(with["test"].is_object() && without["test"].is_null(), "{with} {without}");
    assert_eq!(with["weights_sha256"], without["weights_sha256"], "the test images changed the weights");
}

#[test]
fn broken_test_images_are_met_after_the_model_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let small = small_mnist(here, 300, 50);
    std::fs::write(small.join("t10k-images-idx3-ubyte.gz"), b"no gzip").unwrap();
    cnn_in(here, "train --data idx:small --epochs 1 --out a").bad(1, &["t10k-images-idx3-ubyte.gz"]);
    let result = read_json(&here.join("a/result.json"));
    assert!(result["test"].is_null());
    assert!(here.join("a/best.safetensors").exists() && here.join("a/plots/curves.svg").exists());
}
