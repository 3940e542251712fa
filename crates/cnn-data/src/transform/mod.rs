//! Augmentation: transforms are values that run on samples, each with a [`Key`] of its own for its draws.
//!
//! The key is derived from (seed, epoch, index of the sample, how often it was drawn this epoch, place in the
//! pipeline) and from nothing else, so the same sample gets the same augmentation whatever the number of workers
//! or after a resume, and a sample that is drawn twice is augmented twice.
//! [`Augmentation`] is what a configuration file records; a transform of your own implements [`Transform`] and
//! stands beside the others in a [`Pipeline`]. Names and meanings follow torchvision's transforms v2.

mod affine;
mod angles;
mod arguments;
mod combine;
mod crop;
mod elastic;
mod erase;
mod five;
mod flip;
mod grid_mask;
mod motion;
mod pad;
mod perspective;
mod random_affine;
mod resized_crop;
mod rotation;
mod warp;

use std::fmt;
use std::sync::Arc;

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

pub use affine::Affine;
pub use angles::{Angles, Shear};
pub use combine::{Compose, OneOf, Pipeline, RandomOrder, SomeOf, Sometimes};
pub use crop::{CenterCrop, RandomCrop, Rectangle, center_crop, crop};
pub use elastic::{Displacement, ElasticTransform};
pub use erase::{RandomErasing, erase};
pub use five::{Mirrored, five_crop, ten_crop};
pub use flip::{RandomHorizontalFlip, RandomVerticalFlip, horizontal_flip, vertical_flip};
pub use grid_mask::{Grid, GridMask};
pub use motion::Motion;
pub use pad::{Pad, PaddingMode, Sides};
pub use perspective::{Perspective, RandomPerspective};
pub use random_affine::{AffineParameters, RandomAffine};
pub use resized_crop::{RandomResizedCrop, resized_crop};
pub use rotation::{RandomRotation, expanded_rotation};
pub use warp::{Interpolation, Sampling};

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

impl<T: Transform + ?Sized> Transform for Arc<T> {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        (**self).apply(sample, key)
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        (**self).motion(size, key)
    }

    fn check(&self) -> Result<()> {
        (**self).check()
    }
}

/// The transforms of this crate, in the form that a configuration records: `kind = "random-affine"` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Augmentation {
    /// Brings pictures to one size.
    Resize(Resize),
    /// Mirrors left and right.
    RandomHorizontalFlip(RandomHorizontalFlip),
    /// Mirrors top and bottom.
    RandomVerticalFlip(RandomVerticalFlip),
    /// Pads each side.
    Pad(Pad),
    /// Cuts out the middle.
    CenterCrop(CenterCrop),
    /// Cuts a part out, after padding.
    RandomCrop(RandomCrop),
    /// Cuts out a part of random area and proportions, and stretches it to one size.
    RandomResizedCrop(RandomResizedCrop),
    /// Rotates, scales, shears and shifts.
    RandomAffine(RandomAffine),
    /// Rotates.
    RandomRotation(RandomRotation),
    /// Warps to corners that are drawn inwards.
    RandomPerspective(RandomPerspective),
    /// Moves pixels by a smooth field.
    ElasticTransform(ElasticTransform),
    /// Blanks a rectangle.
    RandomErasing(RandomErasing),
    /// Blanks the squares of a grid.
    GridMask(GridMask),
    /// One after the other.
    Compose(Compose),
    /// All, in an order that is drawn.
    RandomOrder(RandomOrder),
    /// One of several.
    OneOf(OneOf),
    /// Some of several.
    SomeOf(SomeOf),
    /// All with a probability, or none.
    Sometimes(Sometimes),
}

impl Augmentation {
    fn transform(&self) -> &dyn Transform {
        match self {
            Self::Resize(transform) => transform,
            Self::RandomHorizontalFlip(transform) => transform,
            Self::RandomVerticalFlip(transform) => transform,
            Self::Pad(transform) => transform,
            Self::CenterCrop(transform) => transform,
            Self::RandomCrop(transform) => transform,
            Self::RandomResizedCrop(transform) => transform,
            Self::RandomAffine(transform) => transform,
            Self::RandomRotation(transform) => transform,
            Self::RandomPerspective(transform) => transform,
            Self::ElasticTransform(transform) => transform,
            Self::RandomErasing(transform) => transform,
            Self::GridMask(transform) => transform,
            Self::Compose(transform) => transform,
            Self::RandomOrder(transform) => transform,
            Self::OneOf(transform) => transform,
            Self::SomeOf(transform) => transform,
            Self::Sometimes(transform) => transform,
        }
    }
}

impl Transform for Augmentation {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        self.transform().apply(sample, key)
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        self.transform().motion(size, key)
    }

    fn check(&self) -> Result<()> {
        self.transform().check()
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
