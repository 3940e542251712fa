//! Mean and spread of each channel, in double precision, of values that come in parts.

/// Count, mean and sum of squared differences from the mean, for each channel.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// The moments of no values.
    pub(in crate::ops) fn new(channels: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    /// Adds the values of another part (Chan, Golub and LeVeque, 1983).
    #[inline(always)]
    pub(in crate::ops) fn join(&mut self, other: &Moments) {
        self.add(other.count, &other.mean, &other.squares);
    }

    /// Adds a part of `count` values for each channel.
    #[inline(always)]
    pub(in crate::ops) fn add(&mut self, count: f64, mean: &[f64], squares: &[f64]) {
        if count == 0.0 {
            return;
        }
        let total = self.count + count;
        let (share, weight) = (count / total, self.count * count / total);
        let parts = mean.iter().zip(squares);
        for ((mean, squares), (part_mean, part_squares)) in
            self.mean.iter_mut().zip(&mut self.squares).zip(parts)
        {
            let difference = part_mean - *mean;
            *mean += difference * share;
            *squares += part_squares + difference * difference * weight;
        }
        self.count = total;
    }

    /// Number of values.
    pub(in crate::ops) fn count(&self) -> f64 {
        self.count
    }

    /// Mean of each channel.
    pub(in crate::ops) fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of each channel, divided by the number of values.
    pub(in crate::ops) fn biased_variance(&self) -> impl Iterator<Item = f64> + '_ {
        self.squares.iter().map(|squares| squares / self.count)
    }

    /// Variance of each channel, divided by one less than the number of values.
    pub(in crate::ops) fn unbiased_variance(&self) -> impl Iterator<Item = f64> + '_ {
        self.squares.iter().map(|squares| squares / (self.count - 1.0))
    }
}
