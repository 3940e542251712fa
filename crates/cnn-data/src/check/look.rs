//! A look at one file: is it a whole picture, and what are its sums and figures.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::near::Thumbnail;
use crate::decode::{Decoder, ImageInfo};
use crate::sources::file;
use crate::{Error, Image, Pixels, Resize, ResizeMode, Result, Size};

/// What a file is.
#[derive(Debug)]
pub(super) enum Looked {
    Picture(Box<Picture>),
    Empty,
    Truncated(String),
    Unreadable(String),
}

/// What is kept of a picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) info: ImageInfo,
    /// Of the upright picture.
    pub(super) size: Size,
    /// SHA-256 of the file.
    pub(super) bytes: [u8; 32],
    /// SHA-256 of size, channels, depth and levels.
    pub(super) pixels: [u8; 32],
    pub(super) thumbnail: Thumbnail,
    /// Mean luma, 0 to 255.
    pub(super) mean: f64,
    /// Standard deviation of the luma.
    pub(super) deviation: f64,
    /// The luma that 5 % are below, and that 5 % are above.
    pub(super) percentiles: [usize; 2],
    /// Variance of the Laplacian over the variance of the luma, at a longest side of at most 256.
    pub(super) sharpness: f64,
}

/// Sharpness is measured on pictures no longer than this, so that a large one is not taken for a blurred one.
const SIDE: usize = 256;

pub(super) fn look(path: &Path, decoder: &Decoder) -> Looked {
    let looked = catch_unwind(AssertUnwindSafe(|| picture(path, decoder)));
    match looked {
        Ok(Ok(Some(picture))) => Looked::Picture(Box::new(picture)),
        Ok(Ok(None)) => Looked::Empty,
        Ok(Err(Error::Malformed { problem, .. })) if problem.contains("cut short") => {
            Looked::Truncated(problem)
        }
        Ok(Err(Error::Malformed { problem, .. })) => Looked::Unreadable(problem),
        Ok(Err(Error::Io { source, .. })) => Looked::Unreadable(format!("cannot be read: {source}")),
        Ok(Err(error)) => Looked::Unreadable(error.to_string()),
        Err(_) => Looked::Unreadable("the decoder failed on it".to_owned()),
    }
}

fn picture(path: &Path, decoder: &Decoder) -> Result<Option<Picture>> {
    let file = file::read(path, decoder.most_file_bytes)?;
    if file.is_empty() {
        return Ok(None);
    }
    let info = decoder.inspect(&file, path)?;
    let bytes = Sha256::digest(&file).into();
    let image = decoder.decode(&file, path)?;
    drop(file);
    let size = image.size();
    let pixels = sum(&image);
    let grey = grey(image)?;
    let levels = luma(&grey);
    let mut histogram = [0u64; 256];
    levels.iter().for_each(|&level| histogram[usize::from(level)] += 1);
    let (mean, deviation) = moments(&histogram);
    let all = levels.len() as u64;
    let percentile = |share: f64| {
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        histogram
            .iter()
            .position(|&count| {
                seen += count;
                seen >= wanted
            })
            .unwrap_or(255)
    };
    let percentiles = [percentile(0.05), percentile(0.95)];
    let small = shrunk(&grey)?;
    Ok(Some(Picture {
        info,
        size,
        bytes,
        pixels,
        thumbnail: Thumbnail::of(&grey)?,
        mean,
        deviation,
        percentiles,
        sharpness: sharpness(&small),
    }))
}

/// SHA-256 of what was decoded.
fn sum(image: &Image) -> [u8; 32] {
    let mut sum = Sha256::new();
    for number in [image.height(), image.width(), image.channels()] {
        sum.update((number as u64).to_le_bytes());
    }
    match image.pixels() {
        Pixels::U8(levels) => {
            sum.update([8]);
            sum.update(levels);
        }
        Pixels::U16(levels) => {
            sum.update([16]);
            for part in levels.chunks(4096) {
                let bytes: Vec<u8> = part.iter().flat_map(|level| level.to_le_bytes()).collect();
                sum.update(bytes);
            }
        }
    }
    sum.finalize().into()
}

/// One channel of 8 bits.
fn grey(image: Image) -> Result<Image> {
    let grey = image.with_channels(1)?;
    match grey.pixels() {
        Pixels::U8(_) => Ok(grey),
        Pixels::U16(levels) => {
            let levels = levels.iter().map(|level| (level >> 8) as u8).collect();
            Image::from_u8(grey.size(), 1, levels)
        }
    }
}

/// The levels of a picture of 8 bits.
pub(super) fn luma(grey: &Image) -> &[u8] {
    match grey.pixels() {
        Pixels::U8(levels) => levels,
        Pixels::U16(_) => &[],
    }
}

fn moments(histogram: &[u64; 256]) -> (f64, f64) {
    let count = histogram.iter().sum::<u64>().max(1) as f64;
    let sum = |of: fn(f64) -> f64| -> f64 {
        histogram.iter().enumerate().map(|(level, &count)| of(level as f64) * count as f64).sum()
    };
    let mean = sum(|level| level) / count;
    (mean, (sum(|level| level * level) / count - mean * mean).max(0.0).sqrt())
}

fn shrunk(grey: &Image) -> Result<Image> {
    let Size { height, width } = grey.size();
    let longest = height.max(width);
    if longest <= SIDE {
        return Ok(grey.clone());
    }
    let side = |length: usize| (length * SIDE / longest).max(1);
    Resize::new(Size::new(side(height), side(width)), ResizeMode::Stretch).resize(grey)
}

/// Variance of the Laplacian over the variance of the levels; 1 where there is too little to tell.
fn sharpness(grey: &Image) -> f64 {
    let (height, width, levels) = (grey.height(), grey.width(), luma(grey));
    if height < 3 || width < 3 {
        return 1.0;
    }
    let (mut sums, mut squares, mut count) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let at = |y: usize, x: usize| f64::from(levels[y * width + x]);
            let middle = at(y, x);
            let laplacian = at(y - 1, x) + at(y + 1, x) + at(y, x - 1) + at(y, x + 1) - 4.0 * middle;
            for (place, value) in [middle, laplacian].into_iter().enumerate() {
                sums[place] += value;
                squares[place] += value * value;
            }
            count += 1.0;
        }
    }
    let variance = |place: usize| (squares[place] / count - (sums[place] / count).powi(2)).max(0.0);
    if variance(0) < 1.0 { 1.0 } else { variance(1) / variance(0) }
}
