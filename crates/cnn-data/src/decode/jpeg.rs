//! The header of a JPEG file, and whether it reaches its end: the decoder fills what is missing with grey and says
//! nothing.
//!
//! A walk over the markers of ITU-T T.81, annex B: segments are skipped by their length (a thumbnail inside one has
//! an end marker of its own), entropy-coded data is searched for the next marker.

use ::image::DynamicImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::convert::{self, Samples};
use super::header::{Bytes, DEFLATE, Header, Packing, Problem};
use super::info::{ColorMode, Orientation};
use super::tiff;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const EXIF: u8 = 0xe1;
const CUT: Problem = Problem::Cut("its end marker");

/// Walks a file that begins as JPEG to its end marker.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let mut rest = bytes;
    let mut frame = None;
    let mut orientation = None;
    loop {
        let start = rest.iter().position(|&byte| byte == 0xff).ok_or(CUT)?;
        rest = &rest[start + 1..];
        match *rest.first().ok_or(CUT)? {
            END => break,
            // A stuffed byte, padding, and the markers that stand alone: temporary, restart, start of image.
            0x00 | 0x01 | 0xd0..=START => rest = &rest[1..],
            0xff => {}
            marker => {
                let length = usize::from(Bytes(&rest[1..]).u16_big().ok_or(CUT)?);
                let segment = rest.get(1..1 + length).ok_or(CUT)?;
                rest = &rest[1 + length..];
                let data = segment.get(2..).unwrap_or_default();
                match marker {
                    // Start of frame of every process; 0xc4, 0xc8 and 0xcc are tables and an extension.
                    0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && frame.is_none() => {
                        frame = Some(read(data)?);
                    }
                    EXIF if orientation.is_none() => {
                        orientation = data.strip_prefix(b"Exif\0\0").map(tiff::exif_orientation);
                    }
                    _ => {}
                }
            }
        }
    }
    let mut header = frame.ok_or("the JPEG data has no frame header")?;
    header.orientation = orientation.unwrap_or(Orientation::Upright);
    Ok(header)
}

/// A frame header.
fn read(data: &[u8]) -> Result<Header, Problem> {
    let damaged = "the JPEG frame header is damaged";
    let mut data = Bytes(data);
    let bits = data.u8().ok_or(damaged)?;
    let (height, width) = (data.u16_big().ok_or(damaged)?, data.u16_big().ok_or(damaged)?);
    let mode = match data.u8().ok_or(damaged)? {
        1 => ColorMode::Grey,
        3 => ColorMode::Rgb,
        4 => ColorMode::Cmyk,
        count => return Err(format!("a JPEG of {count} channels; those of 1, 3 and 4 can be read").into()),
    };
    if bits != 8 {
        return Err(format!("a JPEG of {bits} bits; those of 8 can be read, so convert it first").into());
    }
    // A block of 64 pixels takes a bit or more, so that deflate's bound holds here too.
    Ok(Header::new(width.into(), height.into(), mode, bits, Packing::Bits { pixel: 8, expansion: DEFLATE }))
}

/// The pixels of a file that [`header`] has read.
///
/// Files of four channels hold what is left of white, as Adobe's programs write it; Pillow reads all of them so.
pub(super) fn pixels(bytes: &[u8], header: &Header) -> Result<DynamicImage, Problem> {
    let failed = |error| Problem::from(format!("cannot be decoded: {error:?}"));
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    let size = (header.width as usize, header.height as usize);
    if decoder.dimensions() != Some(size) {
        return Err("its headers contradict each other".into());
    }
    let stored = decoder.input_colorspace();
    let colours = match (header.mode, stored) {
        (ColorMode::Grey, _) => ColorSpace::Luma,
        (ColorMode::Cmyk, Some(stored @ (ColorSpace::CMYK | ColorSpace::YCCK))) => stored,
        (ColorMode::Cmyk, _) => return Err("its headers contradict each other".into()),
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let mut levels = vec![0; size.0 * size.1 * header.mode.samples()];
    decoder.decode_into(&mut levels).map_err(failed)?;
    if header.mode == ColorMode::Cmyk {
        if colours == ColorSpace::YCCK {
            // What YCC says is the opposite of what is stored in the other form.
            for pixel in levels.as_chunks_mut::<4>().0 {
                let [y, blue, red, _] = *pixel;
                for (level, colour) in pixel.iter_mut().zip(rgb_of_ycc([y, blue, red])) {
                    *level = 255 - colour;
                }
            }
        }
        levels.iter_mut().for_each(|level| *level = 255 - *level);
        levels = convert::rgb_of_ink(&levels);
    }
    convert::assemble(header, Samples::U8(levels))
}

/// JFIF's conversion, in the fixed-point form of libjpeg.
fn rgb_of_ycc([y, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, blue, red) = (i32::from(y), i32::from(blue) - 128, i32::from(red) - 128);
    // 65,536 times 1.402, 0.34414, 0.71414 and 1.772.
    let parts = [
        (91_881 * red + HALF) >> 16,
        (-22_554 * blue - 46_802 * red + HALF) >> 16,
        (116_130 * blue + HALF) >> 16,
    ];
    parts.map(|part| (y + part).clamp(0, 255) as u8)
}
