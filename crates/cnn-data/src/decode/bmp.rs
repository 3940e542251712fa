//! The header of a BMP file, and whether its pixels are all there.
//!
//! Rows of an uncompressed picture have a known length. Run-length codes (Microsoft's BI_RLE8 and BI_RLE4) are walked to
//! their end, since the decoder leaves black what they do not reach.

use super::header::{Bytes, Header, Packing, Problem};
use super::info::ColorMode;

const CUT: Problem = Problem::Cut("its last row");

/// Reads the header of a file that begins as BMP, and sees whether its rows are there.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let fields = read(bytes).ok_or(Problem::Cut("the end of its header"))?;
    let Fields { width, height, depth, compression, alpha, offset } = fields;
    let (mode, bits) = match depth {
        1 | 2 | 4 | 8 => (ColorMode::Palette, depth as u8),
        16 => (ColorMode::Rgb, 5),
        24 => (ColorMode::Rgb, 8),
        32 => (if alpha { ColorMode::Rgba } else { ColorMode::Rgb }, 8),
        _ => return Err(format!("a BMP of {depth} bits a pixel, expected 1, 2, 4, 8, 16, 24 or 32").into()),
    };
    let (width, height) = match (u32::try_from(width), height.checked_abs()) {
        (Ok(width), Some(height)) => (width, height.unsigned_abs()),
        _ => return Err(format!("the BMP header says {width}x{height} pixels").into()),
    };
    let data = bytes.get(offset as usize..).ok_or(CUT)?;
    let packing = match compression {
        0 | 3 | 6 => {
            let row = (u64::from(width) * u64::from(depth)).div_ceil(32) * 4;
            if (data.len() as u64) < row.saturating_mul(height.into()) {
                return Err(CUT);
            }
            Packing::Bits { pixel: depth.into(), expansion: 1 }
        }
        1 | 2 => {
            walk_runs(data, compression == 2).ok_or(CUT)?;
            Packing::Any
        }
        other => return Err(format!("a BMP of compression {other}, expected none or run lengths").into()),
    };
    Ok(Header::new(width, height, mode, bits, packing))
}

struct Fields {
    width: i32,
    height: i32,
    depth: u16,
    compression: u32,
    alpha: bool,
    offset: u32,
}

/// The file header of 14 bytes and the picture's after it.
fn read(bytes: &[u8]) -> Option<Fields> {
    let mut rest = Bytes(bytes.get(10..)?);
    let (offset, length) = (rest.u32()?, rest.u32()?);
    if length < 40 {
        let (width, height) = (rest.u16()?, rest.u16()?);
        let (_planes, depth) = (rest.u16()?, rest.u16()?);
        let (width, height) = (width.into(), height.into());
        return Some(Fields { width, height, depth, compression: 0, alpha: false, offset });
    }
    let (width, height) = (rest.u32()? as i32, rest.u32()? as i32);
    let (_planes, depth) = (rest.u16()?, rest.u16()?);
    let compression = rest.u32()?;
    // Twenty bytes of sizes and resolutions, and the masks of red, green and blue.
    let after = rest.0.get(32..);
    let alpha = length >= 56 && compression == 3 && Bytes(after?).u32()? != 0;
    Some(Fields { width, height, depth, compression, alpha, offset })
}

/// Walks run-length codes to the code of their end; `None` where the data ends before.
fn walk_runs(data: &[u8], nibbles: bool) -> Option<()> {
    let mut data = Bytes(data);
    loop {
        match (data.u8()?, data.u8()?) {
            (0, 1) => return Some(()),
            (0, 0) => {}
            (0, 2) => drop(data.u16()?),
            (0, count) => {
                let bytes = if nibbles { usize::from(count).div_ceil(2) } else { usize::from(count) };
                data.take(bytes.next_multiple_of(2))?;
            }
            _ => {}
        }
    }
}
