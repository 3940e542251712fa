//! [`DataLocation`]: what a user writes after `--data` and where that lies.
//!
//! A name (`mnist`) is looked for in a list of places; a name with a place (`cifar10:DIR`, `table:FILE`) is read from
//! there; a file is a table or arrays by its ending, and anything else a folder of pictures. The library reads no
//! environment: the caller says which places there are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::emnist::EmnistSplit;
use super::{Arrays, Folder, FolderOptions, Table, TableOptions, cifar, mnist};
use crate::{BadFile, Dataset, Error, Result, Split};

/// The form of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Idx(mnist::Family),
    Cifar(cifar::Family),
    Folder,
    Table,
    /// An `.npz` file, or a folder of `.npy` files.
    Arrays,
    /// Two `.npy` files, with a comma between them.
    Pair,
}

/// A data set with a name.
struct Known {
    name: &'static str,
    form: Form,
    /// Folders that it may lie in, within a place; none where the name needs a place of its own.
    folders: &'static [&'static str],
}

impl Known {
    const fn new(name: &'static str, form: Form, folders: &'static [&'static str]) -> Self {
        Self { name, form, folders }
    }

    const fn emnist(name: &'static str, division: EmnistSplit) -> Self {
        let folders = &["emnist", "emnist/gzip", "EMNIST/raw"];
        Self::new(name, Form::Idx(mnist::Family::Emnist(division)), folders)
    }
}

/// Every name. Beside folders of the name there are those that torchvision makes.
const KNOWN: [Known; 17] = [
    Known::new("mnist", Form::Idx(mnist::Family::Mnist), &["mnist", "MNIST/raw"]),
    Known::new(
        "fashion-mnist",
        Form::Idx(mnist::Family::FashionMnist),
        &["fashion-mnist", "FashionMNIST/raw"],
    ),
    Known::new("kmnist", Form::Idx(mnist::Family::Kmnist), &["kmnist", "KMNIST/raw"]),
    Known::emnist("emnist-byclass", EmnistSplit::ByClass),
    Known::emnist("emnist-bymerge", EmnistSplit::ByMerge),
    Known::emnist("emnist-balanced", EmnistSplit::Balanced),
    Known::emnist("emnist-letters", EmnistSplit::Letters),
    Known::emnist("emnist-digits", EmnistSplit::Digits),
    Known::emnist("emnist-mnist", EmnistSplit::Mnist),
    Known::new("qmnist", Form::Idx(mnist::Family::Qmnist), &["qmnist", "QMNIST/raw"]),
    Known::new("cifar10", Form::Cifar(cifar::Family::Cifar10), &["cifar10", "cifar-10-batches-bin", ""]),
    Known::new("cifar100", Form::Cifar(cifar::Family::Cifar100), CIFAR_100),
    Known::new("cifar100-coarse", Form::Cifar(cifar::Family::Cifar100Coarse), CIFAR_100),
    Known::new("idx", Form::Idx(mnist::Family::Other), &[]),
    Known::new("table", Form::Table, &[]),
    Known::new("medmnist", Form::Arrays, &[]),
    Known::new("npy", Form::Pair, &[]),
];

const CIFAR_100: &[&str] = &["cifar100", "cifar-100-binary", ""];

/// Where names are looked for, in order.
///
/// ```
/// use cnn_data::Places;
/// let places = Places::new().place("--data-dir", None).place("the working folder", Some("data".into()));
/// # assert!(cnn_data::DataLocation::resolve("cifar10", &places).is_err());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Places {
    places: Vec<(String, Option<PathBuf>)>,
}

impl Places {
    /// No places.
    pub fn new() -> Self {
        Self::default()
    }

    /// The places with one more at the end: what it is called in messages, and the folder, where it is set.
    #[must_use]
    pub fn place(mut self, called: impl Into<String>, folder: Option<PathBuf>) -> Self {
        self.places.push((called.into(), folder));
        self
    }
}

/// A data set that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLocation {
    name: String,
    form: Form,
    path: PathBuf,
}

/// A split that was opened.
#[derive(Clone)]
pub struct Opened {
    /// The samples.
    pub dataset: Arc<dyn Dataset>,
    /// Files that were left out, where the options ask for that.
    pub skipped: Vec<BadFile>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("samples", &self.dataset.len())
            .field("skipped", &self.skipped)
            .finish()
    }
}

