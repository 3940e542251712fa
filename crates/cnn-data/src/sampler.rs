//! [`Sampler`]: in which order an epoch draws the samples.
//!
//! An order is a pure function of the data set's length and the epoch's number, so a position in it is one
//! number, and resuming in the middle of an epoch needs nothing else.

use cnn_tensor::random::Key;

/// The order of the samples of an epoch.
pub trait Sampler: Send + Sync {
    /// The indices to draw in epoch number `epoch` from a data set of `len` samples. An index may be drawn
    /// several times, or never.
    fn order(&self, len: usize, epoch: u64) -> Vec<usize>;

    /// How many samples an epoch draws: the length of every [`Sampler::order`].
    fn draws(&self, len: usize) -> usize {
        len
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn order(&self, len: usize, epoch: u64) -> Vec<usize> {
        (**self).order(len, epoch)
    }

    fn draws(&self, len: usize) -> usize {
        (**self).draws(len)
    }
}

/// Every sample once, first to last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential;

impl Sampler for Sequential {
    fn order(&self, len: usize, _epoch: u64) -> Vec<usize> {
        (0..len).collect()
    }
}

/// Every sample once, in an order that depends on the seed and the epoch; all orders are equally likely.
#[derive(Debug, Clone, Copy)]
pub struct Shuffled {
    key: Key,
}

impl Shuffled {
    /// Orders of a seed.
    pub fn new(seed: u64) -> Self {
        Self { key: Key::new(seed).fold_str("shuffle") }
    }
}

impl Sampler for Shuffled {
    fn order(&self, len: usize, epoch: u64) -> Vec<usize> {
        self.key.fold(epoch).permutation(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_depends_on_seed_and_epoch_and_loses_nothing() {
        let first = Shuffled::new(1).order(100, 0);
        assert_eq!(first, Shuffled::new(1).order(100, 0));
        assert_ne!(first, Shuffled::new(1).order(100, 1));
        assert_ne!(first, Shuffled::new(2).order(100, 0));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, Sequential.order(100, 7));
    }
}
