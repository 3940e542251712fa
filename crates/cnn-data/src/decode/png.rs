//! The header of a PNG file, and whether it is whole: a walk over its chunks (W3C PNG, third edition, clause 5) to `IEND`.

use super::header::{Bytes, DEFLATE, Header, Packing, Problem};
use super::info::ColorMode;
use super::tiff;

const SIGNATURE: usize = 8;
const CUT: Problem = Problem::Cut("its last chunk");

/// Walks a file that begins as PNG to its last chunk.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let mut rest = Bytes(bytes.get(SIGNATURE..).ok_or(CUT)?);
    let mut header = None;
    loop {
        let length = usize::try_from(rest.u32_big().ok_or(CUT)?).map_err(|_| CUT)?;
        let kind: [u8; 4] = rest.array().ok_or(CUT)?;
        let data = rest.take(length).ok_or(CUT)?;
        let _check_sum = rest.u32().ok_or(CUT)?;
        match (&mut header, &kind) {
            (None, b"IHDR") => header = Some(read(data).ok_or("the PNG header is damaged")?),
            (None, _) => return Err("the PNG data does not start with its header".into()),
            (Some(header), b"eXIf") => header.orientation = tiff::exif_orientation(data),
            (Some(header), b"IEND") => return Ok(*header),
            _ => {}
        }
    }
}

/// The chunk `IHDR`.
fn read(data: &[u8]) -> Option<Header> {
    let mut data = Bytes(data);
    let (width, height) = (data.u32_big()?, data.u32_big()?);
    let (bits, colour) = (data.u8()?, data.u8()?);
    let mode = match colour {
        0 => ColorMode::Grey,
        2 => ColorMode::Rgb,
        3 => ColorMode::Palette,
        4 => ColorMode::GreyAlpha,
        6 => ColorMode::Rgba,
        _ => return None,
    };
    let pixel = mode.samples() as u64 * u64::from(bits);
    Some(Header::new(width, height, mode, bits, Packing::Bits { pixel, expansion: DEFLATE }))
}
