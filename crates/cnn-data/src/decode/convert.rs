//! From the decoder's pixel types to an [`Image`] of one channel or three, transparency composited.

use std::path::Path;

use ::image::{DynamicImage, ImageBuffer, Pixel};

use super::header::{Header, Problem};
use super::info::ColorMode;
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

/// Levels as a decoder gives them, channels together.
#[derive(Debug)]
pub(super) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
}

/// The decoder's form of levels that are grey or colour, with or without opacity.
pub(super) fn assemble(header: &Header, samples: Samples) -> std::result::Result<DynamicImage, Problem> {
    fn buffer<P: Pixel>(
        header: &Header,
        levels: Vec<P::Subpixel>,
    ) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
        ImageBuffer::from_raw(header.width, header.height, levels)
    }
    let image = match (header.mode, samples) {
        (ColorMode::Grey, Samples::U8(levels)) => buffer(header, levels).map(DynamicImage::ImageLuma8),
        (ColorMode::GreyAlpha, Samples::U8(levels)) => buffer(header, levels).map(DynamicImage::ImageLumaA8),
        (ColorMode::Rgba, Samples::U8(levels)) => buffer(header, levels).map(DynamicImage::ImageRgba8),
        (_, Samples::U8(levels)) => buffer(header, levels).map(DynamicImage::ImageRgb8),
        (ColorMode::Grey, Samples::U16(levels)) => buffer(header, levels).map(DynamicImage::ImageLuma16),
        (ColorMode::GreyAlpha, Samples::U16(levels)) => {
            buffer(header, levels).map(DynamicImage::ImageLumaA16)
        }
        (ColorMode::Rgba, Samples::U16(levels)) => buffer(header, levels).map(DynamicImage::ImageRgba16),
        (_, Samples::U16(levels)) => buffer(header, levels).map(DynamicImage::ImageRgb16),
    };
    image.ok_or_else(|| "its header promises more pixels than there are".into())
}

/// RGB from ink, 0 to white for none to full: `(white - ink) (white - black) / white`, rounded as Pillow does.
pub(super) fn rgb_of_ink<L: Level + Into<u64> + TryFrom<u64>>(levels: &[L]) -> Vec<L> {
    let white: u64 = L::from_f32(L::WHITE).into();
    let colours = levels.as_chunks::<4>().0.iter().flat_map(|&[cyan, magenta, yellow, black]| {
        let light = white - black.into();
        [cyan, magenta, yellow].map(|ink| {
            let taken: u64 = (ink.into() * light + white / 2) / white;
            L::try_from(light - taken).unwrap_or(black)
        })
    });
    colours.collect()
}
