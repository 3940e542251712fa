//! [`Position`]: where a loader stands, so that another process goes on with the very same batches.
//!
//! Beside the epoch and the batch it holds which samples were left out, because they change what is drawn, and what the
//! batches depend on, so that a position which is given to another loader is found out.

use serde::{Deserialize, Serialize};

use super::{LastBatch, Loader};
use crate::{BadSample, BadSamples, Error, Result};

/// A place in an epoch of a loader: [`Batches::position`](super::Batches::position) says it, and [`Loader::resume`]
/// goes on there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Position {
    /// Number of the epoch.
    pub epoch: u64,
    /// Number in the epoch of the batch that comes next.
    pub batch: usize,
    /// Samples that the epoch did not draw, by index: those in quarantine when it began.
    pub quarantined: Vec<BadSample>,
    /// Samples of the epoch that were left out before this position, in the order in which they were drawn.
    pub skipped: Vec<BadSample>,
    /// Of what loader.
    loader: Identity,
}

/// What the batches of an epoch depend on, as far as it can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Identity {
    samples: usize,
    batch_size: usize,
    last_batch: LastBatch,
    bad_samples: BadSamples,
    augmentation_seed: Option<u64>,
    mixing_seed: Option<u64>,
    /// A sum of the sampler's order of the epoch, in hexadecimal.
    order: String,
}

impl Identity {
    /// Of a loader whose sampler draws in the given order.
    pub(super) fn new(loader: &Loader, order: &[usize]) -> Self {
        Self {
            samples: loader.dataset.len(),
            batch_size: loader.batch_size,
            last_batch: loader.last_batch,
            bad_samples: loader.bad_samples,
            augmentation_seed: loader.augmentation_seed,
            mixing_seed: loader.mixing.as_ref().map(|mixing| mixing.seed),
            order: format!("{:016x}", sum(order)),
        }
    }

    /// What differs, in words.
    fn differences(&self, loader: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, met: String, expected: String| {
            if met != expected {
                differences.push(format!("{what} is {met} in the position and {expected} here"));
            }
        };
        let seed = |seed: Option<u64>| seed.map_or("none".to_owned(), |seed| seed.to_string());
        compare("number of samples", self.samples.to_string(), loader.samples.to_string());
        compare("batch size", self.batch_size.to_string(), loader.batch_size.to_string());
        let last = |last: LastBatch| format!("{last:?}").to_lowercase();
        compare("last batch", last(self.last_batch), last(loader.last_batch));
        compare("bad samples", self.bad_samples.to_string(), loader.bad_samples.to_string());
        compare("augmentation seed", seed(self.augmentation_seed), seed(loader.augmentation_seed));
        compare("mixing seed", seed(self.mixing_seed), seed(loader.mixing_seed));
        // The order of another number of samples is always another one.
        if self.samples == loader.samples && self.order != loader.order {
            differences.push("the sampler draws in another order, so it has another seed or kind".to_owned());
        }
        differences
    }
}

impl Position {
    /// A position in an epoch of a loader.
    pub(super) fn new(epoch: u64, batch: usize, loader: Identity) -> Self {
        Self { epoch, batch, quarantined: Vec::new(), skipped: Vec::new(), loader }
    }

    /// # Errors
    /// [`Error::Position`] where the position is of a loader of another identity.
    pub(super) fn check(&self, loader: &Identity) -> Result<()> {
        let mut differences = self.loader.differences(loader);
        let listed = self.quarantined.iter().chain(&self.skipped);
        if let Some(bad) = listed.into_iter().find(|bad| bad.index >= loader.samples) {
            differences.push(format!("it leaves out sample {} of {}", bad.index, loader.samples));
        }
        if differences.is_empty() { Ok(()) } else { Err(Error::Position { differences }) }
    }
}

/// A sum in which each index and its place count; against mistakes, not against forgery.
fn sum(order: &[usize]) -> u64 {
    let mix = |sum: u64, &index: &usize| {
        (sum ^ index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_add(1)
    };
    order.iter().fold(order.len() as u64, mix)
}
