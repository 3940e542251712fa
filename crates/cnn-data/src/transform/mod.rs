//! Augmentation: transforms are values that run on samples, each with a [`Key`] of its own for its draws.
//!
//! The key is derived from (seed, epoch, index of the sample, how often it was drawn this epoch, place in the
//! pipeline) and from nothing else, so the same sample gets the same augmentation whatever the number of workers
//! or after a resume, and a sample that is drawn twice is augmented twice.
//! [`Augmentation`] is what a configuration file records; a transform of your own implements [`Transform`] and
//! stands beside the others in a [`Pipeline`]. Names and meanings follow torchvision's transforms v2.

mod arguments;
mod auto;
mod batch;
mod color;
mod combine;
pub mod functional;
mod geometry;
mod motion;
mod shares;

use std::fmt;
use std::sync::Arc;

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

pub use auto::{AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide};
pub use batch::{BatchAugmentation, BatchChoice, BatchTransform, CutMix, MixUp};
pub use color::{
    ColorJitter, GaussianBlur, GaussianNoise, Grayscale, Jitter, Jpeg, MotionBlur, RandomAdjustSharpness,
    RandomAutocontrast, RandomChannelPermutation, RandomEqualize, RandomGamma, RandomGrayscale, RandomInvert,
    RandomPosterize, RandomSolarize, SaltAndPepper, SpeckleNoise,
};
pub use combine::{Compose, OneOf, Pipeline, RandomOrder, SomeOf, Sometimes};
pub use geometry::{
    Affine, AffineParameters, Angles, CenterCrop, Displacement, ElasticTransform, Grid, GridMask,
    Interpolation, Mirrored, Pad, PaddingMode, Perspective, RandomAffine, RandomCrop, RandomErasing,
    RandomHorizontalFlip, RandomPerspective, RandomResizedCrop, RandomRotation, RandomVerticalFlip,
    Rectangle, Sampling, Shear, Sides,
};
pub use motion::Motion;

use crate::image::Size;
use crate::resize::Resize;
use crate::{Result, Sample};

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
    /// [`Error::Argument`](crate::Error::Argument) where one is not.
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

/// The enum of all transforms and the transform in each.
macro_rules! augmentations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The transforms of this crate, in the form that a configuration records: `kind = "random-affine"` and so on.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Augmentation {
            $($(#[$doc])* $name($name),)*
        }

        impl Augmentation {
            fn transform(&self) -> &dyn Transform {
                match self {
                    $(Self::$name(transform) => transform,)*
                }
            }
        }
    };
}

augmentations! {
    /// Brings pictures to one size.
    Resize,
    /// Mirrors left and right.
    RandomHorizontalFlip,
    /// Mirrors top and bottom.
    RandomVerticalFlip,
    /// Pads each side.
    Pad,
    /// Cuts out the middle.
    CenterCrop,
    /// Cuts a part out, after padding.
    RandomCrop,
    /// Cuts out a part of random area and proportions, and stretches it to one size.
    RandomResizedCrop,
    /// Rotates, scales, shears and shifts.
    RandomAffine,
    /// Rotates.
    RandomRotation,
    /// Warps to corners that are drawn inwards.
    RandomPerspective,
    /// Moves pixels by a smooth field.
    ElasticTransform,
    /// Blanks a rectangle.
    RandomErasing,
    /// Blanks the squares of a grid.
    GridMask,
    /// One after the other.
    Compose,
    /// All, in an order that is drawn.
    RandomOrder,
    /// One of several.
    OneOf,
    /// Some of several.
    SomeOf,
    /// All with a probability, or none.
    Sometimes,
    /// Changes brightness, contrast, saturation and hue.
    ColorJitter,
    /// Bends the scale of levels.
    RandomGamma,
    /// Makes pictures grey.
    Grayscale,
    /// Makes pictures grey, some of them.
    RandomGrayscale,
    /// Puts channels in another order.
    RandomChannelPermutation,
    /// Exchanges white and black.
    RandomInvert,
    /// Keeps the highest bits of each level.
    RandomPosterize,
    /// Inverts bright levels.
    RandomSolarize,
    /// Stretches each channel from black to white.
    RandomAutocontrast,
    /// Makes the histogram of each channel even.
    RandomEqualize,
    /// Sharpens or smooths.
    RandomAdjustSharpness,
    /// Blurs by a Gaussian.
    GaussianBlur,
    /// Blurs as a moving camera does.
    MotionBlur,
    /// Adds noise.
    GaussianNoise,
    /// Adds noise that grows with the level.
    SpeckleNoise,
    /// Turns pixels white or black.
    SaltAndPepper,
    /// Leaves the traces of JPEG compression.
    Jpeg,
    /// Applies a pair of operations of a policy.
    AutoAugment,
    /// Applies operations of one strength.
    RandAugment,
    /// Applies an operation of any strength.
    TrivialAugmentWide,
    /// Blends a picture with operations on it.
    AugMix,
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
