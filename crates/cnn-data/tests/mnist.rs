//! MNIST as it lies in the repository, and sets of the user's own in the same form. Test files are not touched by
//! the training split.

use std::fs;
use std::path::{Path, PathBuf};

use cnn_data::sources::mnist::{Family, holds, load};
use cnn_data::{Dataset, Error, HoldOut, Pixels, Size, Split, Statistics, Target, hold_out};

/// The folder with MNIST; `None` where this crate is built outside its repository.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn mnist() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let there = holds(&folder, Family::Mnist, Split::Train);
    if !there {
        eprintln!("skipped: {} is not there", folder.display());
    }
    there.then_some(folder)
}

/// An IDX file of unsigned bytes.
fn idx(shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, shape.len() as u8];
    header
        .into_iter()
        .chain(shape.iter().flat_map(|size| size.to_be_bytes()))
        .chain(elements.iter().copied())
        .collect()
}

#[test]
fn both_splits_have_their_published_sizes_and_first_digits() {
    let Some(folder) = mnist() else { return };
    let train = load(&folder, Family::Mnist, Split::Train).unwrap();
    let test = load(&folder, Family::Mnist, Split::Test).unwrap();
    assert_eq!((train.len(), test.len(), train.size()), (60_000, 10_000, Size::new(28, 28)));
    assert_eq!(train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(test.target(0).unwrap(), Target::Class(7));
    assert_eq!(train.classes().unwrap().name(9), Some("9"));
    // Published by many: mean 0.1307 and standard deviation 0.3081 of the training images.
    let statistics = Statistics::measure(&train, 1, usize::MAX).unwrap();
    assert!(
        (statistics.mean[0] - 0.1307).abs() < 5e-5 && (statistics.std[0] - 0.3081).abs() < 5e-5,
        "{statistics:?}"
    );

    let (kept, held_out) = hold_out(&train, HoldOut::Count(5000), 1).unwrap();
    assert_eq!((kept.len(), held_out.len()), (55_000, 5_000));
    for class in 0..10 {
        let share = |indices: &[usize]| {
            indices.iter().filter(|&&index| train.labels()[index] == class).count() as f64
                / indices.len() as f64
        };
        assert!((share(kept.indices()) - share(held_out.indices())).abs() < 3e-4);
    }
}

#[test]
fn the_training_split_does_without_the_test_files() {
    let Some(folder) = mnist() else { return };
    let copy = tempfile::tempdir().unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(load(copy.path(), Family::Mnist, Split::Train).unwrap().len(), 60_000);
    let message = load(copy.path(), Family::Mnist, Split::Test).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot read ") && message.contains("t10k-images-idx3-ubyte.gz"),
        "{message}"
    );
}

#[test]
fn a_truncated_or_altered_file_is_found_by_its_sum() {
    let Some(folder) = mnist() else { return };
    let copy = tempfile::tempdir().unwrap();
    for name in ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    let labels = copy.path().join("t10k-labels-idx1-ubyte.gz");
    let whole = fs::read(&labels).unwrap();
    fs::write(&labels, &whole[..4000]).unwrap();
    let error = load(copy.path(), Family::Mnist, Split::Test).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Checksum { bytes: 4000, .. }));
    assert!(
        message.contains("t10k-labels")
            && message.contains("expected f7ae60f92e00")
            && message.contains("cut short")
    );
    // The same file in a set whose sums are not known: the gzip data itself shows it.
    let message = load(copy.path(), Family::Other, Split::Test).unwrap_err().to_string();
    assert!(message.contains("the gzip data is cut short or damaged"), "{message}");
    let mut altered = whole;
    altered[4] ^= 1;
    fs::write(&labels, altered).unwrap();
    assert!(matches!(load(copy.path(), Family::Mnist, Split::Test), Err(Error::Checksum { .. })));
}

#[test]
fn a_set_of_ones_own_loads_plain_and_unchecked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train-images-idx3-ubyte"), idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6])).unwrap();
    fs::write(folder.path().join("train-labels-idx1-ubyte"), idx(&[2], &[4, 0])).unwrap();
    let set = load(folder.path(), Family::Other, Split::Train).unwrap();
    assert_eq!(set.classes().unwrap().names(), ["0", "1", "2", "3", "4"]);
    let sample = set.get(0).unwrap();
    assert_eq!((sample.target, sample.image.pixels()), (Target::Class(4), &Pixels::U8(vec![1, 2, 3])));
    assert!(matches!(load(folder.path(), Family::Mnist, Split::Train), Err(Error::Checksum { .. })));
    let message = load(folder.path(), Family::Other, Split::Validation).unwrap_err().to_string();
    assert!(message.ends_with("has no validation split; hold some of the training set out"));
}

#[test]
fn images_and_labels_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |images: Vec<u8>, labels: Vec<u8>| {
        fs::write(folder.path().join("train-images-idx3-ubyte"), images).unwrap();
        fs::write(folder.path().join("train-labels-idx1-ubyte"), labels).unwrap();
        load(folder.path(), Family::FashionMnist, Split::Train).unwrap_err().to_string()
    };
    assert!(
        write(idx(&[2, 1, 1], &[1, 2]), idx(&[3], &[0, 0, 0])).contains("labels of shape [3] for 2 images")
    );
    assert!(write(idx(&[2], &[1, 2]), idx(&[2], &[0, 0])).contains("expected [images, height, width]"));
    assert!(
        write(idx(&[1, 1, 1], &[1]), idx(&[1], &[10]))
            .contains("label 10 of picture 0 is not below the 10 classes")
    );
    assert!(write(idx(&[0, 28, 28], &[]), idx(&[0], &[])).contains("0 levels for 0 labels"));
    assert!(write(idx(&[3, 0, 28], &[]), idx(&[3], &[0; 3])).contains("0 levels for 3 labels"));
}
