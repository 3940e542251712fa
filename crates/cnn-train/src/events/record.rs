//! The framing of TFRecord files: the length of the data (eight bytes, the lowest first), its masked sum, the data,
//! their masked sum.
//!
//! The sums are CRC-32C (RFC 3720, appendix B.4), rotated and moved by a constant, because the sum of data that hold
//! their own sum is no check.

/// Bytes before the data: the length and its sum.
const HEAD: usize = 12;

/// Data with their frame.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(HEAD + data.len() + 4);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// The data of the first record, and what follows it; `None` where it is cut short or damaged.
pub(super) fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if masked(length) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    (masked(data) == u32::from_le_bytes(*sum)).then_some((data, rest))
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8);
    !bytes.iter().fold(!0, step)
}

/// What each byte does to the sum: Castagnoli's polynomial, its bits reversed.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_the_published_ones() {
        // The check value of the catalogue of CRCs, and the examples of RFC 3720, B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn records_stand_one_after_the_other() {
        let bytes = [framed(b"one"), framed(b""), framed(b"three")].concat();
        let (one, rest) = first(&bytes).unwrap();
        let (empty, rest) = first(rest).unwrap();
        let (three, rest) = first(rest).unwrap();
        assert_eq!((one, empty, three, rest), (&b"one"[..], &b""[..], &b"three"[..], &b""[..]));
    }

    #[test]
    fn a_record_that_is_cut_short_or_damaged_anywhere_is_none() {
        let record = framed(b"data");
        for end in 0..record.len() {
            assert_eq!(first(&record[..end]), None, "cut at {end}");
        }
        for place in 0..record.len() {
            let mut damaged = record.clone();
            damaged[place] ^= 0x10;
            assert_eq!(first(&damaged), None, "damaged at {place}");
        }
        // A length beyond all memory, with its right sum.
        let length = u64::MAX.to_le_bytes();
        let huge = [&length[..], &masked(&length).to_le_bytes(), &[0; 64]].concat();
        assert_eq!(first(&huge), None);
    }
}
