//! Forward pass and input gradient: each target pixel is a sum over its taps and the members of its groups.
//!
//! A register tile holds neighbouring pixels of one row and one vector of channels. For each tap and member it loads
//! the weights once, and each pixel's source in the member's order. Sources in the padding are a vector of zeros.
//! The sum of a pixel runs over its taps in the order of their sources, and over members, whichever tile computes it.

use super::super::axis::Phase;
use super::super::pass::Pass;
use super::{MOST_MEMBERS, first_channel, orders};
use crate::simd::{Isa, Kernel, MOST_LANES, choose};

/// Most pixels of a tile: their sums, a vector of weights, an order and what is under way fit sixteen registers.
const TILE: usize = 8;

/// What is read in the padding.
static ZEROS: [f32; MOST_LANES] = [0.0; MOST_LANES];

/// Some rows of the target.
pub(super) struct Rows<'a> {
    /// The pass.
    pub(super) pass: &'a Pass<'a>,
    /// The first row among those of all images.
    pub(super) first_row: usize,
    /// The rows.
    pub(super) target: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let pass = self.pass;
        let &Pass {
            ref vertical,
            ref horizontal,
            targets: [height, width],
            kernel: [k_h, k_w],
            members,
            channels,
            ..
        } = pass;
        let source_row = horizontal.sources * channels;
        assert!(channels >= I::LANES && I::LANES.is_multiple_of(members) && members <= MOST_MEMBERS);
        assert!(pass.weight.len() == k_h * k_w * members * channels);
        assert!(pass.bias.is_none_or(|bias| bias.len() == channels));
        let orders = orders(isa, members);
        for (row, target) in self.target.chunks_exact_mut(width * channels).enumerate() {
            let row = self.first_row + row;
            let image = row / height * vertical.sources * source_row;
            let image = &pass.source[image..][..vertical.sources * source_row];
            let (rows, y) = vertical.find(row % height);
            let start = rows.start(y);
            let inside = rows.inside(start, rows.taps, vertical.sources);
            for (first_column, columns) in horizontal.phases.iter().enumerate() {
                // Tiles of nearly equal size.
                let tiles = columns.count.div_ceil(TILE);
                for index in 0..tiles {
                    let first = index * columns.count / tiles;
                    let pixels = (index + 1) * columns.count / tiles - first;
                    let tile = Tile {
                        pass,
                        columns,
                        start: columns.start(first),
                        row_taps: inside.len(),
                        // Wraps around before a row is inside, which none is then.
                        source: image.as_ptr().wrapping_offset(
                            (start + (inside.start * rows.pitch) as isize) * source_row as isize,
                        ),
                        source_row: rows.pitch * source_row,
                        tap_row: rows.tap as isize + inside.start as isize * rows.tap_step,
                        tap_row_step: rows.tap_step,
                        target: target
                            .as_mut_ptr()
                            .wrapping_add((first_column + first * horizontal.step) * channels),
                        target_step: horizontal.step * channels,
                    };
                    // SAFETY: the axes give rows and columns inside the image and taps inside the kernel, whose sizes the
                    // assertions have shown; the tile's pixels are among those of the phase, columns of this row.
                    unsafe { tile.sized(isa, pixels, &orders) };
                }
            }
        }
    }
}

/// Neighbouring pixels of a phase in one row.
struct Tile<'a> {
    pass: &'a Pass<'a>,
    columns: &'a Phase,
    /// Source of the first pixel and tap, perhaps in the padding.
    start: isize,
    /// Rows of taps that lie inside the image.
    row_taps: usize,
    /// The first of their source rows.
    source: *const f32,
    /// Between source rows.
    source_row: usize,
    /// The first row of taps, in the kernel.
    tap_row: isize,
    /// From one to the next.
    tap_row_step: isize,
    /// The first pixel's place.
    target: *mut f32,
    /// Between pixels of the target.
    target_step: usize,
}

impl Tile<'_> {
    /// Chooses the compiled number of pixels.
    ///
    /// # Safety
    /// As [`Tile::run`], for `pixels` pixels.
    #[inline(always)]
    unsafe fn sized<I: Isa>(&self, isa: I, pixels: usize, orders: &[I::Order; MOST_MEMBERS]) {
        let reach = (pixels - 1) * self.columns.stride + self.columns.taps;
        let inside = self.columns.inside(self.start, reach, self.pass.horizontal.sources) == (0..reach);
        choose!(up to 8, pixels, TILE, P, {
            if inside {
                // SAFETY: passed on from the caller; all columns are inside.
                unsafe { self.run::<I, P, false>(isa, orders) }
            } else {
                // SAFETY: passed on from the caller.
                unsafe { self.run::<I, P, true>(isa, orders) }
            }
        });
    }

    /// Computes all channels of `P` pixels; `CAREFUL` where some of their sources may be in the padding.
    ///
    /// # Safety
    /// The source rows have as many columns as the axis has sources, the rows of taps are rows of the kernel, the
    /// columns' taps its columns, and the target has `P` pixels; sources, weights and targets have the pass's channels.
    #[inline(always)]
    unsafe fn run<I: Isa, const P: usize, const CAREFUL: bool>(
        &self,
        isa: I,
        orders: &[I::Order; MOST_MEMBERS],
    ) {
        let &Pass { ref horizontal, kernel: [_, k_w], members, channels, .. } = self.pass;
        let Phase { taps, stride, pitch, tap, tap_step, .. } = *self.columns;
        let pixel_step = stride * pitch * channels;
        for vector in 0..channels.div_ceil(I::LANES) {
            // The last vector overlaps the one before it where it does not fit: the same bits are written again.
            let channel = first_channel(vector, I::LANES, channels);
            let begin = match self.pass.bias {
                Some(bias) => isa.load(&bias[channel..]),
                None => isa.splat(0.0),
            };
            let mut sums = [begin; P];
            let mut source = self.source.wrapping_add(channel);
            let mut tap_row = self.tap_row;
            for _ in 0..self.row_taps {
                for k in 0..taps {
                    let column = self.start + (k * pitch) as isize;
                    let first = source.wrapping_offset(column * channels as isize);
                    let mut from = [first; P];
                    for (pixel, from) in from.iter_mut().enumerate() {
                        *from = first.wrapping_add(pixel * pixel_step);
                        let column = column + (pixel * stride * pitch) as isize;
                        if CAREFUL && !(0..horizontal.sources as isize).contains(&column) {
                            *from = ZEROS.as_ptr();
                        }
                    }
                    let tap = tap_row * k_w as isize + tap as isize + k as isize * tap_step;
                    let mut weight =
                        self.pass.weight.as_ptr().wrapping_add(tap as usize * members * channels + channel);
                    for &order in &orders[..members] {
                        // SAFETY: the caller promises that the tap belongs to the kernel, and the channels are the pass's.
                        let factor = unsafe { isa.load_at(weight) };
                        weight = weight.wrapping_add(channels);
                        for pixel in 0..P {
                            // SAFETY: the zeros, or a column inside the source row, which the caller promises.
                            let value = unsafe { isa.load_at(from[pixel]) };
                            sums[pixel] = isa.fma(isa.permute(value, order), factor, sums[pixel]);
                        }
                    }
                }
                source = source.wrapping_add(self.source_row);
                tap_row += self.tap_row_step;
            }
            let target = self.target.wrapping_add(channel);
            for (pixel, &sum) in sums.iter().enumerate() {
                let value = self.pass.activation.vector(isa, sum);
                // SAFETY: the caller promises the tile's pixels.
                unsafe { isa.store_at(value, target.wrapping_add(pixel * self.target_step)) };
            }
        }
    }
}
