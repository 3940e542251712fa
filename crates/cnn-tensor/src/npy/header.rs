//! The header: a Python dictionary of three entries, read by hand.

use super::problem_of;
use crate::{DType, Error, MAX_RANK, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Headers end at a multiple of this, so that the elements are aligned.
const ALIGNMENT: usize = 64;

/// What is said of the elements.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: DType,
    pub(super) endian: Endian,
    pub(super) order: Order,
    pub(super) shape: Vec<usize>,
}

/// Which byte of an element comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

/// Which axis is contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The last.
    C,
    /// The first.
    Fortran,
}

/// The header of a file, and the bytes behind it.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| problem_of("it does not begin with \\x93NUMPY"))?;
    let short = || problem_of("it ends within the header");
    let (&[major, minor], rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (len, rest) = match major {
        1 => rest.split_first_chunk().map(|(&len, rest)| (usize::from(u16::from_le_bytes(len)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(&len, rest)| (u32::from_le_bytes(len) as usize, rest)),
        _ => return Err(problem_of(format!("version {major}.{minor}, expected 1.0, 2.0 or 3.0"))),
    }
    .ok_or_else(short)?;
    let (header, elements) = rest.split_at_checked(len).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| problem_of("the header is no text"))?;
    Ok((parse(header)?, elements))
}

/// The magic bytes, the version, the length and the header.
pub(super) fn write(dtype: DType, shape: &[usize]) -> Result<Vec<u8>> {
    let name = match dtype {
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::F16 => "<f2",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::U16 => "<u2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::Bool => "|b1",
        DType::BF16 => return Err(Error::dtype("npy", dtype, "a type that NumPy has")),
    };
    let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A tuple of one has a comma.
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text =
        format!("{{'descr': '{name}', 'fortran_order': False, 'shape': ({}{comma}), }}", dims.join(", "));
    let before = MAGIC.len() + 4;
    let len = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    text.extend(std::iter::repeat_n(' ', len - 1 - text.len()));
    text.push('\n');
    // Eight dimensions fit the first version's 65,535 bytes.
    Ok([&MAGIC[..], &[1, 0], &(len as u16).to_le_bytes(), text.as_bytes()].concat())
}

fn parse(text: &str) -> Result<Header> {
    let mut text = Text(text.trim_end());
    let (mut descr, mut order, mut shape) = (None, None, None);
    text.expect('{')?;
    while !text.take('}') {
        let key = text.quoted()?;
        text.expect(':')?;
        let new = match key {
            "descr" => descr.replace(text.quoted()?).is_none(),
            "fortran_order" => order.replace(text.truth()?).is_none(),
            "shape" => shape.replace(text.tuple()?).is_none(),
            _ => return Err(problem_of(format!("the header has an entry {key:?}"))),
        };
        if !new {
            return Err(problem_of(format!("the header has {key:?} twice")));
        }
        if !text.take(',') {
            text.expect('}')?;
            break;
        }
    }
    if !text.0.trim_start().is_empty() {
        return Err(text.unexpected("the end of the header"));
    }
    let missing = |entry| move || problem_of(format!("the header has no {entry:?}"));
    let (dtype, endian) = element(descr.ok_or_else(missing("descr"))?)?;
    let order = if order.ok_or_else(missing("fortran_order"))? { Order::Fortran } else { Order::C };
    Ok(Header { dtype, endian, order, shape: shape.ok_or_else(missing("shape"))? })
}

/// The element type of a NumPy name, as in `<f4`.
fn element(name: &str) -> Result<(DType, Endian)> {
    let (endian, kind) = match name.split_at_checked(1) {
        Some(("<" | "|", kind)) => (Endian::Little, kind),
        Some((">", kind)) => (Endian::Big, kind),
        Some(("=", kind)) if cfg!(target_endian = "big") => (Endian::Big, kind),
        Some(("=", kind)) => (Endian::Little, kind),
        _ => (Endian::Little, name),
    };
    let dtype = match kind {
        "f4" => DType::F32,
        "f8" => DType::F64,
        "f2" => DType::F16,
        "u1" => DType::U8,
        "i1" => DType::I8,
        "u2" => DType::U16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "b1" | "?" => DType::Bool,
        _ => {
            let problem = format!("element type {name:?}, expected one of f2 f4 f8 u1 u2 i1 i4 i8 b1");
            return Err(problem_of(problem));
        }
    };
    Ok((dtype, endian))
}

/// What is left of the header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Whether the mark comes next; it is passed then.
    fn take(&mut self, mark: char) -> bool {
        match self.0.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, mark: char) -> Result<()> {
        if self.take(mark) { Ok(()) } else { Err(self.unexpected(&format!("{mark:?}"))) }
    }

    /// A string in single or double quotes.
    fn quoted(&mut self) -> Result<&'a str> {
        for quote in ['\'', '"'] {
            if self.take(quote) {
                let (text, rest) = self
                    .0
                    .split_once(quote)
                    .ok_or_else(|| problem_of("a string in the header has no end"))?;
                self.0 = rest;
                return Ok(text);
            }
        }
        Err(self.unexpected("a string"))
    }

    fn truth(&mut self) -> Result<bool> {
        let text = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = text.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    /// Whole numbers in round brackets.
    fn tuple(&mut self) -> Result<Vec<usize>> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (digits, rest) = text.split_at(end);
            let number = digits.parse().map_err(|_| self.unexpected("a size"))?;
            numbers.push(number);
            // Python 2 wrote long integers with a letter.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if numbers.len() > MAX_RANK {
                return Err(problem_of(format!("more than {MAX_RANK} dimensions")));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }

    fn unexpected(&self, expected: &str) -> Error {
        let met: String = self.0.trim_start().chars().take(12).collect();
        problem_of(format!("the header has {met:?} where {expected} is expected"))
    }
}
