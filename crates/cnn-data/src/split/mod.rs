//! Splits: which part of a data set serves which purpose.
//!
//! [`hold_out`] takes a validation set out of a training set in memory, [`fold`](fn@fold) one of several parts of it; [`divide`] writes down, once and for all, which
//! file of a folder or row of a table is in which split or fold, with groups that stay together.

mod divide;
mod fold;
mod groups;
mod hold_out;
mod items;
mod place;

pub use divide::{Divided, Division, Row, divide};
pub use fold::{Fold, fold};
pub use groups::GroupBy;
pub use hold_out::{HoldOut, hold_out};
pub use items::{Item, Items};

use serde::{Deserialize, Serialize};

/// What a part of a data set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The network learns from it.
    Train,
    /// Choices are made by it.
    Validation,
    /// It is looked at once, after the last choice.
    Test,
}

impl Split {
    /// Every split.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
