//! Resampling: each pixel of the new picture is a weighted mean of those around its place in the old one.
//!
//! The filter widens as the picture shrinks, so that nothing is skipped (antialiasing). Windows, weights and their
//! rounding are those of Pillow's `resize`: rows first, then columns, with 8 bits between both, weights of 8-bit
//! levels as whole numbers of 22 bits after the point, those of 16-bit levels as `f64`. The sums of 8 bits are of whole
//! numbers, and those of 16 bits are added in one order, so that every processor gives the same bits.
//!
//! That is Pillow up to version 12, and what published weights were trained with. Pillow 13 takes columns first where
//! the height shrinks much more than the width: bilinear levels then differ by 1 at most, bicubic ones by more where an
//! overshoot beyond black or white was cut off in between.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::image::{Image, Size};
use crate::level::{Level, each_depth};

/// How levels between pixels are made when a picture is resized. Both filters widen as it shrinks (antialiased).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResizeFilter {
    /// The level of the pixel in which the place lies.
    Nearest,
    /// A triangle: the mean of the pixels nearby, by their distance.
    #[default]
    Bilinear,
    /// The cubic of Keys ("Cubic convolution interpolation for digital image processing", 1981), a = -0.5: sharper.
    Bicubic,
}

impl ResizeFilter {
    /// How far the filter reaches when a picture grows.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// The whole picture at another size.
pub(crate) fn resample(image: &Image, to: Size, filter: ResizeFilter) -> Result<Image> {
    let (from, channels) = (image.size(), image.channels());
    if from == to {
        return Ok(image.clone());
    }
    // Rows go first, which makes a picture of the new width and the old height; where that would be far larger than
    // both ends, columns do.
    let between = from.height.saturating_mul(to.width);
    let ends = (from.width * from.height).max(to.width * to.height);
    if between > ends.saturating_mul(4) && from.height != to.height {
        return resample(&resample(image, Size::new(to.height, from.width), filter)?, to, filter);
    }
    let pixels = each_depth!(image.pixels(), levels => {
        if filter == ResizeFilter::Nearest {
            nearest(levels, from, channels, to)
        } else {
            let wide = (from.width != to.width)
                .then(|| rows(levels, channels, from.width, &Windows::new(from.width, to.width, filter)));
            let wide = wide.as_deref().unwrap_or(levels);
            if from.height == to.height {
                wide.to_vec()
            } else {
                columns(wide, to.width * channels, &Windows::new(from.height, to.height, filter))
            }
        }
    });
    Image::new(to, channels, pixels)
}

/// A level that can be averaged.
trait Mean: Level {
    type Weight: Copy;
    type Sum: Copy;
    /// What a sum begins with, so that its whole part is rounded.
    const START: Self::Sum;

    fn weight(weight: f64) -> Self::Weight;
    fn add(sum: Self::Sum, level: Self, weight: Self::Weight) -> Self::Sum;
    fn level(sum: Self::Sum) -> Self;
}

/// Bits after the point of a weight: a sum of 8-bit levels with weights up to twice white fits into 32 bits.
const POINT: u32 = 22;

impl Mean for u8 {
    type Weight = i32;
    type Sum = i32;
    const START: i32 = 1 << (POINT - 1);

    fn weight(weight: f64) -> i32 {
        (weight * f64::from(1 << POINT)).round() as i32
    }

    #[inline(always)]
    fn add(sum: i32, level: Self, weight: i32) -> i32 {
        sum.wrapping_add(i32::from(level).wrapping_mul(weight))
    }

    #[inline(always)]
    fn level(sum: i32) -> Self {
        (sum >> POINT).clamp(0, 255) as Self
    }
}

impl Mean for u16 {
    type Weight = f64;
    type Sum = f64;
    const START: f64 = 0.5;

    fn weight(weight: f64) -> f64 {
        weight
    }

    #[inline(always)]
    fn add(sum: f64, level: Self, weight: f64) -> f64 {
        sum + f64::from(level) * weight
    }

    #[inline(always)]
    fn level(sum: f64) -> Self {
        sum as Self
    }
}

/// For each place along a side of the new picture, the pixels of the old one that it is made of, and their weights.
struct Windows {
    ranges: Vec<Range<usize>>,
    /// As many for each place as the widest window needs.
    weights: Vec<f64>,
    widest: usize,
}

impl Windows {
    fn new(from: usize, to: usize, filter: ResizeFilter) -> Self {
        let scale = from as f64 / to as f64;
        let widening = scale.max(1.0);
        let support = filter.support() * widening;
        let widest = support.ceil() as usize * 2 + 1;
        let mut weights = vec![0.0; to * widest];
        let ranges = weights.chunks_exact_mut(widest).enumerate();
        let ranges = ranges.map(|(at, weights)| {
            let centre = (at as f64 + 0.5) * scale;
            // A negative number becomes 0.
            let start = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(from).max(start);
            let mut sum = 0.0;
            for (weight, pixel) in weights.iter_mut().zip(start..end) {
                *weight = filter.weight((pixel as f64 - centre + 0.5) * (1.0 / widening));
                sum += *weight;
            }
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            start..end
        });
        let ranges = ranges.collect();
        Self { ranges, weights, widest }
    }

