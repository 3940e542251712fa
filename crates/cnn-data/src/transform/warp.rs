//! Bilinear sampling of a picture along an affine map: the inner loop of geometric augmentation.
//!
//! Each target pixel asks the inverse map where it comes from and blends the four source pixels around that
//! place. The source is first copied into a frame of the fill; a place outside is moved to the frame, so that the
//! loops have no case for the rim. Places are worked out some pixels at a time, apart from the blending, because
//! that part then compiles to vector instructions.

use super::Affine;
use crate::image::Size;
use crate::level::Level;

/// Pixels of fill on each side: places are moved to at most one pixel outside, and blending reads one further.
const FRAME: usize = 2;

/// Pixels whose places are worked out together.
const BLOCK: usize = 32;

/// The picture whose pixel at `p` is the source's at `inverse(p)`; `fill` is the share of white outside.
pub(super) fn warp<L: Level>(
    source: &[L],
    size: Size,
    channels: usize,
    inverse: &Affine,
    fill: f32,
) -> Vec<L> {
    let framed = Framed::new(source, size, channels, L::from_share(fill).to_f32());
    let mut target = vec![L::default(); source.len()];
    let mut blended = vec![0.0; size.width * channels];
    for (row, line) in target.chunks_exact_mut(size.width * channels).enumerate() {
        // Written out for grey and colour, so that the loop over channels is unrolled.
        match channels {
            1 => framed.blend_line(row, inverse, 1, &mut blended),
            3 => framed.blend_line(row, inverse, 3, &mut blended),
            _ => framed.blend_line(row, inverse, channels, &mut blended),
        }
        for (level, &value) in line.iter_mut().zip(&blended) {
            *level = L::from_f32(value);
        }
    }
    target
}

/// A picture within a frame of a single level.
struct Framed {
    levels: Vec<f32>,
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

impl Framed {
    fn new<L: Level>(source: &[L], size: Size, channels: usize, fill: f32) -> Self {
        let pitch = (size.width + 2 * FRAME) * channels;
        let mut levels = vec![fill; (size.height + 2 * FRAME) * pitch];
        let lines = levels.chunks_exact_mut(pitch).skip(FRAME);
        for (line, source) in lines.zip(source.chunks_exact(size.width * channels)) {
            for (target, level) in line[FRAME * channels..].iter_mut().zip(source) {
                *target = level.to_f32();
            }
        }
        Self { levels, size, pitch }
    }

    /// Blends a row of the target.
    #[inline(always)]
    fn blend_line(&self, row: usize, inverse: &Affine, channels: usize, line: &mut [f32]) {
        for (block, pixels) in line.chunks_mut(BLOCK * channels).enumerate() {
            let places = self.places(row, block * BLOCK, inverse);
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

    /// Where the pixels of a row from a column on come from.
    #[inline(always)]
    fn places(&self, row: usize, column: usize, inverse: &Affine) -> Places {
        let mut places = Places { corner: [0; BLOCK], across: [0.0; BLOCK], down: [0.0; BLOCK] };
        let ([a, b, c], [d, e, f]) = (inverse.x, inverse.y);
        let y = row as f32 + 0.5;
        // From centres of pixels to their indices is half a pixel less; the frame adds its own.
        let shift = FRAME as f32 - 0.5;
        let (x_start, y_start) = (b * y + c + shift, e * y + f + shift);
        let (right, bottom) = ((self.size.width + FRAME) as f32, (self.size.height + FRAME) as f32);
        let nearest = (FRAME - 1) as f32;
        let width = (self.size.width + 2 * FRAME) as i32;
        for at in 0..BLOCK {
            let x = (column + at) as f32 + 0.5;
            let place_x = (a * x + x_start).max(nearest).min(right);
            let place_y = (d * x + y_start).max(nearest).min(bottom);
            let (left, above) = (place_x as i32, place_y as i32);
            places.corner[at] = above.wrapping_mul(width).wrapping_add(left) as u32;
            places.across[at] = place_x - left as f32;
            places.down[at] = place_y - above as f32;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    proptest! {
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
            for (met, expected) in warp(&source, size, channels, &map, fill).iter().zip(expected) {
                prop_assert!((f64::from(*met) - expected).abs() < 8.0, "{met} {expected}");
            }
        }
    }

    #[test]
    fn places_beyond_every_number_are_fill() {
        let map = Affine { x: [f32::INFINITY, 0.0, f32::NAN], y: [0.0, f32::MAX, f32::MAX] };
        assert_eq!(warp(&[1u8, 2, 3, 4], Size::new(2, 2), 1, &map, 1.0), [255; 4]);
    }
}
