//! The header of a WebP file, and whether it is whole: a walk over the chunks of its container (RFC 9649).

use super::header::{Bytes, Header, Packing, Problem};
use super::info::{ColorMode, Orientation};
use super::tiff;

const CUT: Problem = Problem::Cut("the end of its container");

/// Walks a file that begins as WebP over the length that it states.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let mut file = Bytes(bytes.get(4..).ok_or(CUT)?);
    let length = usize::try_from(file.u32().ok_or(CUT)?).map_err(|_| CUT)?;
    let mut rest = Bytes(file.take(length).ok_or(CUT)?);
    let _webp = rest.u32().ok_or(CUT)?;
    let mut header = None;
    let mut orientation = Orientation::Upright;
    let mut pictures = 0;
    while !rest.0.is_empty() {
        let kind: [u8; 4] = rest.array().ok_or(CUT)?;
        let length = usize::try_from(rest.u32().ok_or(CUT)?).map_err(|_| CUT)?;
        let data = rest.take(length).ok_or(CUT)?;
        // Chunks of odd length are filled up; some writers leave that out at the end.
        if length % 2 == 1 && !rest.0.is_empty() {
            let _filler = rest.u8();
        }
        let read = match &kind {
            b"VP8X" => extended(data),
            b"VP8 " => lossy(data),
            b"VP8L" => lossless(data),
            b"EXIF" => {
                orientation = tiff::exif_orientation(data.strip_prefix(b"Exif\0\0").unwrap_or(data));
                continue;
            }
            b"ANMF" => {
                pictures += 1;
                continue;
            }
            _ => continue,
        };
        let read = read.ok_or("the WebP header is damaged")?;
        pictures += usize::from(&kind != b"VP8X");
        header.get_or_insert(read);
    }
    let mut header: Header = header.ok_or("the WebP file has no picture")?;
    if pictures == 0 {
        return Err("the WebP file has no picture".into());
    }
    header.orientation = orientation;
    Ok(header)
}

fn picture(width: u32, height: u32, alpha: bool) -> Header {
    Header::new(width, height, if alpha { ColorMode::Rgba } else { ColorMode::Rgb }, 8, Packing::Any)
}

/// The header of a file with more than a picture: what else there is, and the size of the canvas, each side less one
/// in 24 bits.
fn extended(data: &[u8]) -> Option<Header> {
    let mut data = Bytes(data);
    let flags = data.u32()?;
    let [width, height] = [data.array::<3>()?, data.array::<3>()?]
        .map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]) + 1);
    Some(picture(width, height, flags & 0x10 != 0))
}

/// A key frame of VP8 (RFC 6386, section 9.1).
fn lossy(data: &[u8]) -> Option<Header> {
    let mut data = Bytes(data.get(3..)?);
    if data.array::<3>()? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let (width, height) = (data.u16()? & 0x3fff, data.u16()? & 0x3fff);
    Some(picture(width.into(), height.into(), false))
}

/// The lossless form: each side less one in 14 bits, and whether there is transparency.
fn lossless(data: &[u8]) -> Option<Header> {
    let mut data = Bytes(data);
    if data.u8()? != 0x2f {
        return None;
    }
    let fields = data.u32()?;
    Some(picture((fields & 0x3fff) + 1, (fields >> 14 & 0x3fff) + 1, fields >> 28 & 1 == 1))
}
