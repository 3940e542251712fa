//! Sampling of a picture at places that a map gives: the inner loop of every warp.
//!
//! Each target pixel asks the map where it comes from and takes the nearest source pixel, or blends the four around
//! that place. The source is first copied into a frame of the fill; a place outside is moved to the frame, so that the
//! loops have no case for the rim. Places are worked out some pixels at a time, apart from the blending, because
//! that part then compiles to vector instructions.
//!
//! A pixel at the rim is blended with the fill beside it. torchvision does so with zeros beside the picture, and then
//! blends the fill in by the same share again, which darkens or brightens the rim.

use serde::{Deserialize, Serialize};

use crate::image::{Image, Size};
use crate::level::{Level, each_depth};
use crate::{Error, Result};

/// Most pixels of a picture that is warped: their places are counted in 32 bits.
const MOST_PIXELS: usize = 1 << 28;

/// Longest side of a picture that is warped: places keep a bit behind the point.
const LONGEST_SIDE: usize = 1 << 22;

/// Pixels of fill on each side: places are moved to at most one pixel outside, and blending reads one further.
const FRAME: usize = 2;

/// Pixels whose places are worked out together.
pub(super) const BLOCK: usize = 32;

/// How levels between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Interpolation {
    /// The level of the pixel in which the place lies.
    #[default]
    Nearest,
    /// A blend of the four pixels around the place.
    Bilinear,
}

/// How a warp makes levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Sampling {
    /// The nearest pixel, and black where nothing came from.
    pub fn nearest() -> Self {
        Self { interpolation: Interpolation::Nearest, fill: 0.0 }
    }

    /// A blend of four pixels, and black where nothing came from.
    pub fn bilinear() -> Self {
        Self { interpolation: Interpolation::Bilinear, fill: 0.0 }
    }

    /// The same with another level where nothing came from, as a share of white.
    #[must_use]
    pub fn fill(self, fill: f32) -> Self {
        Self { fill, ..self }
    }
}

/// Where the pixels of a warped picture come from.
pub(super) trait Map {
    /// x and y in the source of the pixels of a row from a column on. Those past the row's end are not looked at.
    fn places(&self, row: usize, column: usize) -> [[f32; BLOCK]; 2];
}

/// A picture of size `to` whose pixels come from where the map says.
pub(super) fn warped(
    operation: &'static str,
    image: &Image,
    to: Size,
    map: &impl Map,
    sampling: Sampling,
) -> Result<Image> {
    let (from, channels) = (image.size(), image.channels());
    for size in [from, to] {
        if size.pixels().is_none_or(|pixels| pixels > MOST_PIXELS) {
            let problem = format!("a picture of {size} pixels, expected at most 2^28");
            return Err(Error::image(operation, problem));
        }
        if size.height.max(size.width) > LONGEST_SIDE {
            let problem = format!("a picture of {size} pixels, expected sides of at most 2^22");
            return Err(Error::image(operation, problem));
        }
    }
    if to.pixels() == Some(0) {
        return Err(Error::image(operation, format!("a picture of {to} pixels, expected at least one")));
    }
    let pixels = each_depth!(image.pixels(), levels => warp(levels, [from, to], channels, map, sampling));
    Image::new(to, channels, pixels)
}

/// The levels of the picture of the second size whose pixels come from places of the first.
fn warp<L: Level>(
    source: &[L],
    [from, to]: [Size; 2],
    channels: usize,
    map: &impl Map,
    sampling: Sampling,
) -> Vec<L> {
    let fill = L::from_share(sampling.fill);
    let mut target = vec![L::default(); to.height * to.width * channels];
    let lines = target.chunks_exact_mut(to.width * channels).enumerate();
    // Written out for grey and colour, so that the loops over channels are unrolled.
    match sampling.interpolation {
        Interpolation::Nearest => {
            let framed = Framed::new(source, from, channels, fill, |level| level);
            for (row, line) in lines {
                match channels {
                    1 => framed.pick_line(row, map, 1, line),
                    3 => framed.pick_line(row, map, 3, line),
                    _ => framed.pick_line(row, map, channels, line),
                }
            }
        }
        Interpolation::Bilinear => {
            let framed = Framed::new(source, from, channels, fill.to_f32(), L::to_f32);
            let mut made = vec![0.0; to.width * channels];
            for (row, line) in lines {
                match channels {
                    1 => framed.blend_line(row, map, 1, &mut made),
                    3 => framed.blend_line(row, map, 3, &mut made),
                    _ => framed.blend_line(row, map, channels, &mut made),
                }
                for (level, &value) in line.iter_mut().zip(&made) {
                    *level = L::from_f32(value);
                }
            }
        }
    }
    target
}

