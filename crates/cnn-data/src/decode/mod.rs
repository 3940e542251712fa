//! [`Decoder`]: from the bytes of an image file to an [`Image`].
//!
//! JPEG, PNG, BMP, GIF, TIFF, WebP and PNM, told by content, not by name. Of an animation the first frame is read, of
//! several pages the first. Grey stays one channel and colour three, palettes are looked up (three channels),
//! CMYK becomes RGB, 16 bits stay 16 bits, alpha is composited on a stated background, and the camera's EXIF
//! orientation is applied.
//! Limits are checked against the header before anything is allocated, and so is whether a file of this length
//! can hold what its header promises. A file that is cut short is an error, never a picture with a grey end.
//! Damage in the middle is found by PNG's check sums. JPEG has none: there it may pass as part of the picture, and so
//! may a cut after which a program has put a new end marker.

mod bmp;
mod convert;
mod gif;
mod header;
mod info;
mod jpeg;
mod png;
mod pnm;
mod tiff;
mod webp;

use std::io::Cursor;
use std::path::Path;

use ::image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use self::header::{Header, Problem};
pub use self::info::{ColorMode, ImageFormat, ImageInfo, Orientation};
use crate::image::Image;
use crate::sources::file;
use crate::{Error, Result};

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
        let (format, header) = self.header(bytes, path)?;
        let image = self.pixels(bytes, format, &header);
        let mut image = image.map_err(|problem| Error::malformed(path, problem.message(format)))?;
        let orientation = ::image::metadata::Orientation::from_exif(header.orientation.exif() as u8);
        image.apply_orientation(orientation.unwrap_or(::image::metadata::Orientation::NoTransforms));
        convert::convert(image, self.background, path)
    }

    /// Reads the header of an image file, and checks the file as far as that goes without decoding it: format, limits,
    /// and whether it is whole. Allocates nothing.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use cnn_data::decode::{ColorMode, Decoder, ImageFormat};
    /// # fn main() -> cnn_data::Result<()> {
    /// let info = Decoder::default().inspect(b"P5 2 1 255\n\x00\xff", Path::new("two.pgm"))?;
    /// assert_eq!((info.format, info.mode, info.bits), (ImageFormat::Pnm, ColorMode::Grey, 8));
    /// assert_eq!((info.size.height, info.size.width), (1, 2));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Decoder::decode`], but for damage inside the compressed data.
    pub fn inspect(&self, bytes: &[u8], path: &Path) -> Result<ImageInfo> {
        let (format, header) = self.header(bytes, path)?;
        Ok(header.info(format))
    }

    /// The header of a whole file that is within the limits.
    fn header(&self, bytes: &[u8], path: &Path) -> Result<(ImageFormat, Header)> {
        let format = format_of(bytes, path)?;
        let header = match format {
            ImageFormat::Bmp => bmp::header(bytes),
            ImageFormat::Gif => gif::header(bytes),
            ImageFormat::Jpeg => jpeg::header(bytes),
            ImageFormat::Png => png::header(bytes),
            ImageFormat::Pnm => pnm::header(bytes),
            ImageFormat::Tiff => tiff::header(bytes),
            ImageFormat::WebP => webp::header(bytes),
        };
        let header = header.map_err(|problem| Error::malformed(path, problem.message(format)))?;
        let checked = header.check(self.most_pixels, bytes.len() as u64);
        checked.map_err(|problem| Error::malformed(path, problem))?;
        Ok((format, header))
    }

    /// The pixels as they are stored.
    fn pixels(
        &self,
        bytes: &[u8],
        format: ImageFormat,
        header: &Header,
    ) -> std::result::Result<DynamicImage, Problem> {
        let failed = |error: ::image::ImageError| Problem::from(format!("cannot be decoded: {error}"));
        // Eight bytes hold a pixel of any format; the rest is for what the decoder keeps beside the pixels.
        let most_bytes = self.most_pixels.saturating_mul(8).saturating_add(1 << 24);
        let format = match format {
            ImageFormat::Jpeg => return jpeg::pixels(bytes, header),
            ImageFormat::Pnm => return pnm::pixels(bytes, header),
            ImageFormat::Tiff => return tiff::pixels(bytes, header, most_bytes),
            ImageFormat::Bmp => ::image::ImageFormat::Bmp,
            ImageFormat::Gif => ::image::ImageFormat::Gif,
            ImageFormat::Png => ::image::ImageFormat::Png,
            ImageFormat::WebP => ::image::ImageFormat::WebP,
        };
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(most_bytes);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(failed)?;
        if decoder.dimensions() != (header.width, header.height) {
            return Err("its header and its pixels are of different sizes".into());
        }
        DynamicImage::from_decoder(decoder).map_err(failed)
    }
}

/// A format that can be read, or an error that says what the file is instead.
fn format_of(bytes: &[u8], path: &Path) -> Result<ImageFormat> {
    const READ: &str = "JPEG, PNG, BMP, GIF, TIFF, WebP and PNM can be read";
    if bytes.is_empty() {
        return Err(Error::malformed(path, "the file is empty"));
    }
    if let Some(format) = ImageFormat::of(bytes) {
        return Ok(format);
    }
    match ::image::guess_format(bytes) {
        Ok(other) => {
            let name = other.extensions_str().first().copied().unwrap_or("image").to_uppercase();
            Err(Error::malformed(
                path,
                format!("is an image of the format {name}; {READ}, so convert it first"),
            ))
        }
        Err(_) => Err(Error::malformed(path, format!("is no image; {READ}"))),
    }
}
