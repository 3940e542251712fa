//! The one error type of this crate.
//!
//! Variants carry what a program can act on (operation, shapes, axis) as data; the message says what was
//! expected, what was met and, where it is not obvious, what to do.

use std::path::PathBuf;

use crate::{DType, Shape};

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in building or combining tensors.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The inputs' shapes do not fit each other or the operation.
    #[error("{op}: {problem}")]
    Shape {
        /// Name of the operation.
        op: &'static str,
        /// The shapes met, what was expected of them.
        problem: String,
    },
    /// An element type that the operation does not take.
    #[error("{op}: element type is {met}, expected {expected}")]
    DType {
        /// Name of the operation.
        op: &'static str,
        /// The type met.
        met: DType,
        /// The type or types that the operation takes.
        expected: String,
    },
    /// An argument outside its range.
    #[error("{op}: {name} is {met}, expected {expected}")]
    Argument {
        /// Name of the operation.
        op: &'static str,
        /// Name of the argument.
        name: &'static str,
        /// The value met.
        met: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// The number of elements given is not the number that the shape holds.
    #[error("{given} elements given for shape {shape}, which holds {}", shape.len())]
    Length {
        /// Shape asked for.
        shape: Shape,
        /// Elements given.
        given: usize,
    },
    /// A shape whose size in elements or bytes overflows, or of too many dimensions.
    #[error("shape {shape} is too large: {reason}")]
    TooLarge {
        /// The dimensions as given.
        shape: String,
        /// What limit it passes.
        reason: &'static str,
    },
    /// The allocation budget would be passed, or the system has no more to give.
    #[error(
        "cannot allocate {requested} bytes: {in_use} of the {budget} bytes allowed are in use (a smaller batch needs less)"
    )]
    OutOfMemory {
        /// Bytes asked for.
        requested: usize,
        /// Bytes in buffers that tensors hold; what the pool keeps gives way and is not counted.
        in_use: usize,
        /// Most that may be held.
        budget: usize,
    },
    /// The values of a shape-only tensor were asked for.
    #[error("{op}: the tensor of shape {shape} has a shape but no values")]
    ShapeOnly {
        /// Name of the operation.
        op: &'static str,
        /// Shape of the tensor.
        shape: Shape,
    },
    /// Bytes are not what their format asks for.
    #[error("{format}: {problem}")]
    Format {
        /// Name of the format.
        format: &'static str,
        /// What was met, and what was expected.
        problem: String,
    },
    /// A file cannot be read or written, or is not what its format asks for.
    #[error("{}: {problem}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// `CNN_ISA` or `CNN_THREADS` asks for what this machine or build cannot do.
    #[error("{variable}={value}: {problem}")]
    Environment {
        /// Name of the environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// Why it cannot be followed, and what can.
        problem: String,
    },
}

impl Error {
    /// An [`Error::Shape`] with the given message.
    pub fn shape(op: &'static str, problem: impl Into<String>) -> Self {
        Self::Shape { op, problem: problem.into() }
    }

    /// An [`Error::DType`].
    pub fn dtype(op: &'static str, met: DType, expected: impl Into<String>) -> Self {
        Self::DType { op, met, expected: expected.into() }
    }

    /// An [`Error::Argument`].
    pub fn argument(
        op: &'static str,
        name: &'static str,
        met: impl std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Argument { op, name, met: met.to_string(), expected }
    }
}
