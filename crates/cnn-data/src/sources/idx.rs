//! The IDX format of MNIST and its kin, plain or gzip, told apart by content.
//!
//! Two zero bytes, the element type, the number of dimensions, each dimension as a big-endian
//! 32-bit number, then the elements (<http://yann.lecun.com/exdb/mnist/>). The header is checked against what
//! follows it: nothing is allocated because a header says so.

use std::io::Read;
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::file;
use crate::{Error, Result};

/// Most bytes that a file may have.
const MOST_FILE_BYTES: u64 = 1 << 30;

/// Most bytes that the elements of a file may take.
const MOST_ELEMENT_BYTES: u64 = 1 << 32;

/// Most dimensions that are read.
const MOST_DIMENSIONS: usize = 4;

/// The contents of an IDX file.
#[derive(Debug, Clone, PartialEq)]
pub struct Idx {
    /// The dimensions, 1 to 4 of them.
    pub shape: Vec<usize>,
    /// The elements in row-major order; as many as the dimensions say.
    pub elements: Elements,
}

/// The elements of an IDX file, of one of the six types that the format has.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// Unsigned bytes, type 8: pictures, and most labels.
    U8(Vec<u8>),
    /// Signed bytes, type 9.
    I8(Vec<i8>),
    /// Whole numbers of 16 bits, type 11.
    I16(Vec<i16>),
    /// Whole numbers of 32 bits, type 12: the labels of QMNIST.
    I32(Vec<i32>),
    /// Numbers of 32 bits, type 13.
    F32(Vec<f32>),
    /// Numbers of 64 bits, type 14.
    F64(Vec<f64>),
}

impl Elements {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(elements) => elements.len(),
            Self::I8(elements) => elements.len(),
            Self::I16(elements) => elements.len(),
            Self::I32(elements) => elements.len(),
            Self::F32(elements) => elements.len(),
            Self::F64(elements) => elements.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::U8(_) => "unsigned bytes",
            Self::I8(_) => "signed bytes",
            Self::I16(_) => "whole numbers of 16 bits",
            Self::I32(_) => "whole numbers of 32 bits",
            Self::F32(_) => "numbers of 32 bits",
            Self::F64(_) => "numbers of 64 bits",
        }
    }

    /// Elements of a type's code from whole big-endian elements.
    fn from_bytes(code: u8, bytes: Vec<u8>) -> Option<Self> {
        fn each<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks::<N>().0.iter().map(|&element| read(element)).collect()
        }
        Some(match code {
            8 => Self::U8(bytes),
            9 => Self::I8(each(&bytes, i8::from_be_bytes)),
            11 => Self::I16(each(&bytes, i16::from_be_bytes)),
            12 => Self::I32(each(&bytes, i32::from_be_bytes)),
            13 => Self::F32(each(&bytes, f32::from_be_bytes)),
            14 => Self::F64(each(&bytes, f64::from_be_bytes)),
            _ => return None,
        })
    }
}

/// Bytes of an element by its type's code.
fn width(code: u8) -> Option<u64> {
    match code {
        8 | 9 => Some(1),
        11 => Some(2),
        12 | 13 => Some(4),
        14 => Some(8),
        _ => None,
    }
}

/// Reads a file, plain or gzip.
///
/// # Errors
/// [`Error::Io`], and as [`parse`].
pub fn read(path: &Path) -> Result<Idx> {
    parse(&file::read(path, MOST_FILE_BYTES)?, path)
}

/// Reads the bytes of a file, plain or gzip; `path` is its name in messages.
///
/// # Errors
/// [`Error::Malformed`] where the header is not that of an IDX file, or there are fewer or more elements than it
/// says, or the compressed data is cut short or damaged.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Idx> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        parse_stream(MultiGzDecoder::new(bytes), path)
    } else {
        parse_stream(bytes, path)
    }
}

fn parse_stream(mut stream: impl Read, path: &Path) -> Result<Idx> {
    let malformed = |problem: String| Error::malformed(path, problem);
    let mut magic = [0; 4];
    fill(&mut stream, &mut magic, path)?;
    let rank = usize::from(magic[3]);
    if magic[..2] != [0, 0] || !(1..=MOST_DIMENSIONS).contains(&rank) {
        return Err(malformed(format!(
            "starts with {magic:02x?}, expected 00 00, a type and 1 to 4 dimensions (IDX)"
        )));
    }
    let Some(width) = width(magic[2]) else {
        return Err(malformed(format!(
            "elements are of IDX type {:#04x}, expected one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e",
            magic[2]
        )));
    };
    let mut shape = Vec::with_capacity(rank);
    for _ in 0..rank {
        let mut dimension = [0; 4];
        fill(&mut stream, &mut dimension, path)?;
        shape.push(u32::from_be_bytes(dimension));
    }
    let expected =
        shape.iter().try_fold(1u64, |product, &dimension| product.checked_mul(u64::from(dimension)));
    let most = MOST_ELEMENT_BYTES / width;
    let Some(expected) = expected.filter(|&expected| expected <= most) else {
        return Err(malformed(format!("the header says {shape:?} elements, more than the limit of {most}")));
    };
    // The buffer grows with what is really there. One byte more than the header says shows that there is more,
    // and makes the gzip reader reach its check sum at the end.
    let mut bytes = Vec::new();
    let asked = expected * width + 1;
    stream.take(asked).read_to_end(&mut bytes).map_err(|error| malformed(unreadable(&error)))?;
    let met = bytes.len() as u64;
    let elements = Elements::from_bytes(magic[2], bytes).filter(|_| met == expected * width);
    let Some(elements) = elements else {
        let met = if met == asked { "more".to_owned() } else { (met / width).to_string() };
        return Err(malformed(format!(
            "the header says {shape:?}, which is {expected} elements, but there are {met}: \
             the file is cut short or its header is wrong"
        )));
    };
    Ok(Idx { shape: shape.into_iter().map(|dimension| dimension as usize).collect(), elements })
}

