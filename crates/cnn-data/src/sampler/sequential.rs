//! [`Sequential`]: the order of the data set.

use super::Sampler;

/// Every sample once, first to last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential;

impl Sampler for Sequential {
    fn order(&self, len: usize, _epoch: u64) -> Vec<usize> {
        (0..len).collect()
    }
}
