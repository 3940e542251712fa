//! [`Decoder`]: from the bytes of a PNG or JPEG file to an [`Image`].
//!
//! The format is told by content, not by name. Grey stays one channel and colour three, palettes are looked up,
//! 16 bits stay 16 bits, alpha is composited on a stated background, and the camera's EXIF orientation is applied.
//! Limits are checked against the header before anything is allocated, and so is whether a file of this length
//! can hold what its header promises. A file that is cut short is an error, never a picture with a grey end.
//! Damage in the middle is found by PNG's check sums; JPEG has none, so there it may pass as part of the picture.

mod convert;
mod jpeg;
mod png;

use std::io::Cursor;
use std::path::Path;

use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::image::{Image, Size};
use crate::sources::file;
use crate::{Error, Result};

/// No format packs more than this many bytes into one: deflate reaches 1032 (zlib's technical details), and a JPEG
/// block of 64 pixels takes a bit or more.
const MOST_EXPANSION: u64 = 1032;

/// Reads image files, within limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoder {
    /// Most pixels that an image may have, by its header.
    pub most_pixels: u64,
    /// Most bytes that a file may have.
    pub most_file_bytes: u64,
    /// The colour that shows through transparent pixels: red, green, blue. A grey image takes its luma.
    pub background: [u8; 3],
}

impl Default for Decoder {
    /// Up to 2^27 pixels (134 million) in files up to 1 GiB, on white.
    fn default() -> Self {
        Self { most_pixels: 1 << 27, most_file_bytes: 1 << 30, background: [255; 3] }
    }
}

impl Decoder {
    /// Reads an image file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`], naming the file, as [`Decoder::decode`].
    pub fn open(&self, path: &Path) -> Result<Image> {
        self.decode(&file::read(path, self.most_file_bytes)?, path)
    }

    /// Reads the bytes of an image file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the bytes are empty, of another format, cut short or damaged, or the image is over
    /// the limit.
    pub fn decode(&self, bytes: &[u8], path: &Path) -> Result<Image> {
        let failed =
            |error: ::image::ImageError| Error::malformed(path, format!("cannot be decoded: {error}"));
        let mut decoder = self.checked_decoder(bytes, path)?;
        let orientation = decoder.orientation().map_err(failed)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
        image.apply_orientation(orientation);
        convert::convert(image, self.background, path)
    }

    /// Checks the bytes of an image file as far as that goes without decoding it: format, limits, and whether it
    /// is whole. Returns the size of the image as it is stored, before its EXIF orientation is applied.
    ///
    /// # Errors
    /// As [`Decoder::decode`], but for damage inside the compressed data.
    pub fn inspect(&self, bytes: &[u8], path: &Path) -> Result<Size> {
        let (width, height) = self.checked_decoder(bytes, path)?.dimensions();
        Ok(Size::new(height as usize, width as usize))
    }

    /// A decoder of a whole file that is within the limits.
    fn checked_decoder<'a>(&self, bytes: &'a [u8], path: &Path) -> Result<impl ImageDecoder + 'a> {
        let malformed = |problem: String| Error::malformed(path, problem);
        let format = format_of(bytes, path)?;
        let structure = match format {
            ImageFormat::Png => png::check(bytes),
            _ => jpeg::check(bytes),
        };
        let bits = structure.map_err(|problem| malformed(problem.to_owned()))?;
        let mut limits = Limits::no_limits();
        // Eight bytes hold a pixel of any format; the rest is for what the decoder keeps beside the pixels.
        limits.max_alloc = Some(self.most_pixels.saturating_mul(8).saturating_add(1 << 24));
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits);
        let decoder =
            reader.into_decoder().map_err(|error| malformed(format!("cannot be decoded: {error}")))?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.most_pixels {
            let most = self.most_pixels;
            return Err(malformed(format!(
                "{width}x{height} is {pixels} pixels, more than the limit of {most}"
            )));
        }
        if pixels.saturating_mul(bits) / 8 > (bytes.len() as u64).saturating_mul(MOST_EXPANSION) {
            let problem = format!(
                "the header says {width}x{height} pixels, which cannot be in a file of {} bytes: \
                 it is cut short or its header is wrong",
                bytes.len()
            );
            return Err(malformed(problem));
        }
        Ok(decoder)
    }
}

/// PNG or JPEG, or an error that says what it is instead.
fn format_of(bytes: &[u8], path: &Path) -> Result<ImageFormat> {
    if bytes.is_empty() {
        return Err(Error::malformed(path, "the file is empty"));
    }
    match ::image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        Ok(other) => {
            let name = other.extensions_str().first().copied().unwrap_or("image").to_uppercase();
            Err(Error::malformed(
                path,
                format!("is a {name} file; PNG and JPEG can be read, so convert it first"),
            ))
        }
        Err(_) => Err(Error::malformed(path, "is no PNG or JPEG image")),
    }
}
