//! What every format's header is read into, and the bytes that it is read from.
//!
//! Each format has a walk of its own over the file (`jpeg.rs`, `png.rs`, ...), which reads the header and sees whether
//! the file reaches its end. It allocates nothing, so that limits can be checked before anything is decoded.

use std::borrow::Cow;

use super::info::{ColorMode, ImageFormat, ImageInfo, Orientation};
use crate::image::Size;

/// Why a file is none of its format.
#[derive(Debug)]
pub(super) enum Problem {
    /// It ends before what is named.
    Cut(&'static str),
    /// Anything else, in words.
    Other(Cow<'static, str>),
}

impl Problem {
    pub(super) fn message(&self, format: ImageFormat) -> String {
        match self {
            Self::Cut(end) => format!("the {format} data ends before {end}: the file is cut short"),
            Self::Other(problem) => problem.to_string(),
        }
    }
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Self::Other(Cow::Borrowed(problem))
    }
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Other(Cow::Owned(problem))
    }
}

/// How small the data of a picture can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// So many bits a pixel, of which a byte of the file holds at most `expansion` bytes.
    Bits { pixel: u64, expansion: u64 },
    /// A picture of one colour takes next to nothing.
    Any,
}

/// No deflate stream packs more than this many bytes into one (zlib's technical details).
pub(super) const DEFLATE: u64 = 1032;

/// No LZW code of 12 bits stands for more than 4096 bytes.
pub(super) const LZW: u64 = 4096 * 8 / 12 + 1;

/// A picture that is packed without bound may have this many pixels, ...
const FREE_PIXELS: u64 = 1 << 24;

/// ... or this many for each byte of the file.
const PIXELS_OF_A_BYTE: u64 = 4096;

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pixels of the largest piece that is decoded at once, where that may be larger than the picture.
    pub(super) piece: u64,
    pub(super) mode: ColorMode,
    pub(super) bits: u8,
    pub(super) orientation: Orientation,
    pub(super) packing: Packing,
}

impl Header {
    pub(super) fn new(width: u32, height: u32, mode: ColorMode, bits: u8, packing: Packing) -> Self {
        Self { width, height, piece: 0, mode, bits, orientation: Orientation::Upright, packing }
    }

    pub(super) fn info(&self, format: ImageFormat) -> ImageInfo {
        let size = Size::new(self.height as usize, self.width as usize);
        let Self { mode, bits, orientation, .. } = *self;
        ImageInfo { format, size, mode, bits, orientation }
    }

    /// Whether a picture of this header may be decoded from a file of so many bytes.
    pub(super) fn check(&self, most_pixels: u64, file_bytes: u64) -> Result<(), String> {
        let Self { width, height, .. } = *self;
        let pixels = (u64::from(width) * u64::from(height)).max(self.piece);
        if width == 0 || height == 0 {
            return Err(format!("the header says {width}x{height} pixels, expected at least one"));
        }
        if pixels > most_pixels {
            return Err(format!("{width}x{height} is {pixels} pixels, more than the limit of {most_pixels}"));
        }
        let fits = match self.packing {
            Packing::Bits { pixel, expansion } => {
                pixels.saturating_mul(pixel) / 8 <= file_bytes.saturating_mul(expansion)
            }
            Packing::Any => pixels <= FREE_PIXELS.max(file_bytes.saturating_mul(PIXELS_OF_A_BYTE)),
        };
        if !fits {
            return Err(format!(
                "the header says {width}x{height} pixels, which cannot be in a file of {file_bytes} bytes: \
                 it is cut short or its header is wrong"
            ));
        }
        Ok(())
    }
}

/// The rest of a file, least byte first unless a name says otherwise. Each read takes what it gives, or `None` where
/// the file ends before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u16_big(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32_big(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}
