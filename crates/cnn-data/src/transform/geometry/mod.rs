//! Transforms that move what a picture shows: flips, crops, paddings and warps; and those that blank parts of it.

mod affine;
mod angles;
pub(super) mod crop;
mod elastic;
pub(super) mod erase;
pub(super) mod five;
pub(super) mod flip;
mod grid_mask;
mod pad;
mod perspective;
mod random_affine;
pub(super) mod resized_crop;
pub(super) mod rotation;
mod warp;

pub use affine::Affine;
pub use angles::{Angles, Shear};
pub use crop::{CenterCrop, RandomCrop, Rectangle};
pub use elastic::{Displacement, ElasticTransform};
pub use erase::RandomErasing;
pub use five::Mirrored;
pub use flip::{RandomHorizontalFlip, RandomVerticalFlip};
pub use grid_mask::{Grid, GridMask};
pub use pad::{Pad, PaddingMode, Sides};
pub use perspective::{Perspective, RandomPerspective};
pub use random_affine::{AffineParameters, RandomAffine};
pub use resized_crop::RandomResizedCrop;
pub use rotation::RandomRotation;
pub use warp::{Interpolation, Sampling};
