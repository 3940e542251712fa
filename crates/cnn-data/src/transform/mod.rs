//! Augmentation: transforms are values that run on samples, each with a [`Key`] of its own for its draws.
//!
//! The key is derived from (seed, epoch, index of the sample, how often it was drawn this epoch, place in the
//! pipeline) and from nothing else, so the same sample gets the same augmentation whatever the number of workers
//! or after a resume, and a sample that is drawn twice is augmented twice.
//! [`Augmentation`] is what a configuration file records; a transform of your own implements [`Transform`] and
//! stands beside the others in a [`Pipeline`]. Names and meanings follow torchvision's transforms v2.

mod affine;
mod crop;
mod erase;
mod flip;
mod motion;
mod warp;

use std::fmt;
use std::sync::Arc;

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

pub use affine::{Affine, RandomAffine};
pub use crop::RandomCrop;
pub use erase::RandomErasing;
pub use flip::RandomHorizontalFlip;
pub use motion::Motion;

use crate::image::Size;
use crate::resize::Resize;
use crate::{Error, Result, Sample};

/// Something that is done to a sample on its way to the network.
pub trait Transform: fmt::Debug + Send + Sync {
    /// The sample after it. All randomness comes from `key`.
    ///
    /// # Errors
    /// Where the sample does not fit the transform.
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample>;

    /// Where the points of a picture of this size go under this key: a transform that moves what a picture shows says
    /// so here.
    ///
    /// # Errors
    /// As [`Transform::apply`].
    fn motion(&self, size: Size, _key: Key) -> Result<Motion> {
        Ok(Motion::still(size))
    }

    /// Whether the transform's own arguments are in their ranges; asked before the first sample.
    ///
    /// # Errors
    /// [`Error::Argument`] where one is not.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The transforms of this crate, in the form that a configuration records: `kind = "random-affine"` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Augmentation {
    /// Brings pictures to one size.
    Resize(Resize),
    /// Rotates, scales, shears and shifts.
    RandomAffine(RandomAffine),
    /// Cuts a part out, after padding.
    RandomCrop(RandomCrop),
    /// Mirrors left and right.
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// Blanks a rectangle.
    RandomErasing(RandomErasing),
}

impl Augmentation {
    fn into_transform(self) -> Arc<dyn Transform> {
        match self {
            Self::Resize(transform) => Arc::new(transform),
            Self::RandomAffine(transform) => Arc::new(transform),
            Self::RandomCrop(transform) => Arc::new(transform),
            Self::RandomHorizontalFlip(transform) => Arc::new(transform),
            Self::RandomErasing(transform) => Arc::new(transform),
        }
    }
}

/// Transforms one after the other, each with the key of its place.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    steps: Vec<Arc<dyn Transform>>,
}

impl Pipeline {
    /// A pipeline that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pipeline with a transform at its end.
    #[must_use]
    pub fn then(mut self, transform: impl Transform + 'static) -> Self {
        self.steps.push(Arc::new(transform));
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl From<Vec<Augmentation>> for Pipeline {
    fn from(steps: Vec<Augmentation>) -> Self {
        Self { steps: steps.into_iter().map(Augmentation::into_transform).collect() }
    }
}

impl Transform for Pipeline {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        self.steps
            .iter()
            .zip(0..)
            .try_fold(sample, |sample, (step, place)| step.apply(sample, key.fold(place)))
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        let mut motion = Motion::still(size);
        for (step, place) in self.steps.iter().zip(0..) {
            let next = step.motion(motion.size(), key.fold(place))?;
            motion = motion.then(next);
        }
        Ok(motion)
    }

    fn check(&self) -> Result<()> {
        self.steps.iter().try_for_each(|step| step.check())
    }
}

/// Number `index` of a key's stream, uniform between `least` and `most`.
fn between(key: Key, index: u64, [least, most]: [f32; 2]) -> f32 {
    least + (most - least) * key.uniform(index)
}

fn check_range(name: &'static str, value: f32, range: std::ops::RangeInclusive<f32>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::argument(name, value, format!("{} to {}", range.start(), range.end())))
}

fn check_pair(
    name: &'static str,
    [least, most]: [f32; 2],
    range: std::ops::RangeInclusive<f32>,
) -> Result<()> {
    if least <= most && range.contains(&least) && range.contains(&most) {
        return Ok(());
    }
    let expected = format!("two numbers from {} to {}, the smaller first", range.start(), range.end());
    Err(Error::argument(name, [least, most], expected))
}
