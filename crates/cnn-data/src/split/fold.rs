//! One fold of a training set, each class dealt out evenly over all folds.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::hold_out::by_class;
use crate::{Dataset, Error, Result, Subset};

/// One of several folds of equal size, of which each sample is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fold {
    /// Which one, from 1 on.
    pub number: usize,
    /// Of how many, 2 or more.
    pub of: usize,
}

/// Divides a data set into what is outside a fold and what is in it, for cross-validation.
///
/// The samples of each class are dealt out one by one, in an order drawn by the seed, so that folds differ by at most one
/// sample of a class, and by at most one in all. The folds of one seed have no sample in common and together have all. The
/// order of the samples stays.
///
/// ```
/// use cnn_data::{Dataset, Fold, Image, InMemory, Sample, Size, Target, fold};
/// # fn main() -> cnn_data::Result<()> {
/// let image = Image::from_u8(Size::new(1, 1), 1, vec![0])?;
/// let all = InMemory::new((0..10).map(|n| Sample::new(image.clone(), Target::Class(n % 2))).collect());
/// let (train, held_out) = fold(&all, Fold { number: 1, of: 5 }, 1)?;
/// assert_eq!((train.len(), held_out.len()), (8, 2));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Argument`] for a fold that is not one of `of`, or more folds than samples; as [`Dataset::target`].
pub fn fold<D: Dataset + Clone>(dataset: D, fold: Fold, seed: u64) -> Result<(Subset<D>, Subset<D>)> {
    let (Fold { number, of }, len) = (fold, dataset.len());
    if !(2..=len).contains(&of) {
        return Err(Error::argument("folds", of, format!("2 to the number of samples, {len}")));
    }
    if !(1..=of).contains(&number) {
        return Err(Error::argument("fold", number, format!("1 to {of}")));
    }
    let mut within = vec![false; len];
    let mut dealt = 0;
    for (class, members) in by_class(&dataset)?.iter().enumerate() {
        let key = Key::new(seed).fold_str("folds").fold(class as u64);
        for place in key.permutation(members.len()) {
            within[members[place]] = dealt % of == number - 1;
            dealt += 1;
        }
    }
    let (inside, outside) = (0..len).partition(|&index| within[index]);
    Ok((Subset::new(dataset.clone(), outside)?, Subset::new(dataset, inside)?))
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

    #[test]
    fn folds_share_nothing_have_everything_and_are_alike() {
        let counts = [31, 12, 5, 2];
        let all = dataset(&counts);
        let mut met = [0; 50];
        for number in 1..=4 {
            let (outside, inside) = fold(&all, Fold { number, of: 4 }, 1).unwrap();
            assert!((12..=13).contains(&inside.len()), "{}", inside.len());
            assert_eq!(outside.len() + inside.len(), 50);
            inside.indices().iter().for_each(|&index| met[index] += 1);
            let mut of_class = [0; 4];
            for index in 0..inside.len() {
                of_class[inside.target(index).unwrap().class().unwrap()] += 1;
            }
            for (count, whole) in of_class.into_iter().zip(counts) {
                assert!(count == whole / 4 || count == whole.div_ceil(4), "{of_class:?}");
            }
        }
        assert!(met.iter().all(|&times| times == 1));
    }

    #[test]
    fn a_fold_that_is_none_is_refused() {
        let all = dataset(&[3]);
        for (number, of) in [(0, 3), (4, 3), (1, 1), (1, 4)] {
            assert!(
                matches!(fold(&all, Fold { number, of }, 1), Err(Error::Argument { .. })),
                "{number} of {of}"
            );
        }
    }
}
