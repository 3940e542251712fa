//! Whether a JPEG file reaches its end: the decoder fills what is missing with grey and says nothing.
//!
//! A walk over the markers of ITU-T T.81, annex B: segments are skipped by their length (a thumbnail inside one has
//! an end marker of its own), entropy-coded data is searched for the next marker.

const START: u8 = 0xd8;
const END: u8 = 0xd9;

/// Walks a file that begins as JPEG to its end marker. Returns how many bits a pixel takes at the very least, in
/// the measure of the decoder's plausibility check.
pub(super) fn check(bytes: &[u8]) -> Result<u64, &'static str> {
    const CUT: &str = "the JPEG data ends before its end marker: the file is cut short";
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|&byte| byte == 0xff).ok_or(CUT)?;
        rest = &rest[start + 1..];
        match *rest.first().ok_or(CUT)? {
            END => return Ok(8),
            // A stuffed byte, padding, and the markers that stand alone: temporary, restart, start of image.
            0x00 | 0x01 | 0xd0..=START => rest = &rest[1..],
            0xff => {}
            _ => {
                let length = rest.get(1..3).ok_or(CUT)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                rest = rest.get(1 + length..).ok_or(CUT)?;
            }
        }
    }
}
