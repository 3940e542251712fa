//! CIFAR-10 and CIFAR-100 in their binary versions (Krizhevsky, 2009): files of records, each one or two label bytes
//! and 3,072 bytes in planes of red, green and blue, 32x32.
//!
//! They are read from the folder with the files, or from the `.tar.gz` as it is published.

use std::path::{Path, PathBuf};

use super::{Records, archive, file};
use crate::image::Size;
use crate::{Classes, Error, Result, Split};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CHANNELS: usize = 3;
const PIXELS: usize = CHANNELS * PLANE;

/// Most bytes that a file may have; the published ones have up to 153,700,000.
const MOST_FILE_BYTES: u64 = 1 << 30;

/// Which of the sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// 10 classes.
    Cifar10,
    /// 100 classes.
    Cifar100,
    /// CIFAR-100's pictures in its 20 classes of five classes each.
    Cifar100Coarse,
}

/// Reads a split from a folder that holds its files or the archive of them, or from that archive.
///
/// # Errors
/// [`Error::NoSplit`] for validation, which the sets leave to the user; [`Error::Io`]; [`Error::Malformed`] where a
/// file is not whole records, a label has no class, or the archive is damaged or without a file.
pub fn load(place: &Path, family: Family, split: Split) -> Result<Records> {
    let names = family.files(split).ok_or_else(|| Error::NoSplit {
        place: place.display().to_string(),
        split: split.name(),
        hint: "; hold some of the training set out",
    })?;
    let (mut levels, mut labels) = (Vec::new(), Vec::new());
    for (path, bytes) in read(place, family, names)? {
        let record_len = family.labels() + PIXELS;
        if bytes.is_empty() || bytes.len() % record_len != 0 {
            let problem = format!(
                "{} bytes, expected a multiple of the {record_len} of a record: \
                 the file is cut short or not the binary version of {}",
                bytes.len(),
                family.title(),
            );
            return Err(Error::malformed(&path, problem));
        }
        levels.reserve(bytes.len() / record_len * PIXELS);
        for record in bytes.chunks_exact(record_len) {
            let (own, planes) = record.split_at(family.labels());
            labels.push(usize::from(own[family.label()]));
            levels.extend((0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]));
        }
    }
    let (size, classes) = (Size::new(SIDE, SIDE), family.classes()?);
    Records { size, channels: CHANNELS, levels, labels, classes }.checked(place)
}

/// Whether there is a split: its files in the folder, or an archive.
pub fn holds(place: &Path, family: Family, split: Split) -> bool {
    let there = |names: &[&str]| names.iter().all(|name| place.join(name).is_file());
    family.files(split).is_some_and(|names| there(names) || family.archive(place).is_some())
}

/// The files of these names, with what each is called in messages.
fn read(place: &Path, family: Family, names: &[&str]) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let in_folder = names.iter().any(|name| place.join(name).is_file());
    match family.archive(place).filter(|_| !in_folder) {
        Some(archive) => archive::read(&archive, names, MOST_FILE_BYTES),
        None => {
            let paths = names.iter().map(|name| place.join(name));
            paths.map(|path| file::read(&path, MOST_FILE_BYTES).map(|bytes| (path, bytes))).collect()
        }
    }
}

