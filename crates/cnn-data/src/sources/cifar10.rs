//! CIFAR-10 in its binary version (Krizhevsky, 2009): five training files and one test file of records, each a
//! label byte and 3,072 bytes in planes of red, green and blue, 32x32.

use std::path::Path;

use super::{Records, file};
use crate::image::Size;
use crate::{Classes, Error, Result, Split};

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: [&str; 1] = ["test_batch.bin"];

const NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CHANNELS: usize = 3;
const RECORD: usize = 1 + CHANNELS * PLANE;

/// Most bytes that a file may have; the published ones have 30,730,000.
const MOST_FILE_BYTES: u64 = 1 << 30;

/// Reads a split from a folder that holds its files.
///
/// # Errors
/// [`Error::NoSplit`] for validation, which the set leaves to the user; [`Error::Io`]; [`Error::Malformed`] where a
/// file is not whole records or a label is not 0 to 9.
pub fn load(folder: &Path, split: Split) -> Result<Records> {
    let (mut levels, mut labels) = (Vec::new(), Vec::new());
    for name in files(folder, split)? {
        let path = folder.join(name);
        let bytes = file::read(&path, MOST_FILE_BYTES)?;
        let (records, rest) = bytes.as_chunks::<RECORD>();
        if records.is_empty() || !rest.is_empty() {
            let problem = format!(
                "{} bytes, expected a multiple of the {RECORD} of a record: \
                 the file is cut short or not CIFAR-10's binary version",
                bytes.len()
            );
            return Err(Error::malformed(&path, problem));
        }
        levels.reserve(records.len() * (RECORD - 1));
        for record in records {
            labels.push(usize::from(record[0]));
            let planes = &record[1..];
            levels.extend((0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]));
        }
    }
    let (size, classes) = (Size::new(SIDE, SIDE), Classes::in_order(NAMES)?);
    Records { size, channels: CHANNELS, levels, labels, classes }.checked(folder)
}

/// Whether the folder holds a split's files.
pub fn holds(folder: &Path, split: Split) -> bool {
    files(folder, split).is_ok_and(|names| names.iter().all(|name| folder.join(name).is_file()))
}

fn files(folder: &Path, split: Split) -> Result<&'static [&'static str]> {
    match split {
        Split::Train => Ok(&TRAIN),
        Split::Test => Ok(&TEST),
        Split::Validation => Err(Error::NoSplit {
            place: folder.display().to_string(),
            split: split.name(),
            hint: "; hold some of the training set out",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Pixels, Target};

    #[test]
    fn planes_become_pixels_and_only_the_files_of_the_split_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (label, name) in (0..).zip(TRAIN) {
            let mut record = vec![label];
            record.extend((0..3 * PLANE).map(|at| (at / PLANE * 50 + at % PLANE % 7) as u8));
            std::fs::write(folder.path().join(name), record.repeat(2)).unwrap();
        }
        let train = load(folder.path(), Split::Train).unwrap();
        assert_eq!(train.labels(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        let sample = train.get(9).unwrap();
        assert_eq!(sample.target, Target::Class(4));
        let Pixels::U8(levels) = sample.image.pixels() else { panic!("8 bits") };
        assert_eq!(levels[..6], [0, 50, 100, 1, 51, 101]);
        assert!(holds(folder.path(), Split::Train) && !holds(folder.path(), Split::Test));
        assert!(matches!(load(folder.path(), Split::Test), Err(Error::Io { .. })));
        assert!(matches!(load(folder.path(), Split::Validation), Err(Error::NoSplit { .. })));
    }

    #[test]
    fn cut_records_and_impossible_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TEST[0]);
        std::fs::write(&path, vec![0; RECORD + 5]).unwrap();
        assert!(
            load(folder.path(), Split::Test)
                .unwrap_err()
                .to_string()
                .contains("3078 bytes, expected a multiple")
        );
        std::fs::write(&path, vec![77; RECORD]).unwrap();
        assert!(load(folder.path(), Split::Test).unwrap_err().to_string().contains("label 77 of picture 0"));
    }
}
