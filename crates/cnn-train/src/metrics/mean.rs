//! The mean of values that arrive in batches of unequal size.

use serde::{Deserialize, Serialize};

/// A running weighted mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    /// Adds the mean `value` of `count` items.
    pub fn add(&mut self, value: f64, count: usize) {
        self.sum += value * count as f64;
        self.weight += count as f64;
    }

    /// The mean of everything added; 0 where that is nothing.
    pub fn value(self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.sum / self.weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_last_batch_counts_for_less() {
        let mut mean = Mean::default();
        assert_eq!(mean.value(), 0.0);
        mean.add(1.0, 3);
        mean.add(5.0, 1);
        assert_eq!(mean.value(), 2.0);
    }
}
