//! The one error type of this crate.

use std::fmt;

use cnn_autograd::Locate;
use cnn_tensor::{DType, Shape};

/// Result of every fallible function of this crate, and of a network's forward pass.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in building, running, saving and loading layers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation or its gradient failed; with the layer's path where there is one.
    #[error(transparent)]
    Autograd(#[from] cnn_autograd::Error),
    /// An error of this crate or of a user's layer, with the path of the layer in which it happened.
    #[error("{path}: {source}")]
    At {
        /// Path of the innermost layer, as in `layer2.0.conv1`.
        path: String,
        /// What happened there.
        source: Box<Error>,
    },
    /// A layer cannot be built with this argument.
    #[error("{layer}: {name} is {met}, expected {expected}")]
    Argument {
        /// Type of the layer.
        layer: &'static str,
        /// Name of the argument.
        name: &'static str,
        /// The value met.
        met: String,
        /// The values allowed.
        expected: String,
    },
    /// A user's own layer fails.
    #[error("{0}")]
    Layer(String),
    /// Two parts of a model have one name.
    #[error(
        "two parameters or buffers are named {key}; rename one with `#[layer(rename = \"..\")]`, \
         or flatten fewer parts"
    )]
    DuplicateKey {
        /// The name.
        key: String,
    },
    /// A pattern names no parameter.
    #[error("no parameter is named by `{pattern}`; the model has {}", list(names))]
    NoParameter {
        /// The pattern.
        pattern: String,
        /// Names of the model's parameters.
        names: Vec<String>,
    },
    /// A state dict does not fit the model.
    #[error("the state dict does not fit the model: {0}")]
    Misfit(Misfit),
    /// Bytes that are not a safetensors file.
    #[error("not a safetensors file: {problem}")]
    File {
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor in a file has an element type that no tensor here can have.
    #[error(
        "tensor {key} has element type {met}, expected one of f64, f32, bf16, f16, i64, i32, u16, i8, u8, bool"
    )]
    FileType {
        /// Name of the tensor.
        key: String,
        /// The type met.
        met: String,
    },
    /// Batch statistics that no layer of the model recorded.
    #[error(
        "batch statistics of {path} were recorded by no layer of this model; apply a step to the model that made it"
    )]
    ForeignStatistics {
        /// Path under which they were recorded.
        path: String,
    },
}

/// The first few names, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len().checked_sub(SHOWN) {
        _ if names.is_empty() => "none".to_owned(),
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

impl Error {
    /// An [`Error::Argument`].
    pub fn argument(
        layer: &'static str,
        name: &'static str,
        met: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Argument { layer, name, met: met.to_string(), expected: expected.into() }
    }
}

/// What an operation refuses of its settings, as an argument of the layer that is built with them.
pub(crate) fn named(layer: &'static str, error: cnn_tensor::Error) -> Error {
    match error {
        cnn_tensor::Error::Argument { name, met, expected, .. } => {
            Error::argument(layer, name, met, expected)
        }
        other => other.into(),
    }
}

impl From<cnn_tensor::Error> for Error {
    fn from(error: cnn_tensor::Error) -> Self {
        Self::Autograd(error.into())
    }
}

impl Locate for Error {
    fn at(self, path: &str) -> Self {
        match self {
            Self::Autograd(error) => Self::Autograd(error.at(path)),
            located @ Self::At { .. } => located,
            error if path.is_empty() => error,
            error => Self::At { path: path.to_owned(), source: Box::new(error) },
        }
    }
}

/// All that is wrong between a state dict and a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Misfit {
    /// Keys of the model that the dict lacks.
    pub missing: Vec<String>,
    /// Keys of the dict that the model lacks.
    pub unexpected: Vec<String>,
    /// Keys whose tensor has another shape or kind of type than the model's.
    pub misshapen: Vec<Misshapen>,
}

/// A tensor of another shape or kind of type than the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Its key.
    pub key: String,
    /// Shape in the dict.
    pub met: Shape,
    /// Element type in the dict.
    pub met_dtype: DType,
    /// Shape of the model's, as files have it.
    pub expected: Shape,
    /// Element type of the model's.
    pub expected_dtype: DType,
}

impl Misfit {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, name: &str, list: Vec<String>| {
            if list.is_empty() {
                return Ok(());
            }
            write!(f, "{separator}{} {name} ({})", list.len(), list.join(", "))?;
            separator = "; ";
            Ok(())
        };
        part(f, "missing", self.missing.clone())?;
        part(f, "unexpected", self.unexpected.clone())?;
        part(f, "misshapen", self.misshapen.iter().map(ToString::to_string).collect())
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, met, met_dtype, expected, expected_dtype } = self;
        write!(f, "{key} is {met_dtype} {met}, expected {expected_dtype} {expected}")
    }
}
