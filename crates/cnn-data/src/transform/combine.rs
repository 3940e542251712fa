//! Transforms made of others: all in turn, all in an order that is drawn, some, one, or all with a probability.
//!
//! Each member draws from the key of its place in the list, whatever else was chosen, so that adding a member at the
//! end changes none of the others' draws. `OneOf` is torchvision's `RandomChoice`, `Sometimes` its `RandomApply`.
//! Members are [`Augmentation`]s, which a configuration can hold; those of your own stand behind an
//! `Arc<dyn Transform>`.

use std::sync::Arc;

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::arguments::check_probability;
use super::{Augmentation, Motion, Transform};
use crate::image::Size;
use crate::{Error, Result, Sample};

/// One after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose<T = Augmentation> {
    /// The transforms, the first one first.
    pub transforms: Vec<T>,
}

/// Transforms of any kind, one after the other.
pub type Pipeline = Compose<Arc<dyn Transform>>;

impl<T> Compose<T> {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.transforms.is_empty()
    }
}

impl<T> Default for Compose<T> {
    fn default() -> Self {
        Self { transforms: Vec::new() }
    }
}

impl Pipeline {
    /// A pipeline that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pipeline with a transform at its end.
    #[must_use]
    pub fn then(mut self, transform: impl Transform + 'static) -> Self {
        self.transforms.push(Arc::new(transform));
        self
    }
}

impl From<Vec<Augmentation>> for Pipeline {
    fn from(steps: Vec<Augmentation>) -> Self {
        let shared = |step| -> Arc<dyn Transform> { Arc::new(step) };
        Self { transforms: steps.into_iter().map(shared).collect() }
    }
}

/// All of them, in an order that is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomOrder<T = Augmentation> {
    /// The transforms.
    pub transforms: Vec<T>,
}

impl<T> RandomOrder<T> {
    /// These transforms, in any order.
    pub fn new(transforms: Vec<T>) -> Self {
        Self { transforms }
    }
}

/// One of them.
///
/// ```
/// use cnn_data::transform::{Augmentation, OneOf, RandomHorizontalFlip, RandomVerticalFlip};
/// let flips = vec![
///     Augmentation::RandomHorizontalFlip(RandomHorizontalFlip::new(1.0)),
///     Augmentation::RandomVerticalFlip(RandomVerticalFlip::new(1.0)),
/// ];
/// let mostly_sideways = OneOf::new(flips).weights([3.0, 1.0]);
/// # assert_eq!(mostly_sideways.weights.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneOf<T = Augmentation> {
    /// How probable each is, relative to the others; all alike where they are left out.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f32>,
    /// The transforms.
    pub transforms: Vec<T>,
}

impl<T> OneOf<T> {
    /// One of these transforms, all equally probable.
    pub fn new(transforms: Vec<T>) -> Self {
        Self { transforms, weights: Vec::new() }
    }

    /// How probable each is, relative to the others.
    #[must_use]
    pub fn weights(self, weights: impl Into<Vec<f32>>) -> Self {
        Self { weights: weights.into(), ..self }
    }
}

/// Some of them, none twice, in the order of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SomeOf<T = Augmentation> {
    /// Least and greatest number of them.
    pub count: [usize; 2],
    /// The transforms.
    pub transforms: Vec<T>,
}

impl<T> SomeOf<T> {
    /// From `least` to `most` of these transforms, every number and every choice of that number equally probable.
    pub fn new(least: usize, most: usize, transforms: Vec<T>) -> Self {
        Self { transforms, count: [least, most] }
    }
}

/// All of them in turn, with a probability, or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sometimes<T = Augmentation> {
    /// How probable they are.
    #[serde(default = "half")]
    pub p: f32,
    /// The transforms, the first one first.
    pub transforms: Vec<T>,
}

fn half() -> f32 {
    0.5
}

impl<T> Sometimes<T> {
    /// These transforms with a probability.
    pub fn new(p: f32, transforms: Vec<T>) -> Self {
        Self { p, transforms }
    }
}

/// What differs between them: which of the members a key chooses, in which order, and what else is checked.
trait Choice {
    fn chosen(&self, key: Key) -> Vec<usize>;

    fn check_choice(&self) -> Result<()> {
        Ok(())
    }
}

impl<T> Choice for Compose<T> {
    fn chosen(&self, _key: Key) -> Vec<usize> {
        (0..self.transforms.len()).collect()
    }
}

impl<T> Choice for RandomOrder<T> {
    fn chosen(&self, key: Key) -> Vec<usize> {
        key.permutation(self.transforms.len())
    }
}

impl<T> Choice for OneOf<T> {
    fn chosen(&self, key: Key) -> Vec<usize> {
        if self.weights.is_empty() {
            let one = key.below(0, self.transforms.len() as u64) as usize;
            return if one < self.transforms.len() { vec![one] } else { Vec::new() };
        }
        let weights = || self.weights.iter().map(|&weight| f64::from(weight)).take(self.transforms.len());
        let mut rest = key.uniform_f64(0) * weights().sum::<f64>();
        let drawn = weights().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        // What rounding leaves over belongs to the last that can be chosen.
        drawn
            .or_else(|| weights().collect::<Vec<_>>().iter().rposition(|&weight| weight > 0.0))
            .into_iter()
            .collect()
    }

