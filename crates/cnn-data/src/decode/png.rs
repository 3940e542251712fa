//! Whether a PNG file is whole: a walk over its chunks (W3C PNG, third edition, clause 5) to `IEND`.

const SIGNATURE: usize = 8;

/// Walks a file that begins as PNG to its last chunk. Returns how many bits a pixel takes before compression.
pub(super) fn check(bytes: &[u8]) -> Result<u64, &'static str> {
    const CUT: &str = "the PNG data ends before its last chunk: the file is cut short";
    let mut rest = bytes.get(SIGNATURE..).ok_or(CUT)?;
    let mut bits = None;
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        let (kind, after) = after.split_first_chunk::<4>().ok_or(CUT)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CUT)?;
        let data = after.get(..length).ok_or(CUT)?;
        // Four bytes of check sum follow the data.
        rest = after.get(length..).and_then(|rest| rest.get(4..)).ok_or(CUT)?;
        match (bits, kind) {
            (None, b"IHDR") => bits = Some(bits_of_a_pixel(data).ok_or("the PNG header is damaged")?),
            (None, _) => return Err("the PNG data does not start with its header"),
            (Some(bits), b"IEND") => return Ok(bits),
            _ => {}
        }
    }
}

/// From the bit depth and the colour type of a header.
fn bits_of_a_pixel(header: &[u8]) -> Option<u64> {
    let (&depth, &colour) = (header.get(8)?, header.get(9)?);
    let channels = match colour {
        0 | 3 => 1,
        4 => 2,
        2 => 3,
        6 => 4,
        _ => return None,
    };
    Some(channels * u64::from(depth))
}
