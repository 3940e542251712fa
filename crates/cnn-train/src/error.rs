//! The one error type of this crate.

use std::path::{Path, PathBuf};

/// Result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a user's own callback; anything that `?` can turn into a box.
pub type CallbackError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in training, measuring and writing runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument outside its range.
    #[error("{name} is {met}, expected {expected}")]
    Argument {
        /// Name of the argument, as a configuration file would write it.
        name: &'static str,
        /// The value met.
        met: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// Something became NaN or infinite; training stopped before it could spread into a checkpoint.
    #[error(
        "epoch {epoch}, {what}: training has stopped. Try a learning rate below {learning_rate} (a tenth, say) or a \
         warm-up, and look for broken images. {kept}"
    )]
    NotFinite {
        /// The epoch, counted from 1.
        epoch: usize,
        /// What is not finite.
        what: NotFinite,
        /// The learning rate of the last step.
        learning_rate: f64,
        /// Where the last good state is.
        kept: LastGood,
    },
    /// A checkpoint that cannot be used here.
    #[error("checkpoint {}: {problem}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// A folder for a new run that exists.
    #[error("{} exists already: choose another folder for the new run, or remove this one", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// A history that has no JSON form.
    #[error("the history cannot be written: {0}")]
    History(serde_json::Error),
    /// The optimiser's state or the step does not fit the model.
    #[error("optimiser: {0}")]
    Optimizer(String),
    /// A file could not be written, read, synced or removed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done to the file.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// From a callback of the user's own.
    #[error("callback: {0}")]
    Callback(CallbackError),
    /// From a layer or from its weights.
    #[error(transparent)]
    Layers(#[from] cnn_layers::Error),
    /// From the tape.
    #[error(transparent)]
    Autograd(#[from] cnn_autograd::Error),
    /// From a tensor operation.
    #[error(transparent)]
    Tensor(#[from] cnn_tensor::Error),
    /// From the data set or its loader.
    #[error(transparent)]
    Data(#[from] cnn_data::Error),
}

/// What was found to be NaN or infinite.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NotFinite {
    /// The loss of a batch; the network was not changed by it.
    Loss {
        /// The batch in its epoch, counted from 1.
        batch: usize,
        /// NaN or an infinity.
        loss: f64,
        /// The first layer whose output is not finite, `input` where the images are not, empty where it is the loss itself.
        layer: String,
    },
    /// The gradient of a parameter; the network was not changed by it.
    Gradient {
        /// The batch in its epoch, counted from 1; the last one where several make a step.
        batch: usize,
        /// Path of the parameter.
        path: String,
    },
    /// A parameter or running statistic after the epoch's last update, which shows in no loss.
    Weight {
        /// Its path.
        path: String,
    },
    /// The loss on the validation images.
    ValidationLoss {
        /// NaN or an infinity.
        loss: f64,
    },
}

impl std::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loss { batch, loss, layer } => {
                write!(f, "batch {batch}: the loss became {loss}")?;
                match layer.as_str() {
                    "" => Ok(()),
                    "input" => write!(f, ", and the images hold a NaN or an infinity already"),
                    layer => write!(f, ", and {layer} was the first layer to give a NaN or an infinity"),
                }
            }
            Self::Gradient { batch, path } => {
                write!(f, "batch {batch}: the gradient of {path} holds a NaN or an infinity")
            }
            Self::Weight { path } => write!(f, "{path} holds a NaN or an infinity after the last update"),
            Self::ValidationLoss { loss } => write!(f, "validation: the loss is {loss}"),
        }
    }
}

/// Where the last good state of a run that failed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastGood {
    /// In this checkpoint.
    Checkpoint(PathBuf),
    /// Nowhere: no checkpoint had been written.
    Nowhere,
}

impl std::fmt::Display for LastGood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Checkpoint(path) => write!(f, "The last good checkpoint is {}", path.display()),
            Self::Nowhere => write!(f, "No checkpoint had been written"),
        }
    }
}

impl Error {
    /// An [`Error::Argument`].
    pub fn argument(name: &'static str, met: impl std::fmt::Display, expected: &'static str) -> Self {
        Self::Argument { name, met: met.to_string(), expected }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem: problem.into() }
    }
}
