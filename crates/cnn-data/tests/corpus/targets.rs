//! What holds for any bytes that a reader is given: an error, or a value that fits itself; never a panic.
//!
//! The test beside this file and the programs of the fuzzer both call these, and both start from `files`.

use std::fs;
use std::path::{Path, PathBuf};

use cnn_data::decode::Decoder;
use cnn_data::sources::idx::Elements;
use cnn_data::sources::{Arrays, Table, TableOptions, cifar, idx};
use cnn_data::{Dataset, Split};

/// A target: its name, which is that of its folder in the corpus, and its check.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const ALL: [Target; 5] =
    [("image", image), ("idx", idx), ("cifar", cifar), ("table", table), ("arrays", arrays)];

/// Most pixels that the decoder allows here, so that its limit is met often.
pub(crate) const MOST_PIXELS: u64 = 1 << 16;

/// A picture of any format.
pub(crate) fn image(bytes: &[u8]) {
    let decoder = Decoder { most_pixels: MOST_PIXELS, ..Decoder::default() };
    let path = Path::new("image");
    let inspected = decoder.inspect(bytes, path);
    match decoder.decode(bytes, path) {
        Ok(image) => {
            let info = inspected.expect("what is decoded can be inspected");
            assert_eq!(image.size(), info.upright_size());
            assert!((image.height() * image.width()) as u64 <= MOST_PIXELS);
            assert!(matches!(image.channels(), 1 | 3));
        }
        Err(error) => assert!(error.to_string().starts_with("image: "), "{error}"),
    }
}

/// An IDX file, plain or gzip.
pub(crate) fn idx(bytes: &[u8]) {
    let parsed = idx::parse(bytes, Path::new("idx"));
    let read = written(bytes, "idx", idx::read);
    for idx in [parsed, read].into_iter().flatten() {
        assert_eq!(idx.elements.len(), idx.shape.iter().product::<usize>());
        if let Elements::U8(levels) = &idx.elements {
            assert!(bytes.starts_with(&[0x1f, 0x8b]) || levels.len() < bytes.len());
        }
    }
}

/// CIFAR-10's test records, as the file and as the archive.
pub(crate) fn cifar(bytes: &[u8]) {
    for name in ["test_batch.bin", "cifar-10-binary.tar.gz"] {
        let records = written(bytes, name, |path| {
            cifar::load(path.parent().unwrap_or(path), cifar::Family::Cifar10, Split::Test)
        });
        if let Ok(records) = records {
            every_sample(&records);
        }
    }
}

/// A table of pictures, separated by commas or tabs.
pub(crate) fn table(bytes: &[u8]) {
    for name in ["table.csv", "table.tsv"] {
        written(bytes, name, |path| {
            let options = TableOptions::default();
            if let Ok(splits) = Table::splits(path, &options) {
                for split in splits {
                    // The pictures are not there, so samples are errors.
                    if let Ok(table) = Table::open(path, split, &options) {
                        every_sample(&table);
                    }
                }
            }
        });
    }
}

/// Pictures and labels of NumPy, in an archive or each in a file.
pub(crate) fn arrays(bytes: &[u8]) {
    written(bytes, "set.npz", |path| {
        for split in Arrays::splits(path) {
            if let Ok(arrays) = Arrays::open(path, split) {
                every_sample(&arrays);
            }
        }
    });
    written(bytes, "images.npy", |path| {
        if let Ok(arrays) = Arrays::pair(path, path) {
            every_sample(&arrays);
        }
    });
}

/// Every sample is one, or an error with words; there is none past the last.
fn every_sample(dataset: &dyn Dataset) {
    for index in 0..dataset.len() {
        match dataset.get(index) {
            Ok(sample) => assert!(sample.image.height() * sample.image.width() > 0),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(dataset.get(dataset.len()).is_err());
}

/// What is read from a file of these bytes.
fn written<T>(bytes: &[u8], name: &str, read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("a folder for files");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file is written");
    read(&path)
}

/// The files of a target's corpus, in the order of their names.
#[allow(dead_code, reason = "the fuzzer reads the corpus itself")]
pub(crate) fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/files").join(target);
    let entries = fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file").path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file of the corpus");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}
