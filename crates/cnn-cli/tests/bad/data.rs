//! Data sets that are absent, cut short, altered, or lie about their size.

use crate::common::{cnn_in, gunzip, gzip, small_mnist};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte.gz";

#[test]
fn an_absent_data_set_names_every_place_that_was_searched() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--data-dir", "CNN_DATA", "data", "cache", "cifar10:DIR"];
    cnn_in(folder.path(), "train --data cifar10 --data-dir elsewhere").bad(1, &words);
    cnn_in(folder.path(), "train --data cifar10:elsewhere").bad(1, &["elsewhere", "no folder"]);
}

#[test]
fn a_truncated_file_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_mnist(folder.path(), 200, 20).join(TRAIN_IMAGES);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    cnn_in(folder.path(), "train --data idx:small --out a").bad(1, &[TRAIN_IMAGES]);
    assert!(!folder.path().join("a").exists(), "a run folder was made");
}

#[test]
fn a_file_with_an_altered_byte_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_mnist(folder.path(), 200, 20).join(TRAIN_IMAGES);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&path, &bytes).unwrap();
    cnn_in(folder.path(), "train --data idx:small --out a").bad(1, &[TRAIN_IMAGES]);
}

#[test]
fn mnist_that_is_not_the_published_one_is_refused_by_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let small = small_mnist(folder.path(), 200, 20);
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::rename(small, folder.path().join("data/mnist")).unwrap();
    cnn_in(folder.path(), "train --data mnist").bad(1, &["train-", "SHA-256", "expected"]);
}

#[test]
fn a_header_that_lies_about_the_size_is_found_without_allocating_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_mnist(folder.path(), 200, 20).join(TRAIN_IMAGES);
    let honest = gunzip(&std::fs::read(&path).unwrap());
    for dimensions in [[201, 28, 28], [199, 28, 28], [u32::MAX, u32::MAX, u32::MAX], [0, 28, 28]] {
        let mut lying = honest.clone();
        for (axis, size) in dimensions.into_iter().enumerate() {
            lying[4 + 4 * axis..][..4].copy_from_slice(&size.to_be_bytes());
        }
        std::fs::write(&path, gzip(&lying)).unwrap();
        cnn_in(folder.path(), "train --data idx:small --out a").bad(1, &[TRAIN_IMAGES]);
    }
}

#[test]
fn labels_that_do_not_fit_the_images_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_mnist(folder.path(), 200, 20).join("train-labels-idx1-ubyte.gz");
    let mut labels = gunzip(&std::fs::read(&path).unwrap());
    labels.truncate(8 + 150);
    labels[4..8].copy_from_slice(&150u32.to_be_bytes());
    std::fs::write(&path, gzip(&labels)).unwrap();
    cnn_in(folder.path(), "train --data idx:small").bad(1, &["200", "150"]);
}
