//! Transforms of levels: their brightness and colour, blurs, noise and the traces of compression.

pub(super) mod adjust;
pub(super) mod blur;
pub(super) mod grayscale;
pub(super) mod hue;
mod jitter;
pub(super) mod jpeg;
mod levels;
mod noise;
mod random_tone;
pub(super) mod tone;

pub use blur::{GaussianBlur, MotionBlur};
pub use grayscale::{Grayscale, RandomChannelPermutation, RandomGrayscale};
pub use jitter::{ColorJitter, Jitter, RandomGamma};
pub use jpeg::Jpeg;
pub use noise::{GaussianNoise, SaltAndPepper, SpeckleNoise};
pub use random_tone::{RandomAdjustSharpness, RandomAutocontrast, RandomEqualize};
pub use random_tone::{RandomInvert, RandomPosterize, RandomSolarize};
