//! The one error type of this crate.
//!
//! A message names the file, says what was expected and what was met and, where it is not obvious, what to do.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::BadSample;

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a file and a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to read a file or folder.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not the published one.
    #[error(
        "{}: SHA-256 of its {bytes} bytes is {met}, expected {expected}: it was altered or cut short; \
         put the published file back, or write `idx:DIR` to load files of your own", path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// Sum of the published file, in hexadecimal.
        expected: String,
        /// Sum of the file that is there.
        met: String,
    },
    /// The contents of a file are not what its format asks for.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file, or the name that the caller gave its bytes.
        path: PathBuf,
        /// What was met and what was expected.
        problem: String,
    },
    /// Files of a folder that cannot be read as images: all of them.
    #[error("{}", list_unreadable(files))]
    Unreadable {
        /// Each file with its problem, sorted by path.
        files: Vec<BadFile>,
    },
    /// A folder is not laid out as a data set.
    #[error("{}: {problem}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What was met and what was expected.
        problem: String,
    },
    /// A split holds classes that the training set has not.
    #[error(
        "{place}: unknown class {}; the training set has {}: rename or remove it, or train with it",
        some(names),
        some(known)
    )]
    UnknownClass {
        /// Where the classes were met.
        place: String,
        /// The classes that are unknown.
        names: Vec<String>,
        /// The classes of the training set.
        known: Vec<String>,
    },
    /// A data set is in none of the places where it was looked for.
    #[error(
        "data set {name} was not found; looked in {}: put its files into one of them, or write `{name}:DIR`",
        places.join(", ")
    )]
    NotFound {
        /// Name of the data set.
        name: String,
        /// The folders searched, in order, with what they are called.
        places: Vec<String>,
    },
    /// The data set asked for is neither a known name nor a folder.
    #[error(
        "unknown data set {met}: it is no folder, and the known names are {}{}",
        known.join(", "), did_you_mean(*suggestion)
    )]
    UnknownName {
        /// What was asked for.
        met: String,
        /// The names that exist.
        known: Vec<&'static str>,
        /// The name that is closest, where one is close.
        suggestion: Option<&'static str>,
    },
    /// A data set has no such split.
    #[error("{place} has no {split} split{hint}")]
    NoSplit {
        /// The data set.
        place: String,
        /// Name of the split.
        split: &'static str,
        /// What to do, with its leading punctuation.
        hint: &'static str,
    },
    /// An argument outside its range.
    #[error("{name} is {met}, expected {expected}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// The value met.
        met: String,
        /// The values allowed.
        expected: String,
    },
    /// An image does not fit what is to be done with it.
    #[error("{operation}: {problem}")]
    Image {
        /// Name of the operation.
        operation: &'static str,
        /// What was met and what was expected.
        problem: String,
    },
    /// A sample could not be made.
    #[error("sample {index}{}: {source}", in_file(path.as_deref()))]
    Sample {
        /// Its index in the data set.
        index: usize,
        /// Its file, where it has one that `source` does not name.
        path: Option<PathBuf>,
        /// Why.
        source: Box<Error>,
    },
    /// Code of the data set or of a transform panicked in a worker.
    #[error("a worker panicked while it prepared batch {batch}: {message}")]
    Panic {
        /// Number of the batch in the epoch.
        batch: usize,
        /// The panic's message.
        message: String,
    },
    /// The system refused to write a file or folder.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could be fetched from none of its origins.
    #[error("{}", list_origins(file, failures, kept.as_deref()))]
    Download {
        /// The file.
        file: String,
        /// Each origin with its answer, in the order in which they were tried.
        failures: Vec<FailedOrigin>,
        /// The partial file with which the next download begins, where something arrived.
        kept: Option<PathBuf>,
    },
    /// No data set of this name can be fetched.
    #[error(
        "no data set {met} to download; the known ones are {}{}",
        known.join(", "), did_you_mean(*suggestion)
    )]
    NoDownload {
        /// What was asked for.
        met: String,
        /// The names that exist.
        known: Vec<&'static str>,
        /// The name that is closest, where one is close.
        suggestion: Option<&'static str>,
    },
    /// Every sample that an epoch drew was bad.
    #[error("none of the {count} samples drawn can be used; the first, {first}")]
    NothingLeft {
        /// Number of samples left out.
        count: usize,
        /// The first of them with its problem.
        first: BadSample,
    },
    /// A saved position is of another loader.
    #[error("the position does not fit this loader: {}", differences.join("; "))]
    Position {
        /// What differs, the position's side first.
        differences: Vec<String>,
    },
    /// A tensor could not be made.
    #[error(transparent)]
    Tensor(#[from] cnn_tensor::Error),
    /// An error of a user's own data set or transform.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// A file that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be used.
    pub problem: String,
}

/// An origin from which a file could not be fetched, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedOrigin {
    /// The URL or the file.
    pub origin: String,
    /// Why.
    pub reason: String,
}

impl Error {
    /// An [`Error::Other`]: how a user's data set or transform reports an error of its own.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    #[cfg(feature = "download")]
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &Path, problem: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn layout(path: &Path, problem: impl Into<String>) -> Self {
        Self::Layout { path: path.to_owned(), problem: problem.into() }
    }

    pub(crate) fn argument(
        name: &'static str,
        met: impl std::fmt::Debug,
        expected: impl Into<String>,
    ) -> Self {
        Self::Argument { name, met: format!("{met:?}"), expected: expected.into() }
    }

    pub(crate) fn image(operation: &'static str, problem: impl Into<String>) -> Self {
        Self::Image { operation, problem: problem.into() }
    }

    pub(crate) fn at_sample(self, index: usize) -> Self {
        Self::Sample { index, path: None, source: Box::new(self) }
    }

    /// The same with the file of the sample, unless the message names it already.
    pub(crate) fn in_file(self, file: Option<&Path>) -> Self {
        match self {
            Self::Sample { index, path: None, source } => {
                let named = matches!(*source, Self::Io { .. } | Self::Malformed { .. });
                Self::Sample { index, path: file.filter(|_| !named).map(Path::to_owned), source }
            }
            other => other,
        }
    }
}

fn list_unreadable(files: &[BadFile]) -> String {
    let mut text = format!("{} cannot be used:", count(files.len(), "file"));
    for file in files {
        let _ = write!(text, "\n  {}: {}", file.path.display(), file.problem);
    }
    text.push_str("\nrepair them, or move them out of the data set");
    text
}

fn list_origins(file: &str, failures: &[FailedOrigin], kept: Option<&Path>) -> String {
    let mut text = format!("{file} could not be fetched:");
    for FailedOrigin { origin, reason } in failures {
        let _ = write!(text, "\n  {origin}: {reason}");
    }
    if let Some(kept) = kept {
        let _ =
            write!(text, "\nwhat arrived is kept in {}: the same command goes on from there", kept.display());
    }
    text
}

fn in_file(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" ({})", path.display()))
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

/// Most names that a message lists.
const LISTED: usize = 20;

/// The names, or where they are many the first of them and how many more there are.
pub(crate) fn some(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let more = names.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &rest
}

/// A number with its noun: `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
