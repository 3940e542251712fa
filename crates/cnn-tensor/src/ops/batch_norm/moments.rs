//! Mean and spread of each channel, in double precision, of values that come in parts.

/// Count, mean and sum of squared differences from the mean, for each channel.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// The moments of no values.
    pub(super) fn new(channels: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    /// The moments of all values of both parts (Chan, Golub and LeVeque, 1983).
    pub(super) fn join(mut self, other: &Moments) -> Self {
        self.add(other.count, &other.mean, &other.squares);
        self
    }

    /// Adds a part of `count` values for each channel.
    pub(super) fn add(&mut self, count: f64, mean: &[f64], squares: &[f64]) {
        let total = self.count + count;
        if count == 0.0 {
            return;
        }
        let (share, weight) = (count / total, self.count * count / total);
        for (c, (&part_mean, &part_squares)) in mean.iter().zip(squares).enumerate() {
            let difference = part_mean - self.mean[c];
            self.mean[c] += difference * share;
            self.squares[c] += part_squares + difference * difference * weight;
        }
        self.count = total;
    }

    /// Mean of each channel.
    pub(super) fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of each channel, divided by the number of values.
    pub(super) fn biased_variance(&self) -> impl Iterator<Item = f64> + '_ {
        self.squares.iter().map(|squares| squares / self.count)
    }

    /// Variance of each channel, divided by one less than the number of values.
    pub(super) fn unbiased_variance(&self) -> impl Iterator<Item = f64> + '_ {
        self.squares.iter().map(|squares| squares / (self.count - 1.0))
    }
}