impl DataLocation {
    /// Finds what a user wrote: `NAME`, `NAME:PLACE`, a folder of pictures, a table (`.csv`, `.tsv`) or arrays (`.npz`).
    ///
    /// # Errors
    /// [`Error::NotFound`] where a known name is in none of the places; [`Error::UnknownName`] where it is neither
    /// known nor a folder or file; [`Error::Layout`] where a path, or the place of `NAME:PLACE`, is not there.
    pub fn resolve(text: &str, places: &Places) -> Result<Self> {
        if let Some((name, path)) = text.split_once(':')
            && let Some(known) = KNOWN.iter().find(|known| known.name == name)
        {
            let (form, path) = (known.form.at(Path::new(path)), PathBuf::from(path));
            let name = match form {
                Form::Table | Form::Arrays | Form::Pair => called(&path),
                _ => name.to_owned(),
            };
            form.check(known.name, &path)?;
            return Ok(Self { name, form, path });
        }
        if let Some(known) = KNOWN.iter().find(|known| known.name == text) {
            return known.search(places);
        }
        let path = PathBuf::from(text);
        if let Some(form) = Form::of_path(&path) {
            return Ok(Self { name: called(&path), form, path });
        }
        if path.is_file() {
            let known = "expected a folder of pictures, a table (.csv, .tsv) or arrays (.npz)";
            return Err(Error::layout(&path, format!("is a file, {known}; or write `NAME:PATH`")));
        }
        let name = text.split(':').next().unwrap_or(text);
        if name.contains(std::path::is_separator) {
            return Err(Error::layout(&path, "there is no such folder"));
        }
        Err(Error::UnknownName {
            met: text.to_owned(),
            known: KNOWN.iter().map(|known| known.name).collect(),
            suggestion: KNOWN.iter().map(|known| known.name).find(|known| is_close(known, name)),
        })
    }

    /// A short name: that of the data set, or of the folder or file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder with the files, or the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which splits are there.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Table::splits`].
    pub fn splits(&self) -> Result<Vec<Split>> {
        let there = |split: &Split| self.form.holds(&self.path, *split);
        match self.form {
            Form::Folder => Folder::splits(&self.path),
            Form::Table => Table::splits(&self.path, &TableOptions::default()),
            Form::Idx(_) | Form::Cifar(_) | Form::Arrays | Form::Pair => {
                Ok(Split::ALL.into_iter().filter(there).collect())
            }
        }
    }

    /// Opens a split. Only its own files are read; of a table or an archive, which hold all splits, no more than is
    /// needed to pass over the others.
    ///
    /// The training set is opened without classes in the options; every other split with those of the training
    /// set, or of the model.
    ///
    /// # Errors
    /// As [`mnist::load`], [`cifar::load`], [`Folder::open`], [`Table::open`] and [`Arrays::open`].
    pub fn open(&self, split: Split, options: &FolderOptions) -> Result<Opened> {
        let place = || self.path.display().to_string();
        let bound = |arrays: Arrays| match &options.classes {
            Some(classes) => arrays.bind(classes, &place()).map(whole),
            None => Ok(whole(arrays)),
        };
        let records = match self.form {
            Form::Idx(family) => mnist::load(&self.path, family, split)?,
            Form::Cifar(family) => cifar::load(&self.path, family, split)?,
            Form::Folder => {
                let folder = Folder::open(&self.path, split, options)?;
                let skipped = folder.skipped().to_vec();
                return Ok(Opened { dataset: Arc::new(folder), skipped });
            }
            Form::Table => {
                let options = TableOptions { files: options.clone(), ..TableOptions::default() };
                let table = Table::open(&self.path, split, &options)?;
                let skipped = table.skipped().to_vec();
                return Ok(Opened { dataset: Arc::new(table), skipped });
            }
            Form::Arrays => return bound(Arrays::open(&self.path, split)?),
            Form::Pair => match (pair(&self.path), split) {
                (Some((images, labels)), Split::Train) => return bound(Arrays::pair(&images, &labels)?),
                _ => return Err(Error::NoSplit { place: place(), split: split.name(), hint: "" }),
            },
        };
        match &options.classes {
            Some(classes) => records.bind(classes, &place()).map(whole),
            None => Ok(whole(records)),
        }
    }
}

