//! What a program that was built without the feature has in the place of a terminal.

use cnn_train::Callback;

use crate::failure::{Failure, Outcome};

/// There is none.
pub(crate) enum Tui {}

/// Refuses.
pub(crate) fn check() -> Outcome {
    Err(Failure::Usage(
        "--tui: this program was built without it; `cargo install --path crates/cnn-cli --features tui` builds one with it"
            .into(),
    ))
}

/// Nothing was taken.
pub(crate) fn restore_terminal() {}

impl Tui {
    /// Refuses.
    pub(crate) fn begin(_title: String) -> Outcome<Self> {
        check()?;
        Err(Failure::Told)
    }

    pub(crate) fn end(&mut self) {
        match *self {}
    }
}

impl Callback for Tui {}
