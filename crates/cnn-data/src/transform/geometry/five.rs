//! Several parts of one picture, for predictions that are averaged over them: torchvision's `FiveCrop` and `TenCrop`.
//! They make several samples of one and are therefore functions, no [`Transform`](super::Transform).

use super::crop::{Rectangle, center_crop, crop};
use super::flip::{horizontal_flip, vertical_flip};
use crate::image::Size;
use crate::{Error, Result, Sample};

/// How the second five parts are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mirrored {
    /// Left and right.
    #[default]
    Horizontally,
    /// Top and bottom.
    Vertically,
}

/// The corners of a picture and its middle: top left, top right, bottom left, bottom right, middle.
///
/// # Errors
/// [`Error::Image`] where the picture is smaller than the part.
pub fn five_crop(sample: &Sample, size: Size) -> Result<[Sample; 5]> {
    let image = &sample.image;
    let (Some(bottom), Some(right)) =
        (image.height().checked_sub(size.height), image.width().checked_sub(size.width))
    else {
        let problem = format!("a picture of {} pixels is smaller than the part of {size}", image.size());
        return Err(Error::image("five-crop", problem));
    };
    let part = |top: usize, left: usize| crop(image, Rectangle::new(top, left, size));
    let parts =
        [part(0, 0)?, part(0, right)?, part(bottom, 0)?, part(bottom, right)?, center_crop(image, size)?];
    Ok(parts.map(|image| Sample::new(image, sample.target.clone())))
}

/// The parts of [`five_crop`], then those of the mirrored picture.
///
/// ```
/// use cnn_data::transform::{Mirrored, functional::ten_crop};
/// use cnn_data::{Image, Sample, Size, Target};
/// # fn main() -> cnn_data::Result<()> {
/// let image = Image::from_u8(Size::new(8, 8), 1, vec![0; 64])?;
/// let samples = ten_crop(&Sample::new(image, Target::Class(3)), Size::new(6, 6), Mirrored::default())?;
/// assert_eq!(samples[9].image.size(), Size::new(6, 6));
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`five_crop`].
pub fn ten_crop(sample: &Sample, size: Size, mirrored: Mirrored) -> Result<Vec<Sample>> {
    let image = match mirrored {
        Mirrored::Horizontally => horizontal_flip(&sample.image)?,
        Mirrored::Vertically => vertical_flip(&sample.image)?,
    };
    let second = Sample::new(image, sample.target.clone());
    Ok(five_crop(sample, size)?.into_iter().chain(five_crop(&second, size)?).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, Pixels, Target};

    #[test]
    fn corners_and_middle_keep_the_target() {
        let image = Image::from_u8(Size::new(3, 3), 1, (1..=9).collect()).unwrap();
        let sample = Sample::new(image, Target::Class(4));
        let first = |sample: &Sample| match sample.image.pixels() {
            Pixels::U8(levels) => levels[0],
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        };
        let five = five_crop(&sample, Size::new(1, 1)).unwrap();
        assert_eq!(five.each_ref().map(first), [1, 3, 7, 9, 5]);
        assert!(five.iter().all(|part| part.target == Target::Class(4)));
        let ten = ten_crop(&sample, Size::new(1, 1), Mirrored::Vertically).unwrap();
        assert_eq!(ten[5..].iter().map(first).collect::<Vec<_>>(), [7, 9, 1, 3, 5]);
        assert!(five_crop(&sample, Size::new(4, 1)).is_err());
        assert!(five_crop(&sample, Size::new(0, 1)).is_err());
    }
}
