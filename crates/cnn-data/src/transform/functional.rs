//! The operations themselves, as functions of a picture: torchvision's `transforms.v2.functional`.

pub use super::auto::Operation;
pub use super::color::adjust::{
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_saturation, adjust_sharpness,
};
pub use super::color::blur::{gaussian_blur, motion_blur};
pub use super::color::grayscale::{permute_channels, rgb_to_grayscale};
pub use super::color::hue::adjust_hue;
pub use super::color::jpeg::jpeg;
pub use super::color::tone::{autocontrast, equalize, invert, posterize, solarize};
pub use super::geometry::crop::center_crop;
pub use super::geometry::crop::crop;
pub use super::geometry::erase::erase;
pub use super::geometry::five::five_crop;
pub use super::geometry::five::ten_crop;
pub use super::geometry::flip::horizontal_flip;
pub use super::geometry::flip::vertical_flip;
pub use super::geometry::resized_crop::resized_crop;
pub use super::geometry::rotation::expanded_rotation;
