//! PNM: the header of Netpbm's formats, and whether the raster is whole.
//!
//! P1 to P6 are bits, grey and colour, as text or as bytes; P7 (PAM) names its fields. Levels that do not end at 255
//! or 65,535 are scaled, as Pillow scales them. Of several pictures in a file, the first is read. In the text forms,
//! a file that is cut within its very last number cannot be told from a whole one.

use ::image::DynamicImage;

use super::convert::{self, Samples};
use super::header::{Header, Packing, Problem};
use super::info::ColorMode;

const CUT: Problem = Problem::Cut("the end of its raster");

/// The header, and the raster after it.
#[derive(Debug, Clone, Copy)]
struct Raster<'a> {
    width: u32,
    height: u32,
    mode: ColorMode,
    /// The highest level.
    white: u16,
    form: Form,
    bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Numbers in decimal digits.
    Text,
    /// Digits 0 and 1, where 1 is black.
    BitText,
    /// A byte a number, or two, the most significant first.
    Bytes,
    /// Eight pixels a byte, rows filled up, where 1 is black.
    Bits,
}

/// Reads the header of a file that begins as PNM, and sees whether its raster is there.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let Raster { width, height, mode, white, form, bytes } = raster(bytes)?;
    let bits = match white {
        1 => 1,
        2..=255 => 8,
        _ => 16,
    };
    let samples = (u64::from(width) * u64::from(height)).saturating_mul(mode.samples() as u64);
    let needed = match form {
        Form::BitText => samples,
        // Between two numbers there is a space.
        Form::Text => samples.saturating_mul(2).saturating_sub(1),
        Form::Bytes => samples.saturating_mul(if white > 255 { 2 } else { 1 }),
        Form::Bits => u64::from(width.div_ceil(8)) * u64::from(height),
    };
    if needed > bytes.len() as u64 {
        return Err(CUT);
    }
    Ok(Header::new(width, height, mode, bits, Packing::Bits { pixel: 1, expansion: 1 }))
}

/// The pixels of a file that [`header`] has read.
pub(super) fn pixels(bytes: &[u8], header: &Header) -> Result<DynamicImage, Problem> {
    let raster = raster(bytes)?;
    let samples = if raster.white <= 255 {
        let mut scaled = raster.levels(f64::from(u8::MAX))?;
        Samples::U8(scaled.drain(..).map(|level| level as u8).collect())
    } else {
        Samples::U16(raster.levels(f64::from(u16::MAX))?)
    };
    convert::assemble(header, samples)
}

impl Raster<'_> {
    /// The levels, scaled so that the highest is `white`.
    fn levels(&self, white: f64) -> Result<Vec<u16>, Problem> {
        let (width, height) = (self.width as usize, self.height as usize);
        let count = width * height * self.mode.samples();
        let highest = self.white;
        let scaled = |level: u16| {
            if level > highest {
                return Err(format!("a level of {level} in a PNM file whose highest is {highest}").into());
            }
            Ok((f64::from(level) / f64::from(highest) * white).round_ties_even() as u16)
        };
        // Black is 1 where a pixel is a bit.
        let bit = |black: bool| if black { 0 } else { white as u16 };
        match self.form {
            Form::Bytes if highest > 255 => {
                let levels = self.bytes.as_chunks::<2>().0.iter().take(count);
                levels.map(|&level| scaled(u16::from_be_bytes(level))).collect()
            }
            Form::Bytes => self.bytes.iter().take(count).map(|&level| scaled(level.into())).collect(),
            Form::Bits => {
                let rows = self.bytes.chunks_exact(width.div_ceil(8)).take(height);
                let bits = |row: &[u8]| -> Vec<u16> {
                    (0..width).map(|at| bit(row[at / 8] >> (7 - at % 8) & 1 == 1)).collect()
                };
                Ok(rows.flat_map(bits).collect())
            }
            Form::BitText => {
                let mut levels = Vec::with_capacity(count);
                let mut words = Words { rest: self.bytes };
                while levels.len() < count {
                    // Bits may stand without a space between them.
                    for &digit in words.word()?.iter().take(count - levels.len()) {
                        levels.push(match digit {
                            b'0' => bit(false),
                            b'1' => bit(true),
                            _ => return Err("the PNM data has something else than 0 and 1 for bits".into()),
                        });
                    }
                }
                Ok(levels)
            }
            Form::Text => {
                let mut words = Words { rest: self.bytes };
                (0..count).map(|_| scaled(u16::try_from(words.number()?).unwrap_or(u16::MAX))).collect()
            }
        }
    }
}

