//! [`BadSamples`]: what becomes of samples that cannot be read.
//!
//! The default is to stop. Leaving samples out is a choice of the user's, and whatever is left out is listed.
//! Nothing here moves or alters a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// What happens to samples that cannot be read: files that are damaged, missing or no pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadSamples {
    /// They are an error.
    #[default]
    Error,
    /// They are left out and listed. A [`Loader`](crate::Loader) tries them again in the next epoch.
    Skip,
    /// They are left out and listed, and a [`Loader`](crate::Loader) does not draw them again in later epochs.
    Quarantine,
}

impl BadSamples {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Skip => "skip",
            Self::Quarantine => "quarantine",
        }
    }
}

impl std::fmt::Display for BadSamples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A sample that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadSample {
    /// Its index in the data set. [`Dataset::path`](crate::Dataset::path) has its file.
    pub index: usize,
    /// Why; the file is named where there is one.
    pub problem: String,
}

impl std::fmt::Display for BadSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sample {}: {}", self.index, self.problem)
    }
}

/// The bad samples that a loader has met, each once. Clones share one list.
#[derive(Debug, Clone, Default)]
pub(crate) struct BadList(Arc<Mutex<BTreeMap<usize, String>>>);

impl BadList {
    /// Adds samples; of one that is known the first problem is kept.
    pub(crate) fn add<'a>(&self, bad: impl IntoIterator<Item = &'a BadSample>) {
        let mut list = self.lock();
        for BadSample { index, problem } in bad {
            list.entry(*index).or_insert_with(|| problem.clone());
        }
    }

    /// All of them, by index.
    pub(crate) fn all(&self) -> Vec<BadSample> {
        self.lock().iter().map(|(&index, problem)| BadSample { index, problem: problem.clone() }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
