//! [`Published`]: what a data set consists of, where it can be fetched, and the sums that it must have.

use super::{Sum, known};
use crate::{Error, Result};

/// A data set that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name, which is also that of its folder.
    pub name: String,
    /// Its files.
    pub files: Vec<PublishedFile>,
}

/// A file that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFile {
    /// The name that it gets, which is also its name at a [`Mirror`](super::Mirror).
    pub name: String,
    /// Where it lies, in the order in which they are tried: `http` and `https`.
    pub urls: Vec<String>,
    /// Its length, where that is published.
    pub bytes: Option<u64>,
    /// The sum that it must have.
    pub sum: Sum,
    /// What becomes of it.
    pub form: Form,
}

/// What becomes of a file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// It is kept as it is.
    Plain,
    /// It is a `tar.gz`, of which the members below the folder `root` are unpacked.
    TarGz {
        /// The archive's own top folder, which is left out of the names.
        root: String,
    },
    /// It is a `zip`, of which the members below the folder `root` are unpacked.
    Zip {
        /// The archive's own top folder, which is left out of the names.
        root: String,
    },
}

impl Published {
    /// A well-known data set by its name.
    ///
    /// ```
    /// let mnist = cnn_data::download::Published::named("mnist")?;
    /// assert_eq!(mnist.files.len(), 4);
    /// # Ok::<(), cnn_data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoDownload`] where there is none of that name.
    pub fn named(name: &str) -> Result<Self> {
        known::find(name).ok_or_else(|| {
            let close = |known: &&str| strsim::levenshtein(known, &name.to_lowercase()) <= 2;
            Error::NoDownload {
                met: name.to_owned(),
                known: Self::names().collect(),
                suggestion: Self::names().find(close),
            }
        })
    }

    /// The names of the well-known data sets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        known::names()
    }
}
