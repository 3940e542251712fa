//! [`Stratified`]: every batch holds the classes in the proportions of the data set.
//!
//! The exact share of a class in a batch is (size of the batch) x (samples of the class) / (all samples), seldom a whole
//! number. Every batch gets it rounded down or up, which is as near as whole samples come. That all batches can at
//! once is controlled rounding (Bacharach 1966); here it is simple, because all batches but the last are of one size:
//! the short batch draws which classes it rounds up, with the probability of what is missing, and the rest of each
//! class goes around the full batches one by one, where the class before it stopped (McNaughton 1959).
//!
//! Which samples meet, which batch comes first and the order within a batch are shuffled anew each epoch.

use cnn_tensor::random::Key;

use super::{Sampler, weighted::classes_of};
use crate::{Dataset, Error, Result};

/// Every sample once; each batch has each class's share of the data set, rounded down or up.
///
/// With [`BadSamples::Quarantine`](crate::BadSamples::Quarantine) the samples after one that is left out move up by a
/// place, so that a batch may then miss its shares by as many samples as are left out.
#[derive(Debug, Clone)]
pub struct Stratified {
    /// The samples of each class.
    members: Vec<Vec<usize>>,
    len: usize,
    batch_size: usize,
    key: Key,
}

impl Stratified {
    /// Batches of `batch_size`, which must be the loader's, of a data set.
    ///
    /// # Errors
    /// As [`Dataset::target`]; [`Error::Argument`] where a target is not one class, or the batch size is 0.
    pub fn new(dataset: &(impl Dataset + ?Sized), batch_size: usize, seed: u64) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::argument("batch size", 0, "1 or more"));
        }
        let classes = classes_of(dataset)?;
        let mut members = std::collections::BTreeMap::<usize, Vec<usize>>::new();
        for (index, &class) in classes.iter().enumerate() {
            members.entry(class).or_default().push(index);
        }
        let key = Key::new(seed).fold_str("stratified");
        Ok(Self { members: members.into_values().collect(), len: classes.len(), batch_size, key })
    }

    /// For each class, in the given order, how many samples the short batch takes.
    fn short_batch(&self, classes: &[usize], key: Key) -> Vec<usize> {
        let (len, size) = (self.len as u128, (self.len % self.batch_size) as u128);
        // Systematic sampling: a class is rounded up where the sum of the remainders passes a whole number, counted
        // from a point that is drawn.
        let mut sum = u128::from(key.below(0, self.len as u64));
        let share = |&class: &usize| {
            let exact = size * self.members[class].len() as u128;
            let before = sum;
            sum += exact % len;
            (exact / len + (sum / len - before / len)) as usize
        };
        classes.iter().map(share).collect()
    }
}

impl Sampler for Stratified {
    fn order(&self, _len: usize, epoch: u64) -> Vec<usize> {
        let key = self.key.fold(epoch);
        let full = self.len / self.batch_size;
        let classes = key.fold_str("classes").permutation(self.members.len());
        let mut batches = vec![Vec::with_capacity(self.batch_size); full];
        let mut last = Vec::new();
        // The full batch that takes the next sample over a class's whole share.
        let mut next = 0;
        for (&class, short) in classes.iter().zip(self.short_batch(&classes, key.fold_str("last"))) {
            let members = &self.members[class];
            let shuffled = key.fold_str("members").fold(class as u64).permutation(members.len());
            let mut samples = shuffled.into_iter().map(|place| members[place]);
            last.extend(samples.by_ref().take(short));
            let share = (self.batch_size as u128 * members.len() as u128 / self.len as u128) as usize;
            if share > 0 {
                batches.iter_mut().for_each(|batch| batch.extend(samples.by_ref().take(share)));
            }
            for sample in samples {
                batches[next].push(sample);
                next = (next + 1) % full;
            }
        }
        let places = key.fold_str("batches").permutation(full);
        let batches = places.into_iter().map(|place| std::mem::take(&mut batches[place])).chain([last]);
        let shuffle = |(number, batch): (usize, Vec<usize>)| {
            let places = key.fold_str("within").fold(number as u64).permutation(batch.len());
            places.into_iter().map(move |place| batch[place])
        };
        batches.collect::<Vec<_>>().into_iter().enumerate().flat_map(shuffle).collect()
    }

