//! [`Image`]: pixels of 8 or 16 bits, any number of channels, rows from top to bottom, channels together.
//!
//! This is the form between a decoder and a tensor. Whole numbers are kept as they were decoded: nothing here
//! reduces 16 bits to 8. How grey, colour and alpha are told apart is [`decode`](crate::decode)'s affair; an
//! image only counts channels.

use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::{Error, Result};

/// Height and width in pixels. Configurations write `224` for a square, `[height, width]`, or both by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Size {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

impl Size {
    /// A size.
    pub fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Number of pixels; `None` where it passes the largest `usize`.
    pub fn pixels(self) -> Option<usize> {
        self.height.checked_mul(self.width)
    }
}

/// The ways to write a size.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "expected a number of pixels, or [height, width]")]
enum Written {
    Square(usize),
    Pair([usize; 2]),
    Named { height: usize, width: usize },
}

impl From<Written> for Size {
    fn from(written: Written) -> Self {
        match written {
            Written::Square(side) => Self::new(side, side),
            Written::Pair([height, width]) | Written::Named { height, width } => Self::new(height, width),
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// The levels of an image, in row-major order of `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pixels {
    /// 8 bits: 0 to 255.
    U8(Vec<u8>),
    /// 16 bits: 0 to 65,535.
    U16(Vec<u16>),
}

impl Pixels {
    /// Number of levels: pixels times channels.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(levels) => levels.len(),
            Self::U16(levels) => levels.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A picture of at least one pixel and one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    size: Size,
    channels: usize,
    pixels: Pixels,
}

impl Image {
    /// An image of the given levels.
    ///
    /// # Errors
    /// [`Error::Image`] where there are no pixels or channels, or another number of levels than they need.
    pub fn new(size: Size, channels: usize, pixels: Pixels) -> Result<Self> {
        let needed = size.pixels().and_then(|count| count.checked_mul(channels));
        if needed != Some(pixels.len()) || pixels.is_empty() {
            let problem = format!(
                "{} levels for {size} pixels of {channels} channels, expected their product, at least 1",
                pixels.len()
            );
            return Err(Error::image("image", problem));
        }
        Ok(Self { size, channels, pixels })
    }

    /// An image of 8 bits.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn from_u8(size: Size, channels: usize, levels: Vec<u8>) -> Result<Self> {
        Self::new(size, channels, Pixels::U8(levels))
    }

    /// An image of 16 bits.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn from_u16(size: Size, channels: usize, levels: Vec<u16>) -> Result<Self> {
        Self::new(size, channels, Pixels::U16(levels))
    }

    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.size.height
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.size.width
    }

    /// Number of channels: 1 grey, 3 red, green and blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The levels.
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// The levels, to change; their number stays.
    pub(crate) fn pixels_mut(&mut self) -> &mut Pixels {
        &mut self.pixels
    }

    /// The image of `channels` channels: itself, the grey of a colour image, or a grey image three times.
    ///
    /// Grey is the luma of ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`, in the fixed-point form that Pillow uses.
    ///
    /// # Errors
    /// [`Error::Image`] for any other pair of numbers.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        let pixels = match (self.channels, channels, &self.pixels) {
            (met, asked, _) if met == asked => return Ok(self),
            (3, 1, Pixels::U8(levels)) => Pixels::U8(luma(levels)),
            (3, 1, Pixels::U16(levels)) => Pixels::U16(luma(levels)),
            (1, 3, Pixels::U8(levels)) => Pixels::U8(thrice(levels)),
            (1, 3, Pixels::U16(levels)) => Pixels::U16(thrice(levels)),
            (met, ..) => {
                let problem =
                    format!("an image of {met} channels where {channels} are expected; only 1 and 3 convert");
                return Err(Error::image("channels", problem));
            }
        };
        Self::new(self.size, channels, pixels)
    }
}

fn luma<L: Level>(levels: &[L]) -> Vec<L> {
    levels.as_chunks::<3>().0.iter().map(|&[red, green, blue]| L::luma(red, green, blue)).collect()
}

fn thrice<L: Level>(levels: &[L]) -> Vec<L> {
    levels.iter().flat_map(|&level| [level; 3]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_three_ways() {
        for text in ["7", "[7, 7]", r#"{"height": 7, "width": 7}"#] {
            assert_eq!(serde_json::from_str::<Size>(text).unwrap(), Size::new(7, 7));
        }
        assert_eq!(serde_json::from_str::<Size>("[2, 3]").unwrap(), Size::new(2, 3));
        for text in ["-1", "[1]", r#"{"height": 7}"#, r#""7""#] {
            let error = serde_json::from_str::<Size>(text).unwrap_err().to_string();
            assert!(error.contains("expected a number of pixels, or [height, width]"), "{error}");
        }
    }

    #[test]
    fn an_image_holds_exactly_its_pixels() {
        let size = Size::new(2, 3);
        assert!(Image::from_u8(size, 1, vec![0; 6]).is_ok());
        assert!(Image::from_u8(size, 3, vec![0; 6]).is_err());
        assert!(Image::from_u8(Size::new(0, 3), 1, vec![]).is_err());
        assert!(Image::from_u8(Size::new(usize::MAX, 3), 1, vec![0; 6]).is_err());
    }

    // Pillow: Image.new("RGB", (1, 1), colour).convert("L").
    #[test]
    fn grey_is_the_luma_that_pillow_computes() {
        for (colour, grey) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([10, 200, 90], 131)]
        {
            let image = Image::from_u8(Size::new(1, 1), 3, colour.to_vec()).unwrap();
            assert_eq!(image.with_channels(1).unwrap().pixels(), &Pixels::U8(vec![grey]));
        }
        let white = Image::from_u16(Size::new(1, 1), 3, vec![u16::MAX; 3]).unwrap();
        assert_eq!(white.with_channels(1).unwrap().pixels(), &Pixels::U16(vec![u16::MAX]));
    }

    #[test]
    fn grey_becomes_three_equal_channels_and_two_channels_become_nothing() {
        let grey = Image::from_u8(Size::new(1, 2), 1, vec![5, 9]).unwrap();
        assert_eq!(grey.with_channels(3).unwrap().pixels(), &Pixels::U8(vec![5, 5, 5, 9, 9, 9]));
        let two = Image::from_u8(Size::new(1, 1), 2, vec![5, 9]).unwrap();
        let message = two.with_channels(1).unwrap_err().to_string();
        assert_eq!(message, "channels: an image of 2 channels where 1 are expected; only 1 and 3 convert");
    }
}