/// A data set that is held whole.
fn whole(dataset: impl Dataset + 'static) -> Opened {
    Opened { dataset: Arc::new(dataset), skipped: Vec::new() }
}

/// What a folder or a file is called without its place and ending.
fn called(path: &Path) -> String {
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The two files of `IMAGES.npy,LABELS.npy`.
fn pair(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let (images, labels) = path.to_str()?.split_once(',')?;
    Some((PathBuf::from(images), PathBuf::from(labels)))
}

impl Known {
    /// The first place that holds the data set.
    fn search(&self, places: &Places) -> Result<DataLocation> {
        let Some(usual) = self.folders.first() else {
            let expected = format!(
                "a place with it, since it is a form of files; write `{}:{}`",
                self.name,
                self.form.place()
            );
            return Err(Error::argument("data set", self.name, expected));
        };
        let mut looked = Vec::new();
        for (called, place) in &places.places {
            let Some(place) = place else {
                looked.push(format!("{called} (not set)"));
                continue;
            };
            for path in self.folders.iter().map(|folder| place.join(folder)) {
                if Split::ALL.into_iter().any(|split| self.form.holds(&path, split)) {
                    return Ok(DataLocation { name: self.name.to_owned(), form: self.form, path });
                }
            }
            looked.push(format!("{} ({called})", place.join(usual).display()));
        }
        Err(Error::NotFound { name: self.name.to_owned(), places: looked })
    }
}

impl Form {
    /// The form of what a user wrote without a name.
    fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            _ if path.is_dir() => Some(Self::Folder),
            "csv" | "tsv" if path.is_file() => Some(Self::Table),
            "npz" if path.is_file() => Some(Self::Arrays),
            _ => None,
        }
    }

    /// The form at a place: `npy:DIR` is a folder of arrays, `npy:IMAGES,LABELS` two files.
    fn at(self, path: &Path) -> Self {
        if self == Self::Pair && path.is_dir() { Self::Arrays } else { self }
    }

    /// What stands after the name, in messages.
    fn place(self) -> &'static str {
        match self {
            Self::Idx(_) | Self::Cifar(_) | Self::Folder => "DIR",
            Self::Table => "FILE.csv",
            Self::Arrays => "FILE.npz",
            Self::Pair => "IMAGES.npy,LABELS.npy",
        }
    }

    /// An error unless the place can be one of this form.
    fn check(self, name: &str, path: &Path) -> Result<()> {
        let problem = match self {
            Self::Idx(_) | Self::Folder if !path.is_dir() => {
                format!("is no folder, expected the one with the files of {name}")
            }
            Self::Cifar(_) if !path.exists() => {
                format!("is no folder, expected the one with the files of {name}, or their `.tar.gz` archive")
            }
            Self::Table if !path.is_file() => "is no file, expected a table, CSV or TSV".to_owned(),
            Self::Arrays if !path.exists() => "is no file, expected arrays, `.npz`".to_owned(),
            Self::Pair if pair(path).is_none() => {
                "expected two files with a comma between them, `IMAGES.npy,LABELS.npy`, or a folder"
                    .to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::layout(path, problem))
    }

    fn holds(self, path: &Path, split: Split) -> bool {
        match self {
            Self::Idx(family) => mnist::holds(path, family, split),
            Self::Cifar(family) => cifar::holds(path, family, split),
            Self::Arrays => Arrays::splits(path).contains(&split),
            Self::Folder | Self::Table => path.exists(),
            Self::Pair => split == Split::Train,
        }
    }
}

/// Whether two words are one or two typing errors apart, case aside.
fn is_close(known: &str, met: &str) -> bool {
    strsim::levenshtein(known, &met.to_lowercase()) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_nearly_right_is_recognised() {
        for (known, met, close) in [
            ("mnist", "minst", true),
            ("mnist", "MNIST", true),
            ("cifar10", "cifar-10", true),
            ("mnist", "imagenet", false),
            ("idx", "", false),
        ] {
            assert_eq!(is_close(known, met), close, "{known} {met}");
        }
    }
}
