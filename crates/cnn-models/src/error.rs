//! The one error type of this crate.

use std::path::{Path, PathBuf};

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in building a network by name and in reading a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No architecture has this name.
    #[error("unknown model {name:?}{}: the models are {known}", did_you_mean(*suggestion))]
    UnknownModel {
        /// The name met.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<&'static str>,
        /// All names.
        known: String,
    },
    /// An argument that the architecture cannot be built with.
    #[error("{model}: {name} is {met}, expected {expected}")]
    Argument {
        /// Name of the architecture.
        model: &'static str,
        /// Name of the argument.
        name: &'static str,
        /// The value met.
        met: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// A file that is not a model file, or that contradicts itself.
    #[error("{problem}")]
    NotAModel {
        /// What was met, what was expected, what to do.
        problem: String,
    },
    /// A model file that cannot be read or used, with its path.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// The system refused to read a file.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// From a layer or from its weights.
    #[error(transparent)]
    Layers(#[from] cnn_layers::Error),
}

impl Error {
    pub(crate) fn not_a_model(problem: impl Into<String>) -> Self {
        Self::NotAModel { problem: problem.into() }
    }

    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}
