//! The header of a TIFF file (TIFF 6.0, section 2), and whether its strips or tiles are all there; EXIF data, which
//! are a TIFF file without a picture.
//!
//! Only the first directory is read: the first page. Both byte orders and the form with 64-bit offsets are known.

use std::borrow::Cow;
use std::io::Cursor;

use ::image::DynamicImage;
use ::tiff::decoder::{Decoder, DecodingResult, Limits};

use super::convert::{self, Samples};
use super::header::{DEFLATE, Header, LZW, Packing, Problem};
use super::info::{ColorMode, Orientation};
use crate::level::Level;

const CUT: Problem = Problem::Cut("the end of its picture");

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
const STRIP_LENGTHS: u16 = 279;
const PALETTE: u16 = 320;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_LENGTHS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;

/// Reads the first directory of a file that begins as TIFF, and sees whether what it points to is there.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Problem> {
    let directory = Directory::first(bytes).ok_or(Problem::Cut("the end of its first directory"))?;
    if !directory.claims_what_is_there() {
        return Err(CUT);
    }
    let number = |tag, default| Ok::<u64, Problem>(directory.number(tag)?.unwrap_or(default));
    let side = |tag| {
        let side = directory.number(tag)?.ok_or("the TIFF header does not say how large the picture is")?;
        u32::try_from(side).map_err(|_| Problem::from("the TIFF header is damaged"))
    };
    let (width, height) = (side(WIDTH)?, side(HEIGHT)?);
    let (bits, samples) = (number(BITS, 1)?, number(SAMPLES, 1)?);
    let alpha = matches!(directory.number(EXTRA_SAMPLES)?, Some(1 | 2));
    let mode = match (number(PHOTOMETRIC, 1)?, samples) {
        (0 | 1, 1) => ColorMode::Grey,
        (0 | 1, 2) if alpha => ColorMode::GreyAlpha,
        (2, 3) => ColorMode::Rgb,
        (2, 4) => ColorMode::Rgba,
        (3, 1) => ColorMode::Palette,
        (5, 4) => ColorMode::Cmyk,
        (kind, count) => {
            let problem = format!(
                "a TIFF of {count} samples a pixel and photometric interpretation {kind}; grey, palettes, RGB \
                 and CMYK can be read, so convert it first"
            );
            return Err(problem.into());
        }
    };
    let bits = match bits {
        1 | 2 | 4 | 8 | 16 => bits as u8,
        _ => return Err(format!("a TIFF of {bits} bits a sample; those of 1 to 16 can be read").into()),
    };
    let tiled = directory.find(TILE_OFFSETS).is_some();
    let (offsets, lengths) =
        if tiled { (TILE_OFFSETS, TILE_LENGTHS) } else { (STRIP_OFFSETS, STRIP_LENGTHS) };
    let offsets = directory.numbers(offsets)?.ok_or("the TIFF header does not say where the pixels are")?;
    let lengths =
        directory.numbers(lengths)?.ok_or("the TIFF header does not say how long its strips are")?;
    for (offset, length) in offsets.zip(lengths) {
        if offset.saturating_add(length) > bytes.len() as u64 {
            return Err(CUT);
        }
    }
    let expansion = match number(COMPRESSION, 1)? {
        1 => Some(1),
        5 => Some(LZW),
        6..=8 | 32946 => Some(DEFLATE),
        32773 => Some(64),
        // The codes of fax machines take a bit for a row.
        _ => None,
    };
    let pixel = u64::from(bits) * samples;
    let packing = expansion.map_or(Packing::Any, |expansion| Packing::Bits { pixel, expansion });
    let mut header = Header::new(width, height, mode, bits, packing);
    if tiled {
        header.piece = number(TILE_WIDTH, 0)?.saturating_mul(number(TILE_HEIGHT, 0)?);
    }
    header.orientation = orientation(&directory);
    Ok(header)
}