/// A picture within a frame of a single level.
struct Framed<T> {
    levels: Vec<T>,
    /// Of the picture, without the frame.
    size: Size,
    /// Levels of a row, with the frame.
    pitch: usize,
}

/// Where some neighbouring target pixels come from.
struct Places {
    /// Index in the frame of the pixel above and left of the place, counted in pixels.
    corner: [u32; BLOCK],
    /// How far the place is right of that pixel and below it, from 0 to 1.
    across: [f32; BLOCK],
    down: [f32; BLOCK],
}

impl<T: Copy> Framed<T> {
    fn new<L: Level>(source: &[L], size: Size, channels: usize, fill: T, converted: impl Fn(L) -> T) -> Self {
        let pitch = (size.width + 2 * FRAME) * channels;
        let mut levels = vec![fill; (size.height + 2 * FRAME) * pitch];
        let lines = levels.chunks_exact_mut(pitch).skip(FRAME);
        for (line, source) in lines.zip(source.chunks_exact(size.width * channels)) {
            for (target, &level) in line[FRAME * channels..].iter_mut().zip(source) {
                *target = converted(level);
            }
        }
        Self { levels, size, pitch }
    }

    /// Copies the nearest pixels into a row of the target.
    #[inline(always)]
    fn pick_line(&self, row: usize, map: &impl Map, channels: usize, line: &mut [T]) {
        for (block, pixels) in line.chunks_mut(BLOCK * channels).enumerate() {
            let places = self.places(map.places(row, block * BLOCK), FRAME as f32);
            for (pixel, &corner) in pixels.chunks_exact_mut(channels).zip(&places.corner) {
                let corner = corner as usize * channels;
                pixel.copy_from_slice(&self.levels[corner..corner + channels]);
            }
        }
    }

    /// Places in the frame, to which `shift` is added; those outside it are moved to its inner rim.
    #[inline(always)]
    fn places(&self, [x, y]: [[f32; BLOCK]; 2], shift: f32) -> Places {
        let mut places = Places { corner: [0; BLOCK], across: [0.0; BLOCK], down: [0.0; BLOCK] };
        let (right, bottom) = ((self.size.width + FRAME) as f32, (self.size.height + FRAME) as f32);
        let nearest = (FRAME - 1) as f32;
        let width = (self.size.width + 2 * FRAME) as u32;
        for at in 0..BLOCK {
            // What is no number becomes the rim.
            let place_x = (x[at] + shift).max(nearest).min(right);
            let place_y = (y[at] + shift).max(nearest).min(bottom);
            let ((left, across), (above, down)) = (parts(place_x), parts(place_y));
            places.corner[at] = above.wrapping_mul(width).wrapping_add(left);
            places.across[at] = across;
            places.down[at] = down;
        }
        places
    }
}

impl Framed<f32> {
    /// Blends a row of the target.
    #[inline(always)]
    fn blend_line(&self, row: usize, map: &impl Map, channels: usize, line: &mut [f32]) {
        for (block, pixels) in line.chunks_mut(BLOCK * channels).enumerate() {
            // From places to indices of pixels is half a pixel less.
            let places = self.places(map.places(row, block * BLOCK), FRAME as f32 - 0.5);
            for (at, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
                let corner = places.corner[at] as usize * channels;
                let above = &self.levels[corner..corner + 2 * channels];
                let below = &self.levels[corner + self.pitch..corner + self.pitch + 2 * channels];
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let mix = |line: &[f32]| {
                        line[channel] + (line[channels + channel] - line[channel]) * places.across[at]
                    };
                    let (above, below) = (mix(above), mix(below));
                    *value = above + (below - above) * places.down[at];
                }
            }
        }
    }
}