    fn check_choice(&self) -> Result<()> {
        if self.transforms.is_empty() {
            return Err(Error::argument("one-of: number of transforms", 0, "at least one"));
        }
        if self.weights.is_empty() {
            return Ok(());
        }
        let sum: f32 = self.weights.iter().sum();
        let right = self.weights.iter().all(|&weight| weight >= 0.0) && sum > 0.0 && sum.is_finite();
        if !right || self.weights.len() != self.transforms.len() {
            let expected =
                format!("{} numbers of 0 or more, one for each transform, not all 0", self.transforms.len());
            return Err(Error::argument("one-of: weights", &self.weights, expected));
        }
        Ok(())
    }
}

impl<T> Choice for SomeOf<T> {
    fn chosen(&self, key: Key) -> Vec<usize> {
        let [least, most] = self.count;
        // The permutation draws numbers 1 and on.
        let more = key.below(0, (most.saturating_sub(least) as u64).saturating_add(1)) as usize;
        let count = least.saturating_add(more);
        let mut chosen = key.permutation(self.transforms.len());
        chosen.truncate(count);
        chosen.sort_unstable();
        chosen
    }

    fn check_choice(&self) -> Result<()> {
        let [least, most] = self.count;
        if least <= most && most <= self.transforms.len() {
            return Ok(());
        }
        let expected = format!("two numbers up to {}, the smaller first", self.transforms.len());
        Err(Error::argument("some-of: count", self.count, expected))
    }
}

impl<T> Choice for Sometimes<T> {
    fn chosen(&self, key: Key) -> Vec<usize> {
        if key.uniform(0) < self.p { (0..self.transforms.len()).collect() } else { Vec::new() }
    }

    fn check_choice(&self) -> Result<()> {
        check_probability("sometimes: p", self.p)
    }
}

macro_rules! combined {
    ($($name:ident)*) => {
        $(impl<T: Transform> Transform for $name<T> {
            fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
                self.chosen(key).into_iter().try_fold(sample, |sample, place| {
                    self.transforms[place].apply(sample, key.fold(place as u64))
                })
            }

            fn motion(&self, size: Size, key: Key) -> Result<Motion> {
                self.chosen(key).into_iter().try_fold(Motion::still(size), |motion, place| {
                    let next = self.transforms[place].motion(motion.size(), key.fold(place as u64))?;
                    Ok(motion.then(next))
                })
            }

            fn check(&self) -> Result<()> {
                self.check_choice()?;
                self.transforms.iter().try_for_each(Transform::check)
            }
        })*
    };
}

combined!(Compose RandomOrder OneOf SomeOf Sometimes);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::transform::RandomHorizontalFlip;

    fn members(count: usize) -> Vec<Augmentation> {
        vec![Augmentation::RandomHorizontalFlip(RandomHorizontalFlip::new(1.0)); count]
    }

    /// How often each choice comes up in 6000 keys.
    fn counts(choice: &impl Choice) -> BTreeMap<Vec<usize>, usize> {
        let mut counts = BTreeMap::new();
        for seed in 0..6000 {
            *counts.entry(choice.chosen(Key::new(seed))).or_default() += 1;
        }
        counts
    }

    /// Whether a count of 6000 draws is the share of them, to within six standard deviations.
    fn near(count: usize, share: f64) -> bool {
        (count as f64 - 6000.0 * share).abs() < 6.0 * (6000.0 * share * (1.0 - share)).sqrt()
    }

    #[test]
    fn one_is_chosen_by_its_weight() {
        let even = counts(&OneOf::new(members(3)));
        assert!((0..3).all(|at| near(even[&vec![at]], 1.0 / 3.0)), "{even:?}");
        let uneven = counts(&OneOf::new(members(3)).weights([1.0, 0.0, 3.0]));
        assert!(
            uneven.len() == 2 && near(uneven[&vec![0]], 0.25) && near(uneven[&vec![2]], 0.75),
            "{uneven:?}"
        );
    }

    #[test]
    fn some_are_every_choice_of_every_number_in_their_order() {
        let met = counts(&SomeOf::new(1, 2, members(3)));
        let expected = [vec![0], vec![0, 1], vec![0, 2], vec![1], vec![1, 2], vec![2]];
        assert!(met.keys().eq(expected.iter()));
        assert!(met.values().all(|&count| near(count, 1.0 / 6.0)), "{met:?}");
    }

    #[test]
    fn every_order_is_drawn_and_all_or_none_happen() {
        let orders = counts(&RandomOrder::new(members(3)));
        assert!(orders.len() == 6 && orders.values().all(|&count| near(count, 1.0 / 6.0)), "{orders:?}");
        let sometimes = counts(&Sometimes::new(0.2, members(2)));
        assert!(sometimes.len() == 2 && near(sometimes[&vec![0, 1]], 0.2), "{sometimes:?}");
    }

    #[test]
    fn wrong_choices_are_refused_and_harmless() {
        assert!(OneOf::new(members(0)).check().is_err());
        assert!(OneOf::new(members(0)).chosen(Key::new(1)).is_empty());
        for weights in
            [vec![1.0], vec![0.0, 0.0], vec![-1.0, 2.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]]
        {
            let one = OneOf::new(members(2)).weights(weights);
            assert!(one.check().is_err(), "{one:?}");
            one.chosen(Key::new(1));
        }
        assert!(SomeOf::new(2, 1, members(3)).check().is_err());
        assert!(SomeOf::new(0, 4, members(3)).check().is_err());
        assert!(Sometimes::new(2.0, members(1)).check().is_err());
        let inner = Augmentation::RandomHorizontalFlip(RandomHorizontalFlip::new(2.0));
        assert!(RandomOrder::new(vec![inner]).check().is_err());
    }
}
