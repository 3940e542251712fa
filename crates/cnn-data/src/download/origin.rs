//! Where a file can come from: a URL or a folder of this machine.

use std::fmt;
use std::path::PathBuf;

use super::PublishedFile;
use crate::{Error, Result};

/// What replaces the published origins: a server or a folder that holds the same files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mirror {
    /// What stands before `SET/FILE` or `FILE`.
    Url(String),
    /// A folder that holds `SET/FILE` or `FILE`.
    Folder(PathBuf),
}

impl Mirror {
    /// What a user wrote: a URL (`http://` or `https://`), or a folder.
    ///
    /// # Errors
    /// [`Error::Layout`] where it is neither.
    pub fn new(text: &str) -> Result<Self> {
        let lower = text.to_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            return Ok(Self::Url(text.trim_end_matches('/').to_owned()));
        }
        let folder = PathBuf::from(text);
        if folder.is_dir() {
            return Ok(Self::Folder(folder));
        }
        Err(Error::layout(&folder, "is no folder, expected one with the files, or a URL of http or https"))
    }

    /// Where it may have a file of a data set.
    fn origins(&self, set: &str, file: &str) -> Vec<Origin> {
        match self {
            Self::Url(url) => {
                vec![Origin::Url(format!("{url}/{set}/{file}")), Origin::Url(format!("{url}/{file}"))]
            }
            Self::Folder(folder) => {
                let all = [folder.join(set).join(file), folder.join(file)];
                // One of the two is enough; only where there is neither, both are told.
                let found = all.iter().any(|path| path.is_file());
                all.into_iter().filter(|path| !found || path.is_file()).map(Origin::File).collect()
            }
        }
    }
}

/// One place of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Url(String),
    File(PathBuf),
}

impl Origin {
    /// Where a file can come from, in order.
    pub(super) fn of(set: &str, file: &PublishedFile, mirror: Option<&Mirror>) -> Vec<Self> {
        match mirror {
            Some(mirror) => mirror.origins(set, &file.name),
            None => file.urls.iter().cloned().map(Self::Url).collect(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
