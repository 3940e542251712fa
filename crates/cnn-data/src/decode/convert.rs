//! From the decoder's pixel types to an [`Image`] of one channel or three, transparency composited.

use std::path::Path;

use ::image::DynamicImage;

use crate::image::{Image, Pixels, Size};
use crate::level::Level;
use crate::{Error, Result};

/// The image, of the depth that it has.
pub(super) fn convert(image: DynamicImage, background: [u8; 3], path: &Path) -> Result<Image> {
    let size = Size::new(image.height() as usize, image.width() as usize);
    let deep = background.map(|level| u16::from(level) * 257);
    let luma = u8::luma(background[0], background[1], background[2]);
    let (channels, pixels) = match image {
        DynamicImage::ImageLuma8(grey) => (1, Pixels::U8(grey.into_raw())),
        DynamicImage::ImageRgb8(colour) => (3, Pixels::U8(colour.into_raw())),
        DynamicImage::ImageLumaA8(grey) => (1, Pixels::U8(composite::<u8, 1, 2>(&grey, [luma]))),
        DynamicImage::ImageRgba8(colour) => (3, Pixels::U8(composite::<u8, 3, 4>(&colour, background))),
        DynamicImage::ImageLuma16(grey) => (1, Pixels::U16(grey.into_raw())),
        DynamicImage::ImageRgb16(colour) => (3, Pixels::U16(colour.into_raw())),
        DynamicImage::ImageLumaA16(grey) => {
            (1, Pixels::U16(composite::<u16, 1, 2>(&grey, [u16::from(luma) * 257])))
        }
        DynamicImage::ImageRgba16(colour) => (3, Pixels::U16(composite::<u16, 3, 4>(&colour, deep))),
        other => {
            let problem =
                format!("has pixels of type {:?}, expected whole numbers of 8 or 16 bits", other.color());
            return Err(Error::malformed(path, problem));
        }
    };
    Image::new(size, channels, pixels).map_err(|error| Error::malformed(path, error.to_string()))
}

/// Each pixel over the background, in proportion to its alpha, which is the last of its channels.
fn composite<L, const COLOURS: usize, const ALL: usize>(levels: &[L], background: [L; COLOURS]) -> Vec<L>
where
    L: Level + Into<u64> + TryFrom<u64>,
{
    let opaque = L::from_f32(L::WHITE).into();
    let over = |colour: L, behind: L, alpha: u64| {
        let blended = (colour.into() * alpha + behind.into() * (opaque - alpha) + opaque / 2) / opaque;
        // A mean of two levels is a level.
        L::try_from(blended).unwrap_or(colour)
    };
    let pixels = levels.as_chunks::<ALL>().0.iter();
    pixels
        .flat_map(|pixel| {
            std::array::from_fn::<L, COLOURS, _>(|at| over(pixel[at], background[at], pixel[COLOURS].into()))
        })
        .collect()
}