/// The whole part of a number from 1 to 2^23 - 1, and what is behind the point.
///
/// A conversion has to look at numbers that do not fit, which is no vector code on older processors. Here 2^23 is added,
/// where neighbouring numbers are 1 apart, so that the last bits are the nearest whole number.
#[inline(always)]
fn parts(value: f32) -> (u32, f32) {
    const BITS: u32 = 23;
    let shifted = value + (1 << BITS) as f32;
    let nearest = shifted - (1 << BITS) as f32;
    let over = nearest > value;
    let whole = (shifted.to_bits() & ((1 << BITS) - 1)).wrapping_sub(u32::from(over));
    (whole, value - nearest + f32::from(u8::from(over)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::Affine;

    /// The plain version, in double precision: for each target pixel, four source pixels or the fill.
    fn reference(source: &[u16], size: Size, channels: usize, inverse: &Affine, fill: f32) -> Vec<f64> {
        let fill = f64::from(u16::from_share(fill));
        let tap = |row: f64, column: f64, channel: usize| {
            let inside =
                (0.0..size.height as f64).contains(&row) && (0.0..size.width as f64).contains(&column);
            let index = |row: usize, column: usize| (row * size.width + column) * channels + channel;
            if inside { f64::from(source[index(row as usize, column as usize)]) } else { fill }
        };
        let mut target = Vec::new();
        for row in 0..size.height {
            for column in 0..size.width {
                let at = [column as f64 + 0.5, row as f64 + 0.5];
                let [x, y] = [inverse.x, inverse.y]
                    .map(|[p, q, r]| f64::from(p) * at[0] + f64::from(q) * at[1] + f64::from(r) - 0.5);
                let (across, down) = (x - x.floor(), y - y.floor());
                for channel in 0..channels {
                    let line = |row: f64| {
                        tap(row, x.floor(), channel) * (1.0 - across)
                            + tap(row, x.floor() + 1.0, channel) * across
                    };
                    target.push(line(y.floor()) * (1.0 - down) + line(y.floor() + 1.0) * down);
                }
            }
        }
        target
    }

    #[test]
    fn parts_at_the_ends_of_their_range() {
        let large = ((1 << 22) + 2) as f32;
        for (value, parted) in [(1.0, (1, 0.0)), (1.5, (1, 0.5)), (2.5, (2, 0.5)), (large, (4_194_306, 0.0))]
        {
            assert_eq!(parts(value), parted);
        }
    }

    proptest! {
        #[test]
        fn parts_are_those_of_a_conversion(value in 1.0f32..8_388_607.0) {
            let whole = value as u32;
            prop_assert_eq!(parts(value), (whole, value - whole as f32));
        }

        #[test]
        fn the_fast_loop_agrees_with_the_plain_one(
            (height, width, channels) in (1usize..12, 1usize..80, 1usize..5),
            (x, y) in (prop::array::uniform3(-2.0f32..2.0), prop::array::uniform3(-2.0f32..2.0)),
            fill in 0.0f32..1.0,
        ) {
            let size = Size::new(height, width);
            // Smooth, so that the single precision of the places moves no level by much.
            let level = |at: usize| (20_000.0 + 9_000.0 * (at as f64 * 0.37 / channels as f64).sin()) as u16;
            let source: Vec<u16> = (0..height * width * channels).map(level).collect();
            let map = Affine { x: [x[0], x[1], x[2] * 20.0], y: [y[0], y[1], y[2] * 5.0] };
            let expected = reference(&source, size, channels, &map, fill);
            let met = warp(&source, [size; 2], channels, &map, Sampling::bilinear().fill(fill));
            for (met, expected) in met.iter().zip(expected) {
                prop_assert!((f64::from(*met) - expected).abs() < 8.0, "{met} {expected}");
            }
        }
    }

    #[test]
    fn places_beyond_every_number_are_fill() {
        let map = Affine { x: [f32::INFINITY, 0.0, f32::NAN], y: [0.0, f32::MAX, f32::MAX] };
        for sampling in [Sampling::bilinear(), Sampling::nearest()] {
            let levels = warp(&[1u8, 2, 3, 4], [Size::new(2, 2); 2], 1, &map, sampling.fill(1.0));
            assert_eq!(levels, [255; 4]);
        }
    }

    #[test]
    fn the_nearest_pixel_is_the_one_that_the_place_lies_in() {
        let size = Size::new(2, 3);
        let pick = |map: &Affine, to: Size| {
            warp(&[1u16, 2, 3, 4, 5, 6], [size, to], 1, map, Sampling::nearest().fill(1.0))
        };
        assert_eq!(pick(&Affine::IDENTITY, size), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pick(&Affine::translation(0.4, -0.4), size), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pick(&Affine::translation(0.6, 0.0), size), [2, 3, u16::MAX, 5, 6, u16::MAX]);
        assert_eq!(pick(&Affine::scale(0.5), Size::new(1, 6)), [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn pictures_whose_places_cannot_be_counted_are_refused() {
        let image = Image::from_u8(Size::new(1, 1), 1, vec![0]).unwrap();
        let apply = |to| warped("a", &image, to, &Affine::IDENTITY, Sampling::nearest());
        assert!(apply(Size::new(1 << 15, 1 << 14)).is_err());
        assert!(apply(Size::new(0, 5)).is_err());
        assert!(apply(Size::new(1, (1 << 22) + 1)).is_err());
    }
}
