//! The traces of JPEG compression: torchvision's `JPEG`.
//!
//! The picture is encoded and decoded by the `image` crate. Its encoder uses the tables of libjpeg, but keeps the
//! colours' full resolution, where libjpeg halves it: coloured pictures keep a little more than in torchvision.
//! JPEG has 8 bits; of 16 bits the higher ones go through it, and white stays white.

use std::io::Cursor;

use ::image::codecs::jpeg::JpegEncoder;
use ::image::{DynamicImage, ExtendedColorType, ImageFormat, ImageReader};
use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::levels::check_channels;
use crate::image::{Image, Pixels};
use crate::transform::Transform;
use crate::{Error, Result, Sample};

/// The picture after JPEG compression of a quality from 1 to 100.
///
/// # Errors
/// [`Error::Image`] unless it has 1 or 3 channels and sides of at most 65,535 pixels; [`Error::Argument`] where the
/// quality is out of range.
pub fn jpeg(image: &Image, quality: u8) -> Result<Image> {
    check_channels("jpeg", image)?;
    check_quality("jpeg: quality", [quality; 2])?;
    match image.pixels() {
        Pixels::U8(levels) => {
            Image::from_u8(image.size(), image.channels(), through(levels, image, quality)?)
        }
        Pixels::U16(levels) => {
            let high: Vec<u8> = levels.iter().map(|level| ((u32::from(*level) + 128) / 257) as u8).collect();
            let levels = through(&high, image, quality)?.into_iter().map(|level| u16::from(level) * 257);
            Image::from_u16(image.size(), image.channels(), levels.collect())
        }
    }
}

/// Levels of 8 bits, of the shape of `image`, after compression.
fn through(levels: &[u8], image: &Image, quality: u8) -> Result<Vec<u8>> {
    let failed = |error: ::image::ImageError| {
        Error::image("jpeg", format!("a picture of {} pixels cannot be compressed: {error}", image.size()))
    };
    let colour = if image.channels() == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    let side = |side: usize| {
        u16::try_from(side).map(u32::from).map_err(|_| {
            let problem = format!("a picture of {} pixels, expected sides of at most 65535", image.size());
            Error::image("jpeg", problem)
        })
    };
    let (width, height) = (side(image.width())?, side(image.height())?);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(levels, width, height, colour)
        .map_err(failed)?;
    let decoded = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg).decode().map_err(failed)?;
    Ok(match (decoded, image.channels()) {
        (DynamicImage::ImageLuma8(grey), 1) => grey.into_raw(),
        (other, 1) => other.into_luma8().into_raw(),
        (other, _) => other.into_rgb8().into_raw(),
    })
}

fn check_quality(name: &'static str, [least, most]: [u8; 2]) -> Result<()> {
    if 1 <= least && least <= most && most <= 100 {
        return Ok(());
    }
    Err(Error::argument(name, [least, most], "whole numbers of 1 to 100, the smaller first"))
}

/// Compresses each picture with a drawn quality: [`jpeg`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jpeg {
    /// Least and greatest quality, 1 to 100; lower is coarser.
    pub quality: [u8; 2],
}

impl Jpeg {
    /// Qualities between two values, both included.
    pub fn new(quality: [u8; 2]) -> Self {
        Self { quality }
    }
}

impl Transform for Jpeg {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let [least, most] = self.quality.map(u64::from);
        let quality = least + key.below(0, most.saturating_sub(least) + 1);
        Ok(Sample { image: jpeg(&sample.image, quality as u8)?, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_quality("jpeg: quality", self.quality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn flat_pictures_survive_and_lower_qualities_lose_more() {
        let flat = Image::from_u16(Size::new(9, 5), 1, vec![u16::MAX; 45]).unwrap();
        assert_eq!(jpeg(&flat, 50).unwrap(), flat);
        let levels: Vec<u8> = (0..3 * 20 * 17).map(|at| (at * 13 % 251) as u8).collect();
        let image = Image::from_u8(Size::new(20, 17), 3, levels.clone()).unwrap();
        let loss = |quality: u8| -> u64 {
            let Pixels::U8(met) = jpeg(&image, quality).unwrap().pixels().clone() else { panic!("8 bits") };
            met.iter().zip(&levels).map(|(met, level)| u64::from(met.abs_diff(*level))).sum()
        };
        assert!(
            2 * loss(5) > 3 * loss(60) && loss(60) > 2 * loss(100),
            "{} {} {}",
            loss(5),
            loss(60),
            loss(100)
        );
    }

    #[test]
    fn pictures_and_qualities_that_jpeg_has_not_are_refused() {
        let wide = Image::from_u8(Size::new(1, 70_000), 1, vec![0; 70_000]).unwrap();
        let message = jpeg(&wide, 50).unwrap_err().to_string();
        assert_eq!(message, "jpeg: a picture of 1x70000 pixels, expected sides of at most 65535");
        assert!(Jpeg::new([0, 50]).check().is_err() && Jpeg::new([60, 50]).check().is_err());
        assert!(Jpeg::new([1, 100]).check().is_ok() && Jpeg::new([5, 101]).check().is_err());
    }
}
