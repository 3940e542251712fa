//! MNIST and its kin: IDX, plain or gzip, training and test apart.
//!
//! Fashion-MNIST and KMNIST share MNIST's four file names; EMNIST and QMNIST have names of their own. The training
//! split never opens the test files. MNIST's own files are checked against the SHA-256 sums of the published ones,
//! so that an altered digit cannot slip in.

use std::path::{Path, PathBuf};

use super::emnist::{self, EmnistSplit};
use super::idx::{self, Elements, Idx};
use super::{Records, file};
use crate::image::Size;
use crate::{Classes, Error, Result, Split};

/// Most bytes that one of the files may have.
const MOST_FILE_BYTES: u64 = 1 << 30;

/// A family of data sets in MNIST's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Handwritten digits (LeCun, Cortes and Burges): the published files and no others.
    Mnist,
    /// Articles of clothing (Xiao, Rasul and Vollgraf, 2017).
    FashionMnist,
    /// Cursive Japanese characters (Clanuwat and others, 2018).
    Kmnist,
    /// Handwritten letters and digits, as one of six data sets.
    Emnist(EmnistSplit),
    /// MNIST made again from its sources, with 60,000 test images (Yadav and Bottou, 2019). Of the eight numbers that
    /// its labels have, the first, the class, is read.
    Qmnist,
    /// Any other set under MNIST's file names; its classes are named by their numbers.
    Other,
}

/// Names of a split's two files, without `.gz`.
struct Files {
    images: String,
    labels: String,
}

/// MNIST's file names.
const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Numbers that QMNIST says of each image; the class is the first.
const QMNIST_NUMBERS: usize = 8;

/// SHA-256 of MNIST's files: name, of the gzip file as published, of the file inside.
const SUMS: [(&str, &str, &str); 4] = [
    (
        TRAIN[0],
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    (
        TRAIN[1],
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    (
        TEST[0],
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    (
        TEST[1],
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
];

/// Reads a split of a family from a folder that holds its files.
///
/// # Errors
/// [`Error::NoSplit`] for validation, which these sets leave to the user; [`Error::Io`]; [`Error::Checksum`] where a
/// file of MNIST is not the published one; [`Error::Malformed`] where a file is not IDX or the two do not fit.
pub fn load(folder: &Path, family: Family, split: Split) -> Result<Records> {
    let files = family.files(split).ok_or_else(|| Error::NoSplit {
        place: folder.display().to_string(),
        split: split.name(),
        hint: "; hold some of the training set out",
    })?;
    let (images, images_path) = read(folder, family, &files.images)?;
    let (labels, labels_path) = read(folder, family, &files.labels)?;
    let &[count, height, width] = &images.shape[..] else {
        let problem = format!("shape {:?}, expected [images, height, width]", images.shape);
        return Err(Error::malformed(&images_path, problem));
    };
    let Elements::U8(levels) = images.elements else {
        let problem = format!("the pictures are {}, expected unsigned bytes", images.elements.kind());
        return Err(Error::malformed(&images_path, problem));
    };
    let labels = family.labels(labels, count).map_err(|problem| Error::malformed(&labels_path, problem))?;
    let classes = family.classes(&labels)?;
    let (size, levels) = match family {
        Family::Emnist(_) => (Size::new(width, height), emnist::turned(&levels, Size::new(height, width))),
        _ => (Size::new(height, width), levels),
    };
    Records { size, channels: 1, levels, labels, classes }.checked(&images_path)
}

/// Whether the folder holds the images of a split of a family.
pub fn holds(folder: &Path, family: Family, split: Split) -> bool {
    family.files(split).is_some_and(|files| find(folder, &files.images).is_some())
}

impl Family {
    /// The names of a split's files; none for validation.
    fn files(self, split: Split) -> Option<Files> {
        let part = match split {
            Split::Train => "train",
            Split::Test => "test",
            Split::Validation => return None,
        };
        let (images, labels) = match self {
            Self::Emnist(division) => {
                let stem = format!("emnist-{}-{part}", division.name());
                (format!("{stem}-images-idx3-ubyte"), format!("{stem}-labels-idx1-ubyte"))
            }
            Self::Qmnist => {
                (format!("qmnist-{part}-images-idx3-ubyte"), format!("qmnist-{part}-labels-idx2-int"))
            }
            _ => {
                let [images, labels] = if split == Split::Train { TRAIN } else { TEST };
                (images.to_owned(), labels.to_owned())
            }
        };
        Some(Files { images, labels })
    }

    /// The class of each of `count` images, from 0, or what is wrong with the labels.
    fn labels(self, labels: Idx, count: usize) -> std::result::Result<Vec<usize>, String> {
        let Idx { shape, elements } = labels;
        let expected = if self == Self::Qmnist { vec![count, QMNIST_NUMBERS] } else { vec![count] };
        if shape != expected {
            return Err(format!("labels of shape {shape:?} for {count} images, expected {expected:?}"));
        }
        let first = if let Self::Emnist(division) = self { division.first_label() } else { 0 };
        let class = |(image, label): (usize, i64)| {
            let class = usize::try_from(label).ok().and_then(|label| label.checked_sub(first));
            class.ok_or_else(|| format!("label {label} of picture {image} is below {first}"))
        };
        match elements {
            Elements::U8(labels) => labels.into_iter().map(i64::from).enumerate().map(class).collect(),
            Elements::I32(numbers) if self == Self::Qmnist => numbers
                .chunks(QMNIST_NUMBERS)
                .map(|numbers| i64::from(numbers[0]))
                .enumerate()
                .map(class)
                .collect(),
            other => Err(format!("the labels are {}, expected unsigned bytes", other.kind())),
        }
    }

    /// Names of the classes.
    fn classes(self, labels: &[usize]) -> Result<Classes> {
        match self {
            Self::Mnist | Self::Qmnist => numbered(10),
            Self::Emnist(division) => division.classes(),
            Self::Kmnist => Classes::in_order(["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]),
            Self::FashionMnist => Classes::in_order([
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ]),
            Self::Other => numbered(labels.iter().max().map_or(1, |most| most + 1)),
        }
    }
}

fn numbered(count: usize) -> Result<Classes> {
    Classes::in_order((0..count).map(|class| class.to_string()))
}

/// The file of a name, gzip before plain, where one is there.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn read(folder: &Path, family: Family, name: &str) -> Result<(Idx, PathBuf)> {
    let path = find(folder, name).unwrap_or_else(|| folder.join(format!("{name}.gz")));
    let bytes = file::read(&path, MOST_FILE_BYTES)?;
    if family == Family::Mnist {
        let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
        for (_, compressed, plain) in SUMS.iter().filter(|(known, ..)| *known == name) {
            file::check_sum(&path, &bytes, if is_gzip { compressed } else { plain })?;
        }
    }
    Ok((idx::parse(&bytes, &path)?, path))
}
