//! [`Shuffled`]: a new order each epoch.

use cnn_tensor::random::Key;

use super::Sampler;

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
    use crate::Sequential;

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