fn fill(stream: &mut impl Read, target: &mut [u8], path: &Path) -> Result<()> {
    stream.read_exact(target).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                "ends within the IDX header: the file is cut short".to_owned()
            }
            _ => unreadable(&error),
        };
        Error::malformed(path, problem)
    })
}

fn unreadable(error: &std::io::Error) -> String {
    format!("the gzip data is cut short or damaged ({error})")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    const SMALL: [u8; 14] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9];

    fn parse_bytes(bytes: &[u8]) -> Result<Idx> {
        parse(bytes, Path::new("x.idx"))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn problem(bytes: &[u8]) -> String {
        parse_bytes(bytes).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzip_give_the_same() {
        let expected = Idx { shape: vec![2, 1], elements: Elements::U8(vec![7, 9]) };
        assert_eq!(parse_bytes(&SMALL).unwrap(), expected);
        assert_eq!(parse_bytes(&gzip(&SMALL)).unwrap(), expected);
    }

    #[test]
    fn a_header_that_lies_about_the_size_is_found_out() {
        let mut more = SMALL;
        more[7] = 3;
        let message = "x.idx: the header says [3, 1], which is 3 elements, but there are 2: \
                       the file is cut short or its header is wrong";
        assert_eq!(problem(&more), message);
        let mut fewer = SMALL;
        fewer[7] = 1;
        assert!(problem(&gzip(&fewer)).contains("which is 1 elements, but there are more"));
        let enormous = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(problem(&enormous).contains("more than the limit"));
        let large = [0, 0, 8, 1, 255, 255, 255, 255];
        assert!(problem(&large).contains("but there are 0"));
    }

    #[test]
    fn other_files_and_other_types_are_named() {
        assert!(problem(b"").contains("ends within the IDX header"));
        assert!(problem(b"\x89PNG....").contains("(IDX)"));
        let mut odd = SMALL;
        odd[2] = 0x0a;
        assert!(problem(&odd).contains("IDX type 0x0a, expected one of 0x08"));
    }

    #[test]
    fn each_type_is_read_with_its_first_byte_first() {
        for (code, bytes, expected) in [
            (9, &[0xff][..], Elements::I8(vec![-1])),
            (11, &[0x01, 0x02], Elements::I16(vec![258])),
            (12, &[0xff, 0xff, 0xff, 0xfe], Elements::I32(vec![-2])),
            (13, &[0x3f, 0xc0, 0, 0], Elements::F32(vec![1.5])),
            (14, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Elements::F64(vec![1.5])),
        ] {
            let file = [&[0, 0, code, 1, 0, 0, 0, 1], bytes].concat();
            assert_eq!(parse_bytes(&file).unwrap(), Idx { shape: vec![1], elements: expected });
            for len in 8..file.len() {
                assert!(problem(&file[..len]).contains("which is 1 elements, but there are 0"), "{code}");
            }
            assert!(problem(&[&file[..], &[0]].concat()).contains("but there are more"), "{code}");
        }
    }

    #[test]
    fn truncated_or_altered_gzip_is_an_error_at_every_byte() {
        let whole = gzip(&SMALL);
        for len in 2..whole.len() {
            assert!(parse_bytes(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
        }
        // Bytes 4 to 9 of a gzip header (time, extra flags, system) say nothing about the contents.
        for at in (0..4).chain(10..whole.len()) {
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            if let Ok(idx) = parse_bytes(&altered) {
                assert_eq!(idx.elements, Elements::U8(vec![7, 9]), "byte {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_bytes(&bytes);
            let _ = parse_bytes(&gzip(&bytes));
        }

        #[test]
        fn arbitrary_headers_never_panic(
            rank in 0u8..6,
            code in 7u8..16,
            dims in proptest::collection::vec(any::<u32>(), 0..6),
            rest in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut bytes = vec![0, 0, code, rank];
            bytes.extend(dims.iter().flat_map(|dimension| dimension.to_be_bytes()));
            bytes.extend(rest);
            if let Ok(idx) = parse_bytes(&bytes) {
                prop_assert_eq!(idx.elements.len(), idx.shape.iter().product::<usize>());
            }
        }
    }
}
