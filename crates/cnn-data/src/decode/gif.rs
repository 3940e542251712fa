//! The header of a GIF file, and whether it is whole: a walk over its blocks (GIF89a specification) to the trailer.

use super::header::{Bytes, Header, LZW, Packing, Problem};
use super::info::ColorMode;

const CUT: Problem = Problem::Cut("its trailer");
const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

/// Walks a file that begins as GIF to its trailer.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let mut rest = Bytes(bytes.get(6..).ok_or(CUT)?);
    let (width, height) = (rest.u16().ok_or(CUT)?, rest.u16().ok_or(CUT)?);
    let flags = rest.u8().ok_or(CUT)?;
    let _background_and_aspect = rest.u16().ok_or(CUT)?;
    table(&mut rest, flags)?;
    let mut first = None;
    loop {
        match rest.u8().ok_or(CUT)? {
            TRAILER => break,
            EXTENSION => {
                let _label = rest.u8().ok_or(CUT)?;
                blocks(&mut rest)?;
            }
            PICTURE => {
                let _place = rest.u32().ok_or(CUT)?;
                let (columns, rows) = (rest.u16().ok_or(CUT)?, rest.u16().ok_or(CUT)?);
                let flags = rest.u8().ok_or(CUT)?;
                table(&mut rest, flags)?;
                let _code_size = rest.u8().ok_or(CUT)?;
                blocks(&mut rest)?;
                first.get_or_insert(u64::from(columns) * u64::from(rows));
            }
            other => return Err(format!("the GIF data has a block of the unknown kind {other:#04x}").into()),
        }
    }
    let piece = first.ok_or("the GIF has no picture")?;
    let bits = (flags & 7) + 1;
    let packing = Packing::Bits { pixel: 8, expansion: LZW };
    // A small first picture on a large canvas takes little; what lies around it is transparent.
    let packing = if piece < u64::from(width) * u64::from(height) { Packing::Any } else { packing };
    Ok(Header { piece, ..Header::new(width.into(), height.into(), ColorMode::Palette, bits, packing) })
}

/// Skips a table of colours, where the flags say that there is one.
fn table(rest: &mut Bytes<'_>, flags: u8) -> Result<(), Problem> {
    if flags & 0x80 != 0 {
        rest.take(3 << ((flags & 7) + 1)).ok_or(CUT)?;
    }
    Ok(())
}

/// Skips blocks of up to 255 bytes, up to the empty one.
fn blocks(rest: &mut Bytes<'_>) -> Result<(), Problem> {
    loop {
        let length = rest.u8().ok_or(CUT)?;
        if length == 0 {
            return Ok(());
        }
        rest.take(length.into()).ok_or(CUT)?;
    }
}
