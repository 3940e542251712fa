//! The augmentations that apply drawn operations in turn: AutoAugment, RandAugment and TrivialAugment.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::space::{Magnitude, RAND, WIDE};
use super::{AutoAugmentPolicy, Operation};
use crate::image::Size;
use crate::transform::arguments::{check_fill, setters};
use crate::transform::{Interpolation, Motion, Sampling, Transform};
use crate::{Error, Result, Sample};

/// Most steps of a scale of magnitudes, and most operations in turn.
const MOST: usize = 1000;

/// A pair of operations of a policy, each with its probability: [`AutoAugmentPolicy`] has the paper.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoAugment {
    /// Which pairs there are.
    pub policy: AutoAugmentPolicy,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl AutoAugment {
    /// The augmentation of a policy.
    pub fn new(policy: AutoAugmentPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The operations that a key draws for pictures of a size, in turn.
    pub fn draw(&self, size: Size, key: Key) -> Vec<Operation> {
        let pairs = self.policy.pairs();
        let pair = pairs[key.below(0, pairs.len() as u64) as usize];
        let draw = |(place, (name, probability, index)): (u64, _)| {
            let key = key.fold(place);
            let magnitude = Magnitude { index, bins: 10 };
            (key.uniform(1) < probability).then(|| RAND.operation(name, magnitude, size, key))
        };
        (0..).zip(pair).filter_map(draw).collect()
    }
}

setters!(AutoAugment {
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

/// A number of operations of equal strength, each drawn alike: Cubuk, Zoph, Shlens and Le (NeurIPS 2020).
///
/// ```
/// use cnn_data::transform::RandAugment;
/// let strong = RandAugment::new().num_ops(3).magnitude(15);
/// # assert_eq!(strong.num_magnitude_bins, 31);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// How many operations.
    pub num_ops: usize,
    /// How strong they are: a number below `num_magnitude_bins`.
    pub magnitude: usize,
    /// Steps of the scale of magnitudes.
    pub num_magnitude_bins: usize,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self {
            num_ops: 2,
            magnitude: 9,
            num_magnitude_bins: 31,
            interpolation: Interpolation::Nearest,
            fill: 0.0,
        }
    }
}

impl RandAugment {
    /// Two operations of magnitude 9 of 31.
    pub fn new() -> Self {
        Self::default()
    }

    /// The operations that a key draws for pictures of a size, in turn.
    ///
    /// # Errors
    /// Where the arguments are out of range, as [`Transform::check`].
    pub fn draw(&self, size: Size, key: Key) -> Result<Vec<Operation>> {
        self.check()?;
        let magnitude = Magnitude { index: self.magnitude, bins: self.num_magnitude_bins };
        Ok((0..self.num_ops as u64).map(|place| RAND.draw(magnitude, size, key.fold(place))).collect())
    }
}

setters!(RandAugment {
    /// How many operations.
    num_ops: usize,
    /// How strong they are.
    magnitude: usize,
    /// Steps of the scale of magnitudes.
    num_magnitude_bins: usize,
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

/// One operation of any strength: Müller and Hutter (ICCV 2021), with its wide scales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrivialAugmentWide {
    /// Steps of the scale of magnitudes.
    pub num_magnitude_bins: usize,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for TrivialAugmentWide {
    fn default() -> Self {
        Self { num_magnitude_bins: 31, interpolation: Interpolation::Nearest, fill: 0.0 }
    }
}

impl TrivialAugmentWide {
    /// A scale of 31 magnitudes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The operation that a key draws for pictures of a size.
    ///
    /// # Errors
    /// Where the arguments are out of range, as [`Transform::check`].
    pub fn draw(&self, size: Size, key: Key) -> Result<Operation> {
        self.check()?;
        let bins = self.num_magnitude_bins;
        let magnitude = Magnitude { index: key.below(2, bins as u64) as usize, bins };
        Ok(WIDE.draw(magnitude, size, key))
    }
}

setters!(TrivialAugmentWide {
    /// Steps of the scale of magnitudes.
    num_magnitude_bins: usize,
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

fn check_bins(name: &'static str, bins: usize) -> Result<()> {
    if (2..=MOST).contains(&bins) { Ok(()) } else { Err(Error::argument(name, bins, "2 to 1000")) }
}

/// The sample after operations in turn.
fn apply(operations: &[Operation], sample: Sample, sampling: Sampling) -> Result<Sample> {
    let image =
        operations.iter().try_fold(sample.image, |image, operation| operation.apply(&image, sampling))?;
    Ok(Sample { image, ..sample })
}

/// Where points go under operations in turn.
fn motion(operations: &[Operation], size: Size) -> Result<Motion> {
    operations
        .iter()
        .try_fold(Motion::still(size), |motion, operation| Ok(motion.then(operation.motion(size)?)))
}

impl Transform for AutoAugment {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        apply(
            &self.draw(sample.image.size(), key),
            sample,
            Sampling { interpolation: self.interpolation, fill: self.fill },
        )
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        motion(&self.draw(size, key), size)
    }

    fn check(&self) -> Result<()> {
        check_fill("auto-augment: fill", self.fill)
    }
}

impl Transform for RandAugment {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        apply(
            &self.draw(sample.image.size(), key)?,
            sample,
            Sampling { interpolation: self.interpolation, fill: self.fill },
        )
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        motion(&self.draw(size, key)?, size)
    }

    fn check(&self) -> Result<()> {
        check_bins("rand-augment: num_magnitude_bins", self.num_magnitude_bins)?;
        if self.magnitude >= self.num_magnitude_bins {
            let expected = format!("a number below the {} of the scale", self.num_magnitude_bins);
            return Err(Error::argument("rand-augment: magnitude", self.magnitude, expected));
        }
        if self.num_ops > MOST {
            return Err(Error::argument("rand-augment: num_ops", self.num_ops, "0 to 1000"));
        }
        check_fill("rand-augment: fill", self.fill)
    }
}

impl Transform for TrivialAugmentWide {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let operation = self.draw(sample.image.size(), key)?;
        apply(&[operation], sample, Sampling { interpolation: self.interpolation, fill: self.fill })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        self.draw(size, key)?.motion(size)
    }

    fn check(&self) -> Result<()> {
        check_bins("trivial-augment-wide: num_magnitude_bins", self.num_magnitude_bins)?;
        check_fill("trivial-augment-wide: fill", self.fill)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    use super::*;
    use crate::{Image, Target};

    const SIZE: Size = Size { height: 8, width: 12 };

    #[test]
    fn every_operation_comes_up_on_both_sides() {
        let mut seen = Vec::new();
        let (mut left, mut right) = (0, 0);
        for seed in 0..400 {
            let operation = TrivialAugmentWide::new().draw(SIZE, Key::new(seed)).unwrap();
            match operation {
                Operation::Rotate(by) if by < 0.0 => left += 1,
                Operation::Rotate(by) if by > 0.0 => right += 1,
                _ => {}
            }
            if !seen.contains(&discriminant(&operation)) {
                seen.push(discriminant(&operation));
            }
        }
        assert_eq!(seen.len(), 14);
        assert!(left > 3 && right > 3, "{left} {right}");
    }

    #[test]
    fn magnitudes_are_those_asked_for() {
        let augment = RandAugment::new().num_ops(3).magnitude(20);
        for seed in 0..100 {
            let operations = augment.draw(SIZE, Key::new(seed)).unwrap();
            assert_eq!(operations.len(), 3);
            for operation in operations {
                if let Operation::Rotate(by) = operation {
                    assert!((by.abs() - 20.0).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn a_policy_draws_all_its_pairs_with_their_probabilities() {
        let policy = AutoAugment::new(AutoAugmentPolicy::Cifar10);
        let drawn: BTreeSet<String> =
            (0..2000).map(|seed| format!("{:?}", policy.draw(SIZE, Key::new(seed)))).collect();
        assert!(drawn.len() > 60, "{}", drawn.len());
        // As many operations come up as the probabilities of a pair add up to, on average over the pairs.
        let all: usize = (0..2000).map(|seed| policy.draw(SIZE, Key::new(seed)).len()).sum();
        let expected: f32 =
            policy.policy.pairs().as_flattened().iter().map(|step| step.1).sum::<f32>() / 25.0;
        assert!((all as f32 / 2000.0 - expected).abs() < 0.06, "{all} {expected}");
    }

    #[test]
    fn pictures_keep_their_size_channels_and_depth_and_points_move_with_them() {
        let transforms: [&dyn Transform; 4] = [
            &AutoAugment::default(),
            &AutoAugment::new(AutoAugmentPolicy::Svhn),
            &RandAugment::new(),
            &TrivialAugmentWide::new(),
        ];
        for transform in transforms {
            transform.check().unwrap();
            let mut moved = false;
            for seed in 0..60 {
                let image = Image::from_u16(SIZE, 3, (0..288).map(|at| at * 200).collect()).unwrap();
                let sample = Sample::new(image.clone(), Target::Class(1));
                let after = transform.apply(sample, Key::new(seed)).unwrap().image;
                assert_eq!((after.size(), after.channels()), (SIZE, 3));
                moved |= !transform.motion(SIZE, Key::new(seed)).unwrap().is_still();
            }
            assert!(moved, "{transform:?}");
        }
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        let message = RandAugment::new().magnitude(31).check().unwrap_err().to_string();
        assert_eq!(message, "rand-augment: magnitude is 31, expected a number below the 31 of the scale");
        assert!(RandAugment::new().num_magnitude_bins(1).magnitude(0).check().is_err());
        assert!(RandAugment::new().num_ops(5000).draw(SIZE, Key::new(1)).is_err());
        assert!(TrivialAugmentWide::new().num_magnitude_bins(0).draw(SIZE, Key::new(1)).is_err());
        assert!(AutoAugment::default().fill(2.0).check().is_err());
    }
}
