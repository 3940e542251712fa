//! Holding some of a training set out, each class by the same share.
//!
//! Every choice of a recipe is made on a validation split that is held out here; test images are a separate load.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::{Dataset, Error, Result, Subset};

/// How much is held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldOut {
    /// So many samples.
    Count(usize),
    /// A share of all samples, from 0 to 1, rounded to whole samples.
    Share(f64),
}

/// Divides a data set into what is kept and what is held out, each class by the same share (stratified).
///
/// The number held out is exact: classes whose share is no whole number of samples are rounded down, and those
/// with the largest remainder get one more, the lower index first. Where that leaves nothing of a class that has two
/// samples or more, it gets one of the class with the most, so that a rare class is measured too. The order of the
/// samples stays.
///
/// ```
/// use cnn_data::{Dataset, HoldOut, Image, InMemory, Sample, Size, Target, hold_out};
/// # fn main() -> cnn_data::Result<()> {
/// let image = Image::from_u8(Size::new(1, 1), 1, vec![0])?;
/// let all = InMemory::new((0..100).map(|n| Sample::new(image.clone(), Target::Class(n % 4))).collect());
/// let (train, validation) = hold_out(&all, HoldOut::Share(0.2), 1)?;
/// assert_eq!((train.len(), validation.len()), (80, 20));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] where either side would be empty; as [`Dataset::target`].
pub fn hold_out<D: Dataset + Clone>(
    dataset: D,
    amount: HoldOut,
    seed: u64,
) -> Result<(Subset<D>, Subset<D>)> {
    let len = dataset.len();
    let wanted = match amount {
        HoldOut::Count(count) => count,
        HoldOut::Share(share) if (0.0..=1.0).contains(&share) => (share * len as f64).round() as usize,
        HoldOut::Share(share) => {
            return Err(Error::argument("held-out share", share, "a number between 0 and 1"));
        }
    };
    if wanted == 0 || wanted >= len {
        let expected = format!("1 or more, and fewer than the {len} samples");
        return Err(Error::argument("number of samples held out", wanted, expected));
    }
    let classes = by_class(&dataset)?;
    let mut out = vec![false; len];
    for (class, (members, count)) in classes.iter().zip(shares(&classes, wanted, len)).enumerate() {
        let key = Key::new(seed).fold_str("hold out").fold(class as u64);
        for place in key.permutation(members.len()).into_iter().take(count) {
            out[members[place]] = true;
        }
    }
    let (held_out, kept) = (0..len).partition(|&index| out[index]);
    Ok((Subset::new(dataset.clone(), kept)?, Subset::new(dataset, held_out)?))
}

/// Indices of the samples of each class.
pub(super) fn by_class(dataset: &impl Dataset) -> Result<Vec<Vec<usize>>> {
    let mut classes: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for index in 0..dataset.len() {
        let class = dataset.target(index)?.class().map_err(|error| error.at_sample(index))?;
        classes.entry(class).or_default().push(index);
    }
    Ok(classes.into_values().collect())
}

/// How many samples of each class are held out: `wanted` in all, by the method of largest remainders.
fn shares(classes: &[Vec<usize>], wanted: usize, len: usize) -> Vec<usize> {
    let exact: Vec<u128> = classes.iter().map(|members| members.len() as u128 * wanted as u128).collect();
    let mut counts: Vec<usize> = exact.iter().map(|product| (product / len as u128) as usize).collect();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(exact[class] % len as u128));
    let missing = wanted - counts.iter().sum::<usize>();
    for class in order.into_iter().take(missing) {
        counts[class] += 1;
    }
    for class in 0..classes.len() {
        let richest = (0..classes.len()).rev().max_by_key(|&other| counts[other]);
        if let Some(richest) = richest.filter(|&other| counts[other] > 1)
            && counts[class] == 0
            && classes[class].len() > 1
        {
            counts[richest] -= 1;
            counts[class] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, InMemory, Sample, Size, Target};

    fn dataset(counts: &[usize]) -> InMemory {
        let image = Image::from_u8(Size::new(1, 1), 1, vec![0]).unwrap();
        let samples = counts.iter().enumerate().flat_map(|(class, &count)| vec![class; count]);
        InMemory::new(samples.map(|class| Sample::new(image.clone(), Target::Class(class))).collect())
    }

    fn counts(subset: &impl Dataset) -> Vec<usize> {
        by_class(subset).unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn a_rare_class_is_held_out_too_where_it_has_two_samples() {
        let all = dataset(&[80, 4, 1]);
        let (kept, held_out) = hold_out(&all, HoldOut::Count(8), 1).unwrap();
        assert_eq!((counts(&held_out), counts(&kept)), (vec![7, 1], vec![73, 3, 1]));
    }

    #[test]
    fn each_class_gives_its_share_and_the_total_is_exact() {
        let all = dataset(&[50, 31, 20]);
        let (kept, held_out) = hold_out(&all, HoldOut::Count(10), 1).unwrap();
        assert_eq!(counts(&held_out), [5, 3, 2]);
        assert_eq!(counts(&kept), [45, 28, 18]);
        let mut both = [kept.indices(), held_out.indices()].concat();
        both.sort_unstable();
        assert_eq!(both, (0..101).collect::<Vec<_>>());
    }

    #[test]
    fn the_choice_depends_on_the_seed_alone() {
        let all = dataset(&[40, 40]);
        let pick = |seed| hold_out(&all, HoldOut::Share(0.25), seed).unwrap().1.indices().to_vec();
        assert_eq!(pick(1), pick(1));
        assert_ne!(pick(1), pick(2));
    }

    #[test]
    fn neither_side_may_be_empty() {
        let all = dataset(&[4]);
        for amount in [HoldOut::Count(0), HoldOut::Count(4), HoldOut::Share(0.01), HoldOut::Share(f64::NAN)] {
            assert!(matches!(hold_out(&all, amount, 1), Err(Error::Argument { .. })), "{amount:?}");
        }
    }
}