    /// The windows with the weights of a depth.
    fn weights<L: Mean>(&self) -> Vec<L::Weight> {
        self.weights.iter().map(|&weight| L::weight(weight)).collect()
    }
}

/// Each row at its new width.
fn rows<L: Mean>(levels: &[L], channels: usize, width: usize, windows: &Windows) -> Vec<L> {
    let weights = windows.weights::<L>();
    let mut target = vec![L::default(); levels.len() / width * windows.ranges.len()];
    let lines = levels.chunks_exact(width * channels);
    for (line, target) in lines.zip(target.chunks_exact_mut(windows.ranges.len() * channels)) {
        match channels {
            1 => row::<L, 1>(line, target, windows, &weights),
            2 => row::<L, 2>(line, target, windows, &weights),
            3 => row::<L, 3>(line, target, windows, &weights),
            4 => row::<L, 4>(line, target, windows, &weights),
            _ => row_of_many(line, target, windows, &weights, channels),
        }
    }
    target
}

fn row<L: Mean, const CHANNELS: usize>(
    line: &[L],
    target: &mut [L],
    windows: &Windows,
    weights: &[L::Weight],
) {
    let line = line.as_chunks::<CHANNELS>().0;
    let places = windows.ranges.iter().zip(weights.chunks_exact(windows.widest));
    for (target, (range, weights)) in target.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(places) {
        let mut sums = [L::START; CHANNELS];
        for (pixel, &weight) in line[range.clone()].iter().zip(weights) {
            for (sum, &level) in sums.iter_mut().zip(pixel) {
                *sum = L::add(*sum, level, weight);
            }
        }
        *target = sums.map(L::level);
    }
}

fn row_of_many<L: Mean>(
    line: &[L],
    target: &mut [L],
    windows: &Windows,
    weights: &[L::Weight],
    channels: usize,
) {
    let mut sums = vec![L::START; channels];
    let places = windows.ranges.iter().zip(weights.chunks_exact(windows.widest));
    for (target, (range, weights)) in target.chunks_exact_mut(channels).zip(places) {
        sums.fill(L::START);
        let pixels = line[range.start * channels..range.end * channels].chunks_exact(channels);
        for (pixel, &weight) in pixels.zip(weights) {
            for (sum, &level) in sums.iter_mut().zip(pixel) {
                *sum = L::add(*sum, level, weight);
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = L::level(sum);
        }
    }
}

/// The columns at their new height; a row has `length` levels.
fn columns<L: Mean>(levels: &[L], length: usize, windows: &Windows) -> Vec<L> {
    let weights = windows.weights::<L>();
    let mut target = vec![L::default(); windows.ranges.len() * length];
    let mut sums = vec![L::START; length];
    let places = windows.ranges.iter().zip(weights.chunks_exact(windows.widest));
    for (target, (range, weights)) in target.chunks_exact_mut(length).zip(places) {
        sums.fill(L::START);
        let lines = levels[range.start * length..range.end * length].chunks_exact(length);
        for (line, &weight) in lines.zip(weights) {
            for (sum, &level) in sums.iter_mut().zip(line) {
                *sum = L::add(*sum, level, weight);
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = L::level(sum);
        }
    }
    target
}

/// Each pixel from the one in which its middle lies.
fn nearest<L: Level>(levels: &[L], from: Size, channels: usize, to: Size) -> Vec<L> {
    // Places are added up, as Pillow does: one that lies on the line between two pixels goes to the side that this
    // rounds to.
    let places = |from: usize, to: usize| {
        let step = from as f64 / to as f64;
        let places = std::iter::successors(Some(step * 0.5), move |place| Some(place + step));
        places.take(to).map(move |place| (place as usize).min(from - 1))
    };
    let columns: Vec<usize> = places(from.width, to.width).map(|column| column * channels).collect();
    let mut target = Vec::with_capacity(to.height * to.width * channels);
    for row in places(from.height, to.height) {
        let start = row * from.width * channels;
        let line = &levels[start..start + from.width * channels];
        for &column in &columns {
            target.extend_from_slice(&line[column..column + channels]);
        }
    }
    target
}
