//! [`DataLocation`]: what a user writes after `--data` and where that lies.
//!
//! A name (`mnist`) is looked for in a list of places; a name with a place (`cifar10:DIR`) is read from there; anything
//! else is a folder of pictures. The library reads no environment: the caller says which places there are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mnist::{self, Family};
use super::{Folder, FolderOptions, cifar10};
use crate::{BadFile, Dataset, Error, Result, Split};

/// The form of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Idx(Family),
    Cifar10,
    Folder,
}

/// A data set with a name.
struct Known {
    name: &'static str,
    form: Form,
    /// Folders that it may lie in, within a place; none where the name needs a place of its own.
    folders: &'static [&'static str],
}

const KNOWN: [Known; 4] = [
    Known { name: "mnist", form: Form::Idx(Family::Mnist), folders: &["mnist"] },
    Known { name: "fashion-mnist", form: Form::Idx(Family::FashionMnist), folders: &["fashion-mnist"] },
    Known { name: "cifar10", form: Form::Cifar10, folders: &["cifar10", "cifar-10-batches-bin"] },
    Known { name: "idx", form: Form::Idx(Family::Other), folders: &[] },
];

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
    folder: PathBuf,
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
    /// Finds what a user wrote: `NAME`, `NAME:FOLDER` or a folder.
    ///
    /// # Errors
    /// [`Error::NotFound`] where a known name is in none of the places; [`Error::UnknownName`] where it is neither
    /// known nor a folder; [`Error::Layout`] where a path, or the place of `NAME:FOLDER`, is no folder.
    pub fn resolve(text: &str, places: &Places) -> Result<Self> {
        if let Some((name, folder)) = text.split_once(':')
            && let Some(known) = KNOWN.iter().find(|known| known.name == name)
        {
            let folder = PathBuf::from(folder);
            if !folder.is_dir() {
                return Err(Error::layout(
                    &folder,
                    format!("is no folder, expected the one with the files of {name}"),
                ));
            }
            return Ok(Self { name: name.to_owned(), form: known.form, folder });
        }
        if let Some(known) = KNOWN.iter().find(|known| known.name == text) {
            return known.search(places);
        }
        let folder = PathBuf::from(text);
        if folder.is_dir() {
            let name = folder
                .file_name()
                .map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned());
            return Ok(Self { name, form: Form::Folder, folder });
        }
        let name = text.split(':').next().unwrap_or(text);
        if name.contains(std::path::is_separator) {
            return Err(Error::layout(&folder, "there is no such folder"));
        }
        Err(Error::UnknownName {
            met: text.to_owned(),
            known: KNOWN.iter().map(|known| known.name).collect(),
            suggestion: KNOWN.iter().map(|known| known.name).find(|known| is_close(known, name)),
        })
    }

    /// A short name: that of the data set, or of the folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder with the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Which splits are there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn splits(&self) -> Result<Vec<Split>> {
        let there = |holds: fn(&Path, Split) -> bool| {
            Split::ALL.into_iter().filter(|&split| holds(&self.folder, split)).collect()
        };
        match self.form {
            Form::Idx(_) => Ok(there(mnist::holds)),
            Form::Cifar10 => Ok(there(cifar10::holds)),
            Form::Folder => Folder::splits(&self.folder),
        }
    }

    /// Opens a split. Only its own files are read.
    ///
    /// The training set is opened without classes in the options; every other split with those of the training
    /// set, or of the model.
    ///
    /// # Errors
    /// As [`mnist::load`], [`cifar10::load`] and [`Folder::open`].
    pub fn open(&self, split: Split, options: &FolderOptions) -> Result<Opened> {
        let records = match self.form {
            Form::Idx(family) => mnist::load(&self.folder, family, split)?,
            Form::Cifar10 => cifar10::load(&self.folder, split)?,
            Form::Folder => {
                let folder = Folder::open(&self.folder, split, options)?;
                let skipped = folder.skipped().to_vec();
                return Ok(Opened { dataset: Arc::new(folder), skipped });
            }
        };
        let records = match &options.classes {
            Some(classes) => records.bind(classes, &self.folder.display().to_string())?,
            None => records,
        };
        Ok(Opened { dataset: Arc::new(records), skipped: Vec::new() })
    }
}

impl Known {
    /// The first place that holds the data set.
    fn search(&self, places: &Places) -> Result<DataLocation> {
        let Some(usual) = self.folders.first() else {
            let expected =
                format!("a folder with it, since it is a form of files; write `{}:DIR`", self.name);
            return Err(Error::argument("data set", self.name, expected));
        };
        let mut looked = Vec::new();
        for (called, place) in &places.places {
            let Some(place) = place else {
                looked.push(format!("{called} (not set)"));
                continue;
            };
            for folder in self.folders.iter().map(|folder| place.join(folder)) {
                if Split::ALL.into_iter().any(|split| self.form.holds(&folder, split)) {
                    return Ok(DataLocation { name: self.name.to_owned(), form: self.form, folder });
                }
            }
            looked.push(format!("{} ({called})", place.join(usual).display()));
        }
        Err(Error::NotFound { name: self.name.to_owned(), places: looked })
    }
}

impl Form {
    fn holds(self, folder: &Path, split: Split) -> bool {
        match self {
            Self::Idx(_) => mnist::holds(folder, split),
            Self::Cifar10 => cifar10::holds(folder, split),
            Self::Folder => folder.is_dir(),
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