/// The pixels of a file that [`header`] has read, with a limit on the memory that the decoder takes.
pub(super) fn pixels(bytes: &[u8], header: &Header, most_bytes: u64) -> Result<DynamicImage, Problem> {
    let failed = |error| Problem::from(format!("cannot be decoded: {error}"));
    let directory = Directory::first(bytes).ok_or(CUT)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(most_bytes).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let file = if header.mode == ColorMode::Palette { directory.as_grey()? } else { Cow::Borrowed(bytes) };
    let mut decoder = Decoder::new(Cursor::new(file)).map_err(failed)?.with_limits(limits);
    let mut decoded = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut decoded).map_err(failed)?;
    if decoded.as_buffer(0).as_bytes().len() < layout.complete_len {
        return Err("its planes are over the limit of memory".into());
    }
    let planes = if layout.planes > 1 { layout.planes } else { 1 };
    if planes > 1 && planes != header.mode.samples() {
        return Err(format!("a TIFF of {planes} planes, expected one for each channel").into());
    }
    let premultiplied = directory.number(EXTRA_SAMPLES)? == Some(1);
    let samples = match decoded {
        DecodingResult::U8(levels) if header.bits < 8 => {
            if header.mode.samples() != 1 {
                return Err(format!("a TIFF of {} bits a sample and several samples", header.bits).into());
            }
            let white = if header.mode == ColorMode::Palette { None } else { Some(255) };
            Samples::U8(unpack(&levels, header, white))
        }
        DecodingResult::U8(levels) => Samples::U8(finish(together(levels, planes), header, premultiplied)),
        DecodingResult::U16(levels) => Samples::U16(finish(together(levels, planes), header, premultiplied)),
        _ => return Err("a TIFF of signed or broken numbers; whole ones of 1 to 16 bits can be read".into()),
    };
    match (header.mode, samples) {
        (ColorMode::Palette, Samples::U8(places)) => {
            let table = directory.numbers(PALETTE)?.ok_or("the TIFF header has no palette")?;
            // All reds come first, then the greens and the blues, of 16 bits.
            let table: Vec<u8> = table.take(3 << 8).map(|level| (level >> 8) as u8).collect();
            let count = table.len() / 3;
            let colour = |place: u8| {
                let level = |channel: usize| table.get(channel * count + usize::from(place)).copied();
                (usize::from(place) < count).then(|| [0, 1, 2].map(|channel| level(channel).unwrap_or(0)))
            };
            let colours: Option<Vec<[u8; 3]>> = places.into_iter().map(colour).collect();
            let colours = colours.ok_or("the TIFF picture has colours that are not in its palette")?;
            convert::assemble(header, Samples::U8(colours.into_flattened()))
        }
        (ColorMode::Palette, Samples::U16(_)) => Err("a TIFF palette of 16 bits; convert it first".into()),
        (_, samples) => convert::assemble(header, samples),
    }
}

/// Levels of fewer than eight bits, of which rows are filled up to bytes; scaled to white, where it is given.
fn unpack(packed: &[u8], header: &Header, white: Option<u32>) -> Vec<u8> {
    let (width, bits) = (header.width as usize, usize::from(header.bits));
    let highest = (1 << bits) - 1;
    let level = |row: &[u8], at: usize| {
        let first = at * bits;
        let level = u32::from(row[first / 8]) >> (8 - bits - first % 8) & highest;
        white.map_or(level, |white| level * white / highest) as u8
    };
    let rows = packed.chunks_exact((width * bits).div_ceil(8));
    rows.flat_map(|row| (0..width).map(move |at| level(row, at))).collect()
}

/// The channels of each pixel together, where they are stored one after another.
fn together<L: Copy>(levels: Vec<L>, planes: usize) -> Vec<L> {
    if planes == 1 {
        return levels;
    }
    let length = levels.len() / planes;
    (0..length)
        .flat_map(|at| (0..planes).map(move |plane| plane * length + at))
        .map(|at| levels[at])
        .collect()
}

/// Ink becomes light; colours that were multiplied by their opacity are divided by it.
fn finish<L>(mut levels: Vec<L>, header: &Header, premultiplied: bool) -> Vec<L>
where
    L: Level + Into<u64> + TryFrom<u64>,
{
    let white: u64 = L::from_f32(L::WHITE).into();
    let samples = header.mode.samples();
    match header.mode {
        ColorMode::Cmyk => convert::rgb_of_ink(&levels),
        ColorMode::GreyAlpha | ColorMode::Rgba if premultiplied => {
            for pixel in levels.chunks_exact_mut(samples) {
                if let Some((&mut alpha, colours)) = pixel.split_last_mut() {
                    for colour in colours {
                        let full = ((*colour).into() * white).checked_div(alpha.into()).unwrap_or(0);
                        *colour = L::try_from(full.min(white)).unwrap_or(*colour);
                    }
                }
            }
            levels
        }
        _ => levels,
    }
}

/// The orientation that EXIF data ask for; upright where they say nothing that can be read.
pub(super) fn exif_orientation(exif: &[u8]) -> Orientation {
    Directory::first(exif).map_or(Orientation::Upright, |directory| orientation(&directory))
}

fn orientation(directory: &Directory<'_>) -> Orientation {
    let number = directory.number(ORIENTATION).ok().flatten();
    let number = number.and_then(|number| u16::try_from(number).ok());
    number.and_then(Orientation::from_exif).unwrap_or_default()
}

