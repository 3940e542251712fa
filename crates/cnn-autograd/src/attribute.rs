//! Attributes of an operation: what the graph, the summary and an exported file know of it beside its inputs.

use std::fmt;

/// A named setting of an operation, as in `stride = [2, 2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name, as the operation's documentation uses it.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

impl Attribute {
    /// A named value.
    pub fn new(name: &'static str, value: impl Into<Value>) -> Self {
        Self { name, value: value.into() }
    }
}

/// Value of an [`Attribute`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A count or a size.
    Integer(u64),
    /// Several sizes, one for each axis or side.
    Integers(Vec<u64>),
    /// A whole number that may be below zero: a label, a shift.
    Signed(i64),
    /// A number.
    Number(f64),
    /// A name.
    Text(String),
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Integer(value as u64)
    }
}

impl<const N: usize> From<[usize; N]> for Value {
    fn from(values: [usize; N]) -> Self {
        Self::Integers(values.iter().map(|&value| value as u64).collect())
    }
}

impl From<&[usize]> for Value {
    fn from(values: &[usize]) -> Self {
        Self::Integers(values.iter().map(|&value| value as u64).collect())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Integers(values) => write!(f, "{values:?}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}
