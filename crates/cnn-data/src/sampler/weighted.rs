//! [`Weighted`]: samples drawn with replacement, each as often as its weight says; PyTorch's `WeightedRandomSampler`.
//!
//! By the alias method (Walker 1977, in the form of Vose 1991), one table look-up a draw. Weights become whole numbers
//! first, so that the table is exact: a weight of 0 is never drawn, and no rounding is left over for it.

use cnn_tensor::random::Key;

use super::Sampler;
use crate::{Dataset, Error, Result};

/// Draws with replacement, in proportion to weights.
///
/// ```
/// use cnn_data::{Sampler, Weighted};
/// # fn main() -> cnn_data::Result<()> {
/// let order = Weighted::new(&[1.0, 0.0, 3.0], 7)?.num_samples(1000).order(3, 0);
/// let thirds = order.iter().filter(|&&index| index == 2).count();
/// assert!((700..800).contains(&thirds) && !order.contains(&1));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Weighted {
    columns: Vec<Column>,
    /// Sum of the whole-number weights; a column is as high as this.
    total: u64,
    draws: usize,
    key: Key,
}

/// A sample and the one that fills the rest of its column.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Heights below this are the sample's own.
    own: u64,
    alias: usize,
}

impl Weighted {
    /// One weight for each sample of the data set; as many draws an epoch as there are samples. Weights need not sum to
    /// one. A weight above 0 counts as a 2^-61 share of the largest, times their number, at least.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are no weights, one is negative, infinite or NaN, or all are 0.
    pub fn new(weights: &[f64], seed: u64) -> Result<Self> {
        let finite = |weight: f64| weight >= 0.0 && weight.is_finite();
        if let Some((index, weight)) = weights.iter().enumerate().find(|&(_, &weight)| !finite(weight)) {
            let met = format!("{weight} for sample {index}");
            return Err(Error::argument("weight", met, "a finite number, 0 or more"));
        }
        let most = weights.iter().copied().fold(0.0, f64::max);
        if most == 0.0 {
            let met = format!("{} weights, none above 0", weights.len());
            return Err(Error::argument("weights", met, "a positive weight for at least one sample"));
        }
        // Their sum stays below 2^62, with room for one more each.
        let scale = ((1u64 << 61) / weights.len() as u64) as f64;
        let whole = |&weight: &f64| match weight > 0.0 {
            true => ((weight / most * scale) as u64).max(1),
            false => 0,
        };
        let parts: Vec<u64> = weights.iter().map(whole).collect();
        let total = parts.iter().sum();
        let key = Key::new(seed).fold_str("weighted");
        Ok(Self { columns: columns(&parts, total), total, draws: weights.len(), key })
    }

    /// Weights under which every class of a data set is drawn equally often: one over the number of its samples.
    ///
    /// # Errors
    /// As [`Dataset::target`]; [`Error::Argument`] where a target is not one class, or there are no samples.
    pub fn balanced(dataset: &(impl Dataset + ?Sized), seed: u64) -> Result<Self> {
        let classes = classes_of(dataset)?;
        let mut counts = std::collections::HashMap::new();
        classes.iter().for_each(|class| *counts.entry(class).or_insert(0u32) += 1);
        let weights: Vec<f64> = classes.iter().map(|class| 1.0 / f64::from(counts[class])).collect();
        Self::new(&weights, seed)
    }

    /// How many samples an epoch draws.
    #[must_use]
    pub fn num_samples(self, draws: usize) -> Self {
        Self { draws, ..self }
    }
}

/// The class of each sample.
pub(super) fn classes_of(dataset: &(impl Dataset + ?Sized)) -> Result<Vec<usize>> {
    let class = |index| dataset.target(index).and_then(|target| target.class());
    (0..dataset.len()).map(|index| class(index).map_err(|error| error.at_sample(index))).collect()
}

/// The alias table: as many columns of height `total` as there are parts, in which part `i` fills `parts.len() * parts[i]`.
fn columns(parts: &[u64], total: u64) -> Vec<Column> {
    let mut left: Vec<u128> = parts.iter().map(|&part| u128::from(part) * parts.len() as u128).collect();
    let full = u128::from(total);
    let mut columns: Vec<Column> = (0..parts.len()).map(|alias| Column { own: total, alias }).collect();
    let (mut low, mut high): (Vec<usize>, Vec<usize>) =
        (0..parts.len()).partition(|&index| left[index] < full);
    // What is left fills the open columns exactly, so a low one implies a high one.
    while let (Some(&rich), Some(poor)) = (high.last(), low.pop()) {
        columns[poor] = Column { own: left[poor] as u64, alias: rich };
        left[rich] -= full - left[poor];
        if left[rich] < full {
            high.pop();
            low.push(rich);
        }
    }
    columns
}

