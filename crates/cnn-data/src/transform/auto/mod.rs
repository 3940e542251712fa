//! Augmentation that is learnt or drawn from a list of operations: AutoAugment, RandAugment, TrivialAugment and AugMix.
//!
//! [`Operation`] is one of the operations with its strength, as torchvision defines them; `space` has their strengths,
//! `draw` the three augmentations that apply them in turn, and `mix` the one that blends.

mod draw;
mod mix;
mod policies;
mod space;

use crate::image::{Image, Size};
use crate::transform::functional::{
    adjust_brightness, adjust_contrast, adjust_saturation, adjust_sharpness, autocontrast, equalize, invert,
    posterize, solarize,
};
use crate::transform::{Affine, Motion, Sampling};
use crate::{Error, Result};

pub use draw::{AutoAugment, RandAugment, TrivialAugmentWide};
pub use mix::AugMix;
pub use policies::AutoAugmentPolicy;

/// An operation with its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Nothing.
    Identity,
    /// Each row moves to the left by so many pixels for each row below the first.
    ShearX(f32),
    /// Each column moves up by so many pixels for each column to the right of the first.
    ShearY(f32),
    /// Moves to the right by the whole part of so many pixels.
    TranslateX(f32),
    /// Moves down by the whole part of so many pixels.
    TranslateY(f32),
    /// Turns about the middle by so many degrees, against the clock as seen.
    Rotate(f32),
    /// [`adjust_brightness`] by 1 plus this.
    Brightness(f32),
    /// [`adjust_saturation`] by 1 plus this.
    Color(f32),
    /// [`adjust_contrast`] by 1 plus this.
    Contrast(f32),
    /// [`adjust_sharpness`] by 1 plus this.
    Sharpness(f32),
    /// [`posterize`] to so many bits.
    Posterize(u32),
    /// [`solarize`] from this share of white on.
    Solarize(f32),
    /// [`autocontrast`].
    AutoContrast,
    /// [`equalize`].
    Equalize,
    /// [`invert`].
    Invert,
}

impl Operation {
    /// The picture after it; the operations that move it sample it as told.
    ///
    /// # Errors
    /// Where the strength is out of the operation's range, or the picture has neither 1 nor 3 channels.
    pub fn apply(self, image: &Image, sampling: Sampling) -> Result<Image> {
        if let Some(map) = self.map(image.size())? {
            return map.apply(image, image.size(), sampling);
        }
        match self {
            Self::Brightness(by) => adjust_brightness(image, 1.0 + by),
            Self::Color(by) => adjust_saturation(image, 1.0 + by),
            Self::Contrast(by) => adjust_contrast(image, 1.0 + by),
            Self::Sharpness(by) => adjust_sharpness(image, 1.0 + by),
            Self::Posterize(bits) => posterize(image, bits),
            Self::Solarize(share) => solarize(image, 255.0 * share),
            Self::AutoContrast => autocontrast(image),
            Self::Equalize => equalize(image),
            Self::Invert => invert(image),
            _ => Ok(image.clone()),
        }
    }

    /// Where the points of a picture of this size go.
    ///
    /// # Errors
    /// Where the strength of an operation that moves them is not finite.
    pub fn motion(self, size: Size) -> Result<Motion> {
        Ok(self.map(size)?.map_or_else(|| Motion::still(size), |map| Motion::affine(map, size)))
    }

    /// The map of the points, where they move.
    fn map(self, size: Size) -> Result<Option<Affine>> {
        let (Self::ShearX(by)
        | Self::ShearY(by)
        | Self::TranslateX(by)
        | Self::TranslateY(by)
        | Self::Rotate(by)) = self
        else {
            return Ok(None);
        };
        if !by.is_finite() {
            return Err(Error::argument("strength of an operation", self, "a finite number"));
        }
        Ok(Some(match self {
            Self::ShearX(_) => Affine { x: [1.0, -by, 0.0], ..Affine::IDENTITY },
            Self::ShearY(_) => Affine { y: [-by, 1.0, 0.0], ..Affine::IDENTITY },
            Self::TranslateX(_) => Affine::translation(by.trunc(), 0.0),
            Self::TranslateY(_) => Affine::translation(0.0, by.trunc()),
            _ => {
                let middle = [size.width, size.height].map(|side| side as f32 / 2.0);
                Affine::rotation(-by).about(middle)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    /// A dot of 200 at a row and column of 9 by 9 pixels.
    fn dot(row: usize, column: usize) -> Image {
        let mut levels = vec![0; 81];
        levels[row * 9 + column] = 200;
        Image::from_u8(Size::new(9, 9), 1, levels).unwrap()
    }

    #[test]
    fn points_go_where_the_picture_goes() {
        let operations = [
            Operation::ShearX(0.5),
            Operation::ShearY(-0.5),
            Operation::TranslateX(2.9),
            Operation::TranslateY(-3.2),
            Operation::Rotate(90.0),
            Operation::Invert,
        ];
        for operation in operations {
            let image = operation.apply(&dot(3, 5), Sampling::bilinear()).unwrap();
            let Pixels::U8(levels) = image.pixels() else { panic!("8 bits") };
            let [x, y] = operation.motion(image.size()).unwrap().point([5.5, 3.5]);
            // An inverted picture shows its dot as the darkest pixel.
            let shade = |level: u8| if operation == Operation::Invert { 255 - level } else { level };
            let brightest = (0..81).max_by_key(|&at| shade(levels[at])).unwrap();
            let centre = [(brightest % 9) as f32 + 0.5, (brightest / 9) as f32 + 0.5];
            assert!(
                (centre[0] - x).abs() <= 0.76 && (centre[1] - y).abs() <= 0.76,
                "{operation:?}: {centre:?} {x} {y}"
            );
        }
    }

    #[test]
    fn strengths_out_of_range_are_refused() {
        let (image, sampling) = (dot(1, 1), Sampling::nearest());
        assert!(Operation::Rotate(f32::NAN).apply(&image, sampling).is_err());
        assert!(Operation::ShearX(f32::INFINITY).motion(image.size()).is_err());
        assert!(Operation::Brightness(-1.5).apply(&image, sampling).is_err());
        assert_eq!(Operation::Identity.apply(&image, sampling).unwrap(), image);
    }
}
