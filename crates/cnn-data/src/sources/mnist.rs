//! MNIST and the sets that share its four files: IDX, plain or gzip, training and test apart.
//!
//! The training split never opens the test files. MNIST's own files are checked against the SHA-256 sums of the
//! published ones, so that an altered digit cannot slip in.

use std::path::{Path, PathBuf};

use super::idx::{self, Idx};
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
    /// Any other set under the same file names; its classes are named by their numbers.
    Other,
}

/// Names of a split's two files, without `.gz`.
struct Files {
    images: &'static str,
    labels: &'static str,
}

const TRAIN: Files = Files { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" };
const TEST: Files = Files { images: "t10k-images-idx3-ubyte", labels: "t10k-labels-idx1-ubyte" };

/// SHA-256 of MNIST's files: name, of the gzip file as published, of the file inside.
const SUMS: [(&str, &str, &str); 4] = [
    (
        TRAIN.images,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    (
        TRAIN.labels,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    (
        TEST.images,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    (
        TEST.labels,
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
    let files = files(folder, split)?;
    let (images, images_path) = read(folder, family, files.images)?;
    let (labels, labels_path) = read(folder, family, files.labels)?;
    let &[count, height, width] = &images.shape[..] else {
        let problem = format!("shape {:?}, expected [images, height, width]", images.shape);
        return Err(Error::malformed(&images_path, problem));
    };
    if labels.shape != [count] {
        let problem = format!("labels of shape {:?} for {count} images, expected [{count}]", labels.shape);
        return Err(Error::malformed(&labels_path, problem));
    }
    let labels: Vec<usize> = labels.elements.into_iter().map(usize::from).collect();
    let classes = family.classes(&labels)?;
    let size = Size::new(height, width);
    Records { size, channels: 1, levels: images.elements, labels, classes }.checked(&images_path)
}

/// Whether the folder holds a split's images.
pub fn holds(folder: &Path, split: Split) -> bool {
    files(folder, split).is_ok_and(|files| find(folder, files.images).is_some())
}

impl Family {
    /// Names of the classes.
    fn classes(self, labels: &[usize]) -> Result<Classes> {
        match self {
            Self::Mnist => numbered(10),
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

fn files(folder: &Path, split: Split) -> Result<Files> {
    match split {
        Split::Train => Ok(TRAIN),
        Split::Test => Ok(TEST),
        Split::Validation => Err(Error::NoSplit {
            place: folder.display().to_string(),
            split: split.name(),
            hint: "; hold some of the training set out",
        }),
    }
}

/// The file of a name, gzip before plain, where one is there.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn read(folder: &Path, family: Family, name: &'static str) -> Result<(Idx, PathBuf)> {
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