impl Sampler for Weighted {
    fn order(&self, _len: usize, epoch: u64) -> Vec<usize> {
        let key = self.key.fold(epoch);
        let below = |bits: [u32; 2], bound: u64| {
            let bits = u64::from(bits[0]) << 32 | u64::from(bits[1]);
            ((u128::from(bits) * u128::from(bound)) >> 64) as u64
        };
        let draw = |number| {
            let [a, b, c, d] = key.block(number);
            let index = below([a, b], self.columns.len() as u64) as usize;
            let column = self.columns[index];
            if below([c, d], self.total) < column.own { index } else { column.alias }
        };
        (0..self.draws as u64).map(draw).collect()
    }

    fn draws(&self, _len: usize) -> usize {
        self.draws
    }

    fn check(&self, len: usize, _batch_size: usize) -> Result<()> {
        super::same_length(self.columns.len(), len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, InMemory, Sample, Size, Target};

    /// How often each of `len` samples is drawn.
    fn counts(sampler: &Weighted, len: usize) -> Vec<usize> {
        let mut counts = vec![0; len];
        sampler.order(len, 0).into_iter().for_each(|index| counts[index] += 1);
        counts
    }

    #[test]
    fn the_table_holds_every_weight_exactly() {
        for parts in [vec![1, 0, 3], vec![5], vec![0, 0, 7, 0, 1, 1], (0..100).collect()] {
            let total: u64 = parts.iter().sum();
            let mut met = vec![0u128; parts.len()];
            for (index, column) in columns(&parts, total).into_iter().enumerate() {
                met[index] += u128::from(column.own);
                met[column.alias] += u128::from(total - column.own);
            }
            let expected: Vec<u128> =
                parts.iter().map(|&part| u128::from(part) * parts.len() as u128).collect();
            assert_eq!(met, expected);
        }
    }

    #[test]
    fn samples_are_drawn_as_often_as_their_weights_say_and_zero_never() {
        let weights = [0.0, 1.0, 2.0, 0.0, 5.0, 1e-300];
        let met = counts(&Weighted::new(&weights, 3).unwrap().num_samples(80_000), 6);
        for (count, weight) in met.iter().zip(weights) {
            // Five standard deviations of a binomial count.
            assert!((*count as f64 - weight * 10_000.0).abs() < 5.0 * 283.0 * (weight / 8.0).sqrt() + 0.5);
        }
        let huge = Weighted::new(&[f64::MAX, f64::MAX], 1).unwrap().num_samples(1000);
        assert!(counts(&huge, 2).iter().all(|&count| count > 400));
    }

    #[test]
    fn balanced_draws_give_a_rare_class_its_turn() {
        let image = Image::from_u8(Size::new(1, 1), 1, vec![0]).unwrap();
        let class = |index| Target::Class(if index < 90 { 4 } else { 9 });
        let set = InMemory::new((0..100).map(|index| Sample::new(image.clone(), class(index))).collect());
        let met = counts(&Weighted::balanced(&set, 1).unwrap().num_samples(10_000), 100);
        let rare: usize = met[90..].iter().sum();
        assert!((4750..5250).contains(&rare), "{rare}");
        assert!(met[90..].iter().all(|&count| count > 350));
    }

    #[test]
    fn draws_depend_on_seed_and_epoch() {
        let sampler = |seed| Weighted::new(&[1.0; 50], seed).unwrap();
        assert_eq!(sampler(1).order(50, 3), sampler(1).order(50, 3));
        assert_ne!(sampler(1).order(50, 3), sampler(1).order(50, 4));
        assert_ne!(sampler(1).order(50, 3), sampler(2).order(50, 3));
    }

    #[test]
    fn weights_that_mean_nothing_are_refused() {
        let message = |weights: &[f64]| Weighted::new(weights, 1).unwrap_err().to_string();
        assert_eq!(
            message(&[1.0, -2.0]),
            "weight is \"-2 for sample 1\", expected a finite number, 0 or more"
        );
        assert!(message(&[f64::NAN]).contains("NaN for sample 0"));
        assert!(message(&[1.0, f64::INFINITY]).contains("inf for sample 1"));
        assert!(message(&[0.0, -0.0]).contains("2 weights, none above 0"));
        assert!(message(&[]).contains("0 weights"));
        let error = Weighted::new(&[1.0; 3], 1).unwrap().check(4, 8).unwrap_err().to_string();
        assert!(error.contains("made for is 3, expected 4"), "{error}");
    }
}
