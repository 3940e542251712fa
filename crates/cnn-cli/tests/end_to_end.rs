//! The whole road on a few real images: train, evaluate, predict, summarise.

mod common;

use common::{all_files, cnn_in, read_json, small_mnist, write_digit};

#[test]
fn the_whole_road_from_images_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 2000, 500);

    let ran = cnn_in(
        here,
        "train --data idx:small --model lenet5 --epochs 3 --batch-size 32 --lr 2e-3 --seed 1 --out runs/a",
    )
    .good();
    for told in ["test accuracy", "predicted", "samples/worst.png", "next: "] {
        assert!(ran.stdout.contains(told), "{told:?} in {}", ran.stdout);
    }
    for told in ["epoch 1/3", "images/s", "run folder: runs/a"] {
        assert!(ran.stderr.contains(told), "{told:?} in {}", ran.stderr);
    }
    let files = all_files(&here.join("runs/a"));
    for file in [
        "best.safetensors",
        "checkpoints/last.safetensors",
        "classes.txt",
        "config.toml",
        "metrics.csv",
        "plots/confusion.svg",
        "plots/curves.svg",
        "result.json",
        "run.json",
        "samples/first.png",
        "samples/worst.png",
    ] {
        assert!(files.iter().any(|there| there == file), "{file} in {files:?}");
    }
    let result = read_json(&here.join("runs/a/result.json"));
    assert_eq!((&result["epochs"], &result["seed"]), (&3.into(), &1.into()));
    assert!(result["train_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(result["weights_sha256"].as_str().unwrap().len(), 64);
    assert!(result["test"]["accuracy"].as_f64().unwrap() > 0.7, "{result}");

    let evaluated = cnn_in(here, "eval runs/a/best.safetensors --data idx:small --json").good().json();
    assert_eq!(evaluated, result["test"]);
    let keys: Vec<&String> = evaluated.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["accuracy", "correct", "images", "loss"]);
    assert_eq!(evaluated["images"], 500);
    let text = cnn_in(here, "eval runs/a/best.safetensors --data idx:small --batch-size 7").good().stdout;
    assert!(text.starts_with("test accuracy"), "{text}");

    write_digit(&here.join("seven.png"), 0);
    write_digit(&here.join("two.png"), 1);
    let predicted =
        cnn_in(here, "predict runs/a/best.safetensors seven.png two.png --top 2 --format json").good().json();
    assert_eq!(predicted[0]["file"], "seven.png");
    assert_eq!(predicted[0]["top"][0]["class"], "7");
    assert_eq!(predicted[0]["top"][0]["index"], 7);
    assert_eq!(predicted[1]["file"], "two.png");
    assert_eq!(predicted[1]["top"].as_array().unwrap().len(), 2);
    let probability = predicted[0]["top"][0]["probability"].as_f64().unwrap();
    assert!(probability > 0.3 && probability <= 1.0, "{predicted}");
    let table = cnn_in(here, "predict runs/a/best.safetensors seven.png").good().stdout;
    assert!(table.starts_with("seven.png   7"), "{table}");
    let csv = cnn_in(here, "predict runs/a/best.safetensors seven.png --format csv --top 1").good().stdout;
    assert!(csv.starts_with("file,rank,class,index,probability\nseven.png,1,7,7,0."), "{csv}");
}

#[test]
fn the_summary_of_a_network_has_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let summary = cnn_in(folder.path(), "summary lenet5 --batch-size 64 --json").good().json();
    assert_eq!(summary["parameters"], 61_706);
    assert_eq!(summary["multiply_adds"], 416_520);
    assert!(summary["inference_bytes"].as_u64().unwrap() > 64 * 28 * 28 * 4);
    assert!(summary["training_bytes"].as_u64() > summary["inference_bytes"].as_u64());
    assert!(!summary["layers"].as_array().unwrap().is_empty());
    let text = cnn_in(folder.path(), "summary mnist-cnn --input 32x32x3 --classes 5").good().stdout;
    assert!(text.contains("conv1") && text.contains("multiply-adds"), "{text}");
}

#[test]
fn a_run_trains_again_from_its_own_configuration_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    small_mnist(here, 300, 50);
    cnn_in(here, "train --data idx:small --epochs 1 --set optimizer.kind=sgd --lr 0.05 --out a").good();
    cnn_in(here, "train --config a/config.toml --out b").good();
    let weights = |run: &str| read_json(&here.join(run).join("result.json"))["weights_sha256"].clone();
    assert_eq!(weights("a"), weights("b"));
    assert_eq!(
        std::fs::read_to_string(here.join("a/config.toml")).unwrap(),
        std::fs::read_to_string(here.join("b/config.toml")).unwrap()
    );
}
