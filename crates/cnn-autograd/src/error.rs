//! The one error type of this crate, and how an error learns where in the network it happened.

use cnn_tensor::{Shape, Spec};

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in recording operations and computing gradients.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kernel or a shape inference refused its inputs.
    #[error(transparent)]
    Tensor(#[from] cnn_tensor::Error),
    /// An error with the path of the layer in which it happened.
    #[error("{path}: {source}")]
    At {
        /// Path of the innermost layer, as in `layer2.0.conv1`.
        path: String,
        /// What happened there.
        source: Box<Error>,
    },
    /// An operation, or the way back over it, asks for more memory than there is.
    #[error("{op}: {source}")]
    OutOfMemory {
        /// Name of the operation.
        op: &'static str,
        /// What was asked for, and what is allowed.
        source: cnn_tensor::Error,
    },
    /// An operation of the user's own refuses its inputs.
    #[error("{op}: {problem}")]
    Operation {
        /// Name of the operation.
        op: &'static str,
        /// What was met and what was expected.
        problem: String,
    },
    /// An operation got another number of inputs than it takes.
    #[error("{op}: {met} inputs given, expected {expected}")]
    Inputs {
        /// Name of the operation.
        op: &'static str,
        /// Inputs given.
        met: usize,
        /// Numbers of inputs that it takes.
        expected: String,
    },
    /// An operation does not keep to the contract of [`crate::Function`].
    #[error("the rule of {op} is wrong: {problem}")]
    Rule {
        /// Name of the operation.
        op: &'static str,
        /// What it did and what the contract asks for.
        problem: String,
    },
    /// A variable was used after the tape that recorded it was consumed or dropped.
    #[error(
        "{op}: an input was recorded on a tape that is gone (backward consumes it); \
         take its value with `detach` before, or use `backward_retain`"
    )]
    TapeGone {
        /// Name of the operation.
        op: &'static str,
    },
    /// Variables of two passes met in one operation, or a context was given a variable of another one.
    #[error(
        "{op}: variables of different tapes met, expected those of one pass; \
         `detach` the one that wants no gradient, or give it to its own context"
    )]
    TwoTapes {
        /// Name of the operation.
        op: &'static str,
    },
    /// A gradient was asked for where nothing was recorded.
    #[error("backward: the output depends on no variable or parameter that wants a gradient")]
    Untracked,
    /// A gradient without a seed was asked for, of something that is not one number.
    #[error("backward: the output has shape {shape}, expected a scalar; give a seed with `backward_seeded`")]
    NotScalar {
        /// Shape of the output.
        shape: Shape,
    },
    /// A seed does not have the shape and type of its output.
    #[error("backward: the seed is {} {}, the output is {} {}", met.dtype, met.shape, expected.dtype, expected.shape)]
    Seed {
        /// Shape and type of the seed.
        met: Box<Spec>,
        /// Shape and type of the output.
        expected: Box<Spec>,
    },
    /// What a layer made was asked for where nothing was seen.
    #[error(
        "observed: no layer of this pass has made a variable under the path `{path}`; \
         call `observe` before the layer runs, with a path as `named_layers` gives them"
    )]
    NotObserved {
        /// The path.
        path: String,
    },
    /// The graph was asked for where not every operation is recorded.
    #[error("graph: this context does not trace; make it with `Ctx::trace`")]
    NotTraced,
    /// A gradient differs from the finite difference.
    #[error("gradcheck: {problem}")]
    Gradcheck {
        /// Which input, which element, both values.
        problem: String,
    },
}

impl Error {
    /// An [`Error::Operation`]: what a user's own operation returns for inputs that it does not take.
    pub fn operation(op: &'static str, problem: impl Into<String>) -> Self {
        Self::Operation { op, problem: problem.into() }
    }

    /// The error as that of an operation, where it does not name one itself.
    pub(crate) fn of(self, op: &'static str) -> Self {
        match self {
            Self::Tensor(source @ cnn_tensor::Error::OutOfMemory { .. }) => Self::OutOfMemory { op, source },
            other => other,
        }
    }

    /// An [`Error::Rule`].
    pub(crate) fn rule(op: &'static str, problem: impl Into<String>) -> Self {
        Self::Rule { op, problem: problem.into() }
    }
}

/// An error that can be told where it happened. The first path given, the innermost, stays.
pub trait Locate {
    /// The error with the path of the layer; unchanged where it has one, or where `path` is empty.
    #[must_use]
    fn at(self, path: &str) -> Self;
}

impl Locate for Error {
    fn at(self, path: &str) -> Self {
        match self {
            located @ Self::At { .. } => located,
            error if path.is_empty() => error,
            error => Self::At { path: path.to_owned(), source: Box::new(error) },
        }
    }
}