impl Family {
    /// The set's name in messages.
    fn title(self) -> &'static str {
        match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 | Self::Cifar100Coarse => "CIFAR-100",
        }
    }

    /// The archive that a place is or holds.
    fn archive(self, place: &Path) -> Option<PathBuf> {
        let name = match self {
            Self::Cifar10 => "cifar-10-binary.tar.gz",
            Self::Cifar100 | Self::Cifar100Coarse => "cifar-100-binary.tar.gz",
        };
        [place.to_owned(), place.join(name)].into_iter().find(|path| path.is_file())
    }

    /// Names of a split's files; none for validation.
    fn files(self, split: Split) -> Option<&'static [&'static str]> {
        match (self, split) {
            (_, Split::Validation) => None,
            (Self::Cifar10, Split::Train) => Some(&[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ]),
            (Self::Cifar10, Split::Test) => Some(&["test_batch.bin"]),
            (_, Split::Train) => Some(&["train.bin"]),
            (_, Split::Test) => Some(&["test.bin"]),
        }
    }

    /// Label bytes of a record.
    fn labels(self) -> usize {
        if self == Self::Cifar10 { 1 } else { 2 }
    }

    /// Which of them is the class: CIFAR-100 has the coarse label first, then the fine one.
    fn label(self) -> usize {
        usize::from(self == Self::Cifar100)
    }

    fn classes(self) -> Result<Classes> {
        let names = match self {
            Self::Cifar10 => "airplane automobile bird cat deer dog frog horse ship truck",
            Self::Cifar100 => FINE,
            Self::Cifar100Coarse => COARSE,
        };
        Classes::in_order(names.split_whitespace())
    }
}

/// The classes of CIFAR-100 in the order of their labels, as `fine_label_names.txt` has them.
const FINE: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly \
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur \
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard \
    lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear \
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark \
    shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone \
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm";

/// Its twenty coarse classes, as `coarse_label_names.txt` has them.
const COARSE: &str = "aquatic_mammals fish flowers food_containers fruit_and_vegetables \
    household_electrical_devices household_furniture insects large_carnivores large_man-made_outdoor_things \
    large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people \
    reptiles small_mammals trees vehicles_1 vehicles_2";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Pixels, Target};

    /// Two records of these label bytes.
    fn records(labels: &[u8]) -> Vec<u8> {
        let planes = (0..3 * PLANE).map(|at| (at / PLANE * 50 + at % PLANE % 7) as u8);
        labels.iter().copied().chain(planes).collect::<Vec<_>>().repeat(2)
    }

    #[test]
    fn planes_become_pixels_and_only_the_files_of_the_split_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (label, name) in (0..).zip(Family::Cifar10.files(Split::Train).unwrap()) {
            std::fs::write(folder.path().join(name), records(&[label])).unwrap();
        }
        let load = |split| load(folder.path(), Family::Cifar10, split);
        let train = load(Split::Train).unwrap();
        assert_eq!(train.labels(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        let sample = train.get(9).unwrap();
        assert_eq!(sample.target, Target::Class(4));
        let Pixels::U8(levels) = sample.image.pixels() else { panic!("8 bits") };
        assert_eq!(levels[..6], [0, 50, 100, 1, 51, 101]);
        let holds = |split| holds(folder.path(), Family::Cifar10, split);
        assert!(holds(Split::Train) && !holds(Split::Test));
        assert!(matches!(load(Split::Test), Err(Error::Io { .. })));
        assert!(matches!(load(Split::Validation), Err(Error::NoSplit { .. })));
    }

    #[test]
    fn a_hundred_classes_or_their_twenty_are_read_from_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("test.bin"), records(&[19, 99])).unwrap();
        let class = |family| {
            let test = load(folder.path(), family, Split::Test).unwrap();
            let classes = test.classes().unwrap();
            (classes.len(), classes.name(test.labels()[1]).unwrap().to_owned())
        };
        assert_eq!(class(Family::Cifar100), (100, "worm".to_owned()));
        assert_eq!(class(Family::Cifar100Coarse), (20, "vehicles_2".to_owned()));
        assert!(load(folder.path(), Family::Cifar10, Split::Test).is_err());
    }

    #[test]
    fn cut_records_and_impossible_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_batch.bin");
        let message = || load(folder.path(), Family::Cifar10, Split::Test).unwrap_err().to_string();
        std::fs::write(&path, vec![0; PIXELS + 6]).unwrap();
        assert!(message().contains("3078 bytes, expected a multiple"));
        std::fs::write(&path, vec![77; PIXELS + 1]).unwrap();
        assert!(message().contains("label 77 of picture 0"));
    }
}