/// Reads the header of a file that begins as PNM.
fn raster(bytes: &[u8]) -> Result<Raster<'_>, Problem> {
    let mut words = Words { rest: bytes.get(2..).ok_or(CUT)? };
    let kind = bytes[1];
    if kind == b'7' {
        return pam(words);
    }
    let (width, height) = (words.number()?, words.number()?);
    let (mode, form) = match kind {
        b'1' => (ColorMode::Grey, Form::BitText),
        b'2' => (ColorMode::Grey, Form::Text),
        b'3' => (ColorMode::Rgb, Form::Text),
        b'4' => (ColorMode::Grey, Form::Bits),
        b'5' => (ColorMode::Grey, Form::Bytes),
        _ => (ColorMode::Rgb, Form::Bytes),
    };
    let white = if matches!(form, Form::BitText | Form::Bits) { 1 } else { white(words.number()?)? };
    // One space, which may not be skipped with others: what follows may be a level that looks like one.
    let bytes = words.rest.get(1..).ok_or(CUT)?;
    Ok(Raster { width, height, mode, white, form, bytes })
}

/// The header of PAM: a field a line.
fn pam(mut words: Words<'_>) -> Result<Raster<'_>, Problem> {
    let (mut width, mut height, mut depth, mut highest) = (None, None, None, None);
    loop {
        match words.word()? {
            b"WIDTH" => width = Some(words.number()?),
            b"HEIGHT" => height = Some(words.number()?),
            b"DEPTH" => depth = Some(words.number()?),
            b"MAXVAL" => highest = Some(words.number()?),
            b"TUPLTYPE" => drop(words.word()?),
            b"ENDHDR" => break,
            other => {
                let field = String::from_utf8_lossy(&other[..other.len().min(20)]);
                return Err(format!("the PAM header has an unknown field {field:?}").into());
            }
        }
    }
    let (Some(width), Some(height), Some(depth), Some(highest)) = (width, height, depth, highest) else {
        return Err("the PAM header lacks WIDTH, HEIGHT, DEPTH or MAXVAL".into());
    };
    let mode = match depth {
        1 => ColorMode::Grey,
        2 => ColorMode::GreyAlpha,
        3 => ColorMode::Rgb,
        4 => ColorMode::Rgba,
        _ => return Err(format!("a PAM of {depth} channels, expected 1 to 4").into()),
    };
    let bytes = words.rest.get(1..).ok_or(CUT)?;
    Ok(Raster { width, height, mode, white: white(highest)?, form: Form::Bytes, bytes })
}

fn white(highest: u32) -> Result<u16, Problem> {
    match u16::try_from(highest) {
        Ok(highest @ 1..) => Ok(highest),
        _ => Err(format!("the PNM header says a highest level of {highest}, expected 1 to 65535").into()),
    }
}

/// Words between white space; `#` begins a comment up to the end of its line.
#[derive(Debug, Clone, Copy)]
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a [u8], Problem> {
        loop {
            match self.rest.first().ok_or(CUT)? {
                b'\t'..=b'\r' | b' ' => self.rest = &self.rest[1..],
                b'#' => {
                    let line = self.rest.iter().position(|&byte| byte == b'\n').ok_or(CUT)?;
                    self.rest = &self.rest[line..];
                }
                _ => break,
            }
        }
        let ends = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ' | b'#');
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(word)
    }

    fn number(&mut self) -> Result<u32, Problem> {
        let word = self.word()?;
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        number.ok_or_else(|| {
            let word = String::from_utf8_lossy(&word[..word.len().min(20)]);
            format!("the PNM data has {word:?} where a number is expected").into()
        })
    }
}
