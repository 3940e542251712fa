//! How a command ends when it does not end well: a message for a person, an exit code for a script.
//!
//! Libraries say what was met, where, and what to do; this only adds the exit code. Wrong usage of the command
//! line is clap's to tell, with exit code 2.

use std::fmt::Display;
use std::path::Path;

/// The result of a command or of a part of one.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It failed, with this message: exit code 1.
    Failed(String),
    /// What was asked for does not exist, with this message: exit code 2.
    Usage(String),
    /// It failed and has said so already: exit code 1.
    Told,
    /// It looked for faults, found errors, and has said which: exit code 3.
    Findings,
    /// The user stopped it, and what was asked to be kept is kept: exit code 130, as shells have it.
    Interrupted,
}

impl Failure {
    /// A failure with a message.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A file or folder that could not be used.
    pub(crate) fn io(action: &str, path: &Path, error: &dyn Display) -> Self {
        Self::Failed(format!("cannot {action} {}: {error}", path.display()))
    }

    /// What to print after `error: `.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Failed(message) | Self::Usage(message) => Some(message),
            Self::Told | Self::Findings | Self::Interrupted => None,
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            Self::Findings => 3,
            Self::Interrupted => 130,
        }
    }
}

macro_rules! failure_from {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        })*
    };
}

failure_from!(cnn_tensor::Error, cnn_autograd::Error, cnn_layers::Error, serde_json::Error);

impl From<cnn_train::Error> for Failure {
    fn from(error: cnn_train::Error) -> Self {
        match error {
            cnn_train::Error::RunExists { path } => Self::Failed(format!(
                "{} exists already, and no run replaces it: choose another --out, or remove the folder",
                path.display()
            )),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<cnn_data::Error> for Failure {
    fn from(error: cnn_data::Error) -> Self {
        match error {
            cnn_data::Error::UnknownName { .. } | cnn_data::Error::NoDownload { .. } => {
                Self::Usage(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<cnn_models::Error> for Failure {
    fn from(error: cnn_models::Error) -> Self {
        match error {
            cnn_models::Error::UnknownModel { .. } => Self::Usage(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}
