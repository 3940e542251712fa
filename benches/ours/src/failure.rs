//! What goes wrong, in words: this program only ever tells a person.

/// A result whose error is a message.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An error that is nothing but its message.
pub(crate) fn failure<T>(message: impl Into<String>) -> Result<T> {
    Err(message.into().into())
}