    fn draws(&self, _len: usize) -> usize {
        self.len
    }

    fn check(&self, len: usize, batch_size: usize) -> Result<()> {
        if batch_size != self.batch_size {
            let expected = format!("{batch_size}, the loader's");
            return Err(Error::argument("batch size of the stratified sampler", self.batch_size, expected));
        }
        super::same_length(self.len, len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Image, InMemory, Sample, Size, Target};

    /// As many samples of each class as `counts` says, the classes mixed.
    fn dataset(counts: &[usize]) -> InMemory {
        let image = Image::from_u8(Size::new(1, 1), 1, vec![0]).unwrap();
        let classes: Vec<usize> =
            counts.iter().enumerate().flat_map(|(class, &count)| vec![class; count]).collect();
        let places = Key::new(1).permutation(classes.len());
        let sample = |place: usize| Sample::new(image.clone(), Target::Class(classes[place]));
        InMemory::new(places.into_iter().map(sample).collect())
    }

    /// How many samples of each class each batch has.
    fn batches(set: &InMemory, classes: usize, order: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
        let count = |batch: &[usize]| {
            let mut counts = vec![0; classes];
            batch.iter().for_each(|&index| counts[set.target(index).unwrap().class().unwrap()] += 1);
            counts
        };
        order.chunks(batch_size).map(count).collect()
    }

    #[test]
    fn shares_that_are_whole_numbers_are_met_exactly() {
        let set = dataset(&[6, 3, 3]);
        let order = Stratified::new(&set, 4, 1).unwrap().order(12, 0);
        assert_eq!(batches(&set, 3, &order, 4), [[2, 1, 1]; 3]);
        assert_ne!(order, Stratified::new(&set, 4, 1).unwrap().order(12, 1));
        assert_ne!(order, Stratified::new(&set, 4, 2).unwrap().order(12, 0));
        assert_eq!(order, Stratified::new(&set, 4, 1).unwrap().order(12, 0));
    }

    #[test]
    fn a_lone_sample_is_not_always_in_the_batch_that_may_be_dropped() {
        let set = dataset(&[24, 1]);
        let lone = (0..25).find(|&index| set.target(index).unwrap() == Target::Class(1)).unwrap();
        let sampler = Stratified::new(&set, 10, 1).unwrap();
        let last = (0..500).filter(|&epoch| sampler.order(25, epoch)[20..].contains(&lone)).count();
        // 5 of 25 places are in the short batch: 100 of 500, and five standard deviations.
        assert!((55..145).contains(&last), "{last}");
    }

    proptest! {
        #[test]
        fn each_batch_is_as_near_to_the_shares_as_whole_samples_come(
            counts in proptest::collection::vec(1usize..40, 1..9),
            batch_size in 1usize..50,
            epoch in 0u64..4,
        ) {
            let set = dataset(&counts);
            let order = Stratified::new(&set, batch_size, 5).unwrap().order(set.len(), epoch);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..set.len()).collect::<Vec<_>>());
            for met in batches(&set, counts.len(), &order, batch_size) {
                let size: usize = met.iter().sum();
                for (met, count) in met.iter().zip(&counts) {
                    // |met - size * count / len| < 1
                    prop_assert!((met * set.len()).abs_diff(size * count) < set.len());
                }
            }
        }
    }

    #[test]
    fn a_sampler_of_another_loader_is_refused() {
        let sampler = Stratified::new(&dataset(&[3, 3]), 2, 1).unwrap();
        assert!(sampler.check(6, 2).is_ok());
        let message = |len, batch_size| sampler.check(len, batch_size).unwrap_err().to_string();
        assert_eq!(message(6, 4), "batch size of the stratified sampler is 2, expected 4, the loader's");
        assert!(message(7, 2).contains("made for is 6, expected 7"));
        assert!(Stratified::new(&dataset(&[1]), 0, 1).is_err());
        assert!(Stratified::new(&InMemory::new(vec![]), 2, 1).unwrap().order(0, 0).is_empty());
    }
}
