//! What the header of an image file says, before any pixel is decoded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::image::Size;

/// A format of image files, told by how the file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageFormat {
    /// Windows bitmap.
    Bmp,
    /// Graphics Interchange Format; the first frame of an animation.
    Gif,
    /// Baseline or progressive JPEG of 8 bits.
    Jpeg,
    /// Portable Network Graphics.
    Png,
    /// Netpbm: PBM, PGM, PPM, as text or as bytes, and PAM; the first picture of several.
    Pnm,
    /// Tagged Image File Format; the first page of several.
    Tiff,
    /// WebP, lossy or lossless; the first frame of an animation.
    WebP,
}

impl ImageFormat {
    /// Every format that can be read.
    pub const ALL: [Self; 7] =
        [Self::Bmp, Self::Gif, Self::Jpeg, Self::Png, Self::Pnm, Self::Tiff, Self::WebP];

    /// The format of a file, by its first bytes; `None` where it is none of these.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // 42 is the classic form, 43 the one with 64-bit offsets.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'B', b'M', ..] => Some(Self::Bmp),
            [b'P', b'1'..=b'7', b'\t'..=b'\r' | b' ' | b'#', ..] => Some(Self::Pnm),
            _ => None,
        }
    }

    /// The format's name: `JPEG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Pnm => "PNM",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }

    /// The extensions that such files have, in lower case, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Bmp => &["bmp", "dib"],
            Self::Gif => &["gif"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png", "apng"],
            Self::Pnm => &["ppm", "pgm", "pbm", "pnm", "pam"],
            Self::Tiff => &["tif", "tiff"],
            Self::WebP => &["webp"],
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the numbers of a pixel mean in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ColorMode {
    /// One level; black and white where it has one bit.
    Grey,
    /// A level and its opacity.
    GreyAlpha,
    /// A place in a table of colours, which may have transparent ones.
    Palette,
    /// Red, green and blue, also where the file keeps them as brightness and two differences (YCbCr).
    Rgb,
    /// Red, green, blue and opacity.
    Rgba,
    /// Cyan, magenta, yellow and black, also where the file keeps them as YCCK.
    Cmyk,
}

impl ColorMode {
    /// The mode's name: `grey+alpha`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::GreyAlpha => "grey+alpha",
            Self::Palette => "palette",
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Cmyk => "CMYK",
        }
    }

    /// Numbers of a pixel in the file.
    pub fn samples(self) -> usize {
        match self {
            Self::Grey | Self::Palette => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

impl fmt::Display for ColorMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What has to be done with the stored picture so that it stands upright: the eight values of EXIF (TIFF 6.0, tag 274).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// 1: nothing.
    #[default]
    Upright,
    /// 2: left and right change places.
    FlipHorizontal,
    /// 3: half a turn.
    Rotate180,
    /// 4: top and bottom change places.
    FlipVertical,
    /// 5: a quarter turn clockwise, then left and right change places.
    Transpose,
    /// 6: a quarter turn clockwise.
    Rotate90,
    /// 7: a quarter turn counter-clockwise, then left and right change places.
    Transverse,
    /// 8: a quarter turn counter-clockwise.
    Rotate270,
}

impl Orientation {
    const ALL: [Self; 8] = [
        Self::Upright,
        Self::FlipHorizontal,
        Self::Rotate180,
        Self::FlipVertical,
        Self::Transpose,
        Self::Rotate90,
        Self::Transverse,
        Self::Rotate270,
    ];

    /// By EXIF's number; `None` outside 1 to 8.
    pub fn from_exif(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number.checked_sub(1)?)).copied()
    }

    /// EXIF's number, 1 to 8.
    pub fn exif(self) -> u16 {
        self as u16 + 1
    }

    /// Whether height and width change places.
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }
}

/// What [`Decoder::inspect`](super::Decoder::inspect) finds in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The format of the file, whatever its name says.
    pub format: ImageFormat,
    /// Height and width as they are stored, before the orientation is applied.
    pub size: Size,
    /// What the numbers of a pixel mean.
    pub mode: ColorMode,
    /// Bits of each of them: 1, 2, 4, 5, 8 or 16.
    pub bits: u8,
    /// What the camera noted about how it was held.
    pub orientation: Orientation,
}

impl ImageInfo {
    /// Height and width of the decoded picture, upright.
    pub fn upright_size(&self) -> Size {
        let Size { height, width } = self.size;
        if self.orientation.swaps_sides() { Size::new(width, height) } else { self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_are_exifs_numbers() {
        for number in 1..=8 {
            assert_eq!(Orientation::from_exif(number).unwrap().exif(), number);
        }
        assert_eq!((Orientation::from_exif(0), Orientation::from_exif(9)), (None, None));
        assert_eq!(Orientation::from_exif(6), Some(Orientation::Rotate90));
    }

    #[test]
    fn a_format_is_told_by_its_first_bytes() {
        assert_eq!(ImageFormat::of(b"GIF89a"), Some(ImageFormat::Gif));
        assert_eq!(ImageFormat::of(b"P5\n1 1 255\n\0"), Some(ImageFormat::Pnm));
        assert_eq!(ImageFormat::of(b"P50"), None);
        assert_eq!(ImageFormat::of(b""), None);
    }
}