/// A list of tagged values.
#[derive(Debug, Clone, Copy)]
struct Directory<'a> {
    file: &'a [u8],
    order: Order,
    /// With offsets and counts of 64 bits.
    wide: bool,
    /// Where the entries begin, and their bytes.
    start: usize,
    entries: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    LeastFirst,
    MostFirst,
}

impl Order {
    fn number(self, bytes: &[u8]) -> u64 {
        let join = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        match self {
            Self::LeastFirst => bytes.iter().rev().fold(0, join),
            Self::MostFirst => bytes.iter().fold(0, join),
        }
    }
}

impl<'a> Directory<'a> {
    /// The first directory of a file; `None` where it is not in it.
    fn first(file: &'a [u8]) -> Option<Self> {
        let order = match file.get(..2)? {
            b"II" => Order::LeastFirst,
            b"MM" => Order::MostFirst,
            _ => return None,
        };
        let wide = match order.number(file.get(2..4)?) {
            42 => false,
            43 => true,
            _ => return None,
        };
        let (at, count_bytes) = if wide { (file.get(8..16)?, 8) } else { (file.get(4..8)?, 2) };
        let at = usize::try_from(order.number(at)).ok()?;
        let start = at.checked_add(count_bytes)?;
        let count = usize::try_from(order.number(file.get(at..start)?)).ok()?;
        let length = count.checked_mul(if wide { 20 } else { 12 })?;
        let entries = file.get(start..start.checked_add(length)?)?;
        Some(Self { file, order, wide, start, entries })
    }

    /// Where in the file the entry of a tag begins, and its bytes.
    fn find(&self, tag: u16) -> Option<(usize, &'a [u8])> {
        let length = if self.wide { 20 } else { 12 };
        let mut entries = self.entries.chunks_exact(length).enumerate();
        let is_it = |entry: &[u8]| self.order.number(&entry[..2]) == u64::from(tag);
        entries.find(|(_, entry)| is_it(entry)).map(|(at, entry)| (self.start + at * length, entry))
    }

    /// Whether no tag of the standard claims more values than the file has bytes: the decoder makes room for all of them.
    /// Tags of programs, from 32768 on, are not read.
    fn claims_what_is_there(&self) -> bool {
        let (length, count) = if self.wide { (20, 4..12) } else { (12, 4..8) };
        self.entries.chunks_exact(length).all(|entry| {
            self.order.number(&entry[..2]) >= 32768
                || self.order.number(&entry[count.clone()]) <= self.file.len() as u64
        })
    }

    /// The file with the places in its palette as levels of grey: the decoder knows no palettes.
    fn as_grey(&self) -> Result<Cow<'a, [u8]>, Problem> {
        let (at, entry) =
            self.find(PHOTOMETRIC).ok_or("the TIFF header does not say what its numbers mean")?;
        let mut file = self.file.to_vec();
        let field = at + if self.wide { 12 } else { 8 };
        let length = if self.order.number(&entry[2..4]) == 4 { 4 } else { 2 };
        let field = file.get_mut(field..field + length).ok_or(CUT)?;
        field.fill(0);
        // Black is 0.
        let one = if self.order == Order::LeastFirst { field.first_mut() } else { field.last_mut() };
        if let Some(one) = one {
            *one = 1;
        }
        Ok(Cow::Owned(file))
    }

    /// The whole numbers of a tag; `None` where there is no such tag.
    fn numbers(&self, tag: u16) -> Result<Option<impl Iterator<Item = u64> + 'a>, Problem> {
        let Some((_, entry)) = self.find(tag) else { return Ok(None) };
        let order = self.order;
        let size = match order.number(&entry[2..4]) {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            kind => return Err(format!("the TIFF header has a value of the unexpected type {kind}").into()),
        };
        let (count, field) = entry[4..].split_at(if self.wide { 8 } else { 4 });
        let length = order.number(count).checked_mul(size).and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(CUT)?;
        let values = match field.get(..length) {
            Some(inside) => inside,
            None => {
                let at = usize::try_from(order.number(field)).map_err(|_| CUT)?;
                self.file.get(at..at.checked_add(length).ok_or(CUT)?).ok_or(CUT)?
            }
        };
        Ok(Some(values.chunks_exact(size as usize).map(move |bytes| order.number(bytes))))
    }

    /// The first number of a tag.
    fn number(&self, tag: u16) -> Result<Option<u64>, Problem> {
        Ok(self.numbers(tag)?.and_then(|mut numbers| numbers.next()))
    }
}
