//! Forward pass and input gradient: each target pixel is a sum over its taps, each channel on its own.
//!
//! A register tile holds neighbouring pixels of one row and one vector of channels. For each row of taps it loads
//! the weights once and each source pixel once, and uses the source for all targets that it reaches. Strips of a
//! tile's width go down the rows, so that what neighbouring rows share is in the first-level cache; what the next
//! row needs is asked for while this one is computed, since no hardware foresees the jump.
//! The sum of a pixel runs over its taps in the order of their sources, row by row, whichever tile computes it.

use std::ops::Range;

use super::super::axis::{Axis, Phase};
use super::super::pass::Pass;
use super::{CHANNELS_TOGETHER, pixel};
use crate::simd::{Isa, Kernel, LINE, each};

/// Pixels of a wide tile, which slides over its source. Chosen by `8x96x56x56 depthwise` for all instruction sets:
/// with three weights and a source it fits sixteen registers.
const WIDE: usize = 8;

/// Pixels of a narrow tile, for images and rests of rows that fill no wide one.
const NARROW: usize = 4;

/// Most source rows that are asked for ahead of a target row.
const MOST_AHEAD: usize = 2;

/// Some rows of the target.
pub(super) struct Band<'a> {
    /// The pass.
    pub(super) pass: &'a Pass<'a>,
    /// The first row among those of all images.
    pub(super) first_row: usize,
    /// The rows.
    pub(super) target: &'a mut [f32],
}

impl Kernel for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Pass { targets: [height, width], channels, .. } = *self.pass;
        let row_len = width * channels;
        let (mut row, mut rest) = (self.first_row, self.target);
        while !rest.is_empty() {
            let (image, y) = (row / height, row % height);
            let rows = (height - y).min(rest.len() / row_len);
            let (target, after) = rest.split_at_mut(rows * row_len);
            strips(isa, self.pass, image, y, target);
            (row, rest) = (row + rows, after);
        }
    }
}

/// Rows of one image from `first_row` on.
#[inline(always)]
fn strips<I: Isa>(isa: I, pass: &Pass<'_>, image: usize, first_row: usize, target: &mut [f32]) {
    let &Pass { ref vertical, ref horizontal, targets: [_, width], kernel: [k_h, k_w], channels, .. } = pass;
    let (source_row, target_row) = (horizontal.sources * channels, width * channels);
    let source = &pass.source[image * vertical.sources * source_row..][..vertical.sources * source_row];
    assert!(pass.weight.len() == k_h * k_w * channels);
    assert!(pass.bias.is_none_or(|bias| bias.len() == channels));
    let rows: Vec<Row> =
        (first_row..).take(target.len() / target_row).map(|target| Row::new(pass, target)).collect();
    let mut cuts = Vec::with_capacity(horizontal.phases.len());
    let strips = horizontal.phases.iter().map(|phase| Width::strips(phase.count)).max().unwrap_or(0);
    for first_channel in (0..channels).step_by(CHANNELS_TOGETHER) {
        let together = first_channel..(first_channel + CHANNELS_TOGETHER).min(channels);
        for strip in 0..strips {
            cuts.clear();
            cuts.extend((0..horizontal.phases.len()).filter_map(|phase| Cut::new(horizontal, phase, strip)));
            for (row, target) in rows.iter().zip(target.chunks_exact_mut(target_row)) {
                for cut in &cuts {
                    let tile = Tile { pass, row, cut, source: source.as_ptr(), target: target.as_mut_ptr() };
                    // SAFETY: the row's sources are rows of this image and its taps rows of the kernel; the cut's
                    // pixels are columns of the target, its sources, where they are inside, columns of the image,
                    // and its taps columns of the kernel. The slices were cut to these sizes above.
                    unsafe { tile.run(isa, together.clone()) };
                }
            }
        }
    }
}

/// Where a row of the target finds its sources and weights.
struct Row {
    /// Rows of taps that lie inside the image.
    taps: usize,
    /// Offset of the first of their source rows; not inside the image where there is none.
    source: isize,
    /// Offset of the first of their rows of weights.
    weight: isize,
    /// Between the source rows of neighbouring taps.
    source_step: usize,
    /// Between their rows of weights.
    weight_step: isize,
    /// Offsets of the source rows that the next row of the target needs and this one does not.
    ahead: [usize; MOST_AHEAD],
    /// How many these are.
    aheads: usize,
}

impl Row {
    fn new(pass: &Pass<'_>, target: usize) -> Self {
        let (row_len, weight_len) =
            ((pass.horizontal.sources * pass.channels) as isize, (pass.kernel[1] * pass.channels) as isize);
        let (phase, index) = pass.vertical.find(target);
        let start = phase.start(index);
        let inside = phase.inside(start, phase.taps, pass.vertical.sources);
        let end = |target: usize| {
            let (phase, index) = pass.vertical.find(target);
            let end = phase.start(index) + ((phase.taps.max(1) - 1) * phase.pitch) as isize + 1;
            usize::try_from(end).unwrap_or(0).min(pass.vertical.sources)
        };
        let ahead = if target + 1 < pass.targets[0] { end(target)..end(target + 1) } else { 0..0 };
        let first = ahead.start;
        Self {
            taps: inside.len(),
            source: (start + (inside.start * phase.pitch) as isize) * row_len,
            weight: (phase.tap as isize + inside.start as isize * phase.tap_step) * weight_len,
            source_step: phase.pitch * row_len as usize,
            weight_step: phase.tap_step * weight_len,
            ahead: std::array::from_fn(|row| (first + row) * row_len as usize),
            aheads: ahead.len().min(MOST_AHEAD),
        }
    }
}

/// Pixels of a tile.
#[derive(Clone, Copy)]
enum Width {
    Wide,
    Narrow,
    One,
}

impl Width {
    fn pixels(self) -> usize {
        match self {
            Width::Wide => WIDE,
            Width::Narrow => NARROW,
            Width::One => 1,
        }
    }

    /// Strips that `count` pixels are cut into.
    fn strips(count: usize) -> usize {
        match count {
            WIDE.. => count.div_ceil(WIDE),
            NARROW.. => count.div_ceil(NARROW),
            _ => count,
        }
    }

    /// Width and first pixel of a strip. The last one overlaps the one before it where it does not fit: what is
    /// computed again has the same bits.
    fn of_strip(count: usize, strip: usize) -> (Self, usize) {
        match count {
            WIDE.. if strip * WIDE + NARROW >= count => (Width::Narrow, count - NARROW),
            WIDE.. => (Width::Wide, (strip * WIDE).min(count - WIDE)),
            NARROW.. => (Width::Narrow, (strip * NARROW).min(count - NARROW)),
            _ => (Width::One, strip),
        }
    }
}

/// Neighbouring pixels of a phase, in any row.
struct Cut<'a> {
    phase: &'a Phase,
    width: Width,
    /// Column of the first pixel.
    target: usize,
    /// Column of its first source.
    start: isize,
    /// Which pitches from there on are inside the image.
    inside: Range<usize>,
    /// Whether all are that the pixels reach.
    all_inside: bool,
    /// Whether this phase asks for sources ahead: it has others than the phase before.
    asks: bool,
}

impl<'a> Cut<'a> {
    fn new(axis: &'a Axis, first: usize, strip: usize) -> Option<Self> {
        let phase = &axis.phases[first];
        if strip >= Width::strips(phase.count) {
            return None;
        }
        let (width, pixel) = Width::of_strip(phase.count, strip);
        let reach = (width.pixels() - 1) * phase.stride + phase.taps;
        let start = phase.start(pixel);
        let inside = phase.inside(start, reach, axis.sources);
        let all_inside = inside == (0..reach);
        let target = first + pixel * axis.step;
        // Of the phases of a transposed stride, as many as the stride read the same sources.
        let asks = first.is_multiple_of((axis.step / phase.pitch).max(1));
        Some(Self { phase, width, target, start, inside, all_inside, asks })
    }
}

/// Neighbouring pixels of one row.
struct Tile<'a> {
    pass: &'a Pass<'a>,
    row: &'a Row,
    cut: &'a Cut<'a>,
    /// The image.
    source: *const f32,
    /// The row.
    target: *mut f32,
}

impl Tile<'_> {
    /// Computes some channels of all pixels.
    ///
    /// # Safety
    /// The image has the row's source rows and the cut's columns as far as these are inside, the kernel their taps,
    /// the target the cut's pixels, all with these channels.
    #[inline(always)]
    unsafe fn run<I: Isa>(&self, isa: I, channels: Range<usize>) {
        let &Cut { phase: &Phase { stride, taps, .. }, width, all_inside, .. } = self.cut;
        macro_rules! slide {
            ($pixels:ident: $($stride:literal, $taps:literal;)+) => {
                match (stride, taps) {
                    $(($stride, $taps) if all_inside => {
                        // SAFETY: passed on from the caller; the channels fill a vector and all columns are inside.
                        return unsafe { self.slide::<I, $pixels, $stride, $taps, false>(isa, channels) };
                    }
                    ($stride, $taps) => {
                        // SAFETY: passed on from the caller; the channels fill a vector.
                        return unsafe { self.slide::<I, $pixels, $stride, $taps, true>(isa, channels) };
                    })+
                    _ => {}
                }
            };
        }
        let whole = self.pass.channels >= I::LANES;
        match width {
            Width::Wide => {
                if whole {
                    slide!(WIDE: 1, 1; 1, 2; 1, 3; 1, 5; 1, 7; 2, 3; 2, 5;);
                }
                // SAFETY: passed on from the caller.
                unsafe { self.gather::<I, WIDE>(isa, channels) }
            }
            Width::Narrow => {
                if whole {
                    slide!(NARROW: 1, 3; 1, 5; 1, 7; 2, 3;);
                }
                // SAFETY: passed on from the caller.
                unsafe { self.gather::<I, NARROW>(isa, channels) }
            }
            Width::One => {
                // SAFETY: passed on from the caller.
                unsafe { self.gather::<I, 1>(isa, channels) }
            }
        }
    }

    /// The first source pixel, weights and target pixel.
    #[inline(always)]
    fn pointers(&self) -> (*const f32, *const f32, *mut f32) {
        let (row, cut, channels) = (self.row, self.cut, self.pass.channels);
        (
            self.source.wrapping_offset(row.source + cut.start * channels as isize),
            self.pass.weight.as_ptr().wrapping_offset(row.weight + (cut.phase.tap * channels) as isize),
            self.target.wrapping_add(cut.target * channels),
        )
    }

    /// A tile of `T` pixels with `K` taps in a row, its sources loaded once each; `CAREFUL` where some are in the padding.
    ///
    /// # Safety
    /// As [`Tile::run`], and there are as many channels as lanes.
    #[inline(always)]
    unsafe fn slide<I: Isa, const T: usize, const S: usize, const K: usize, const CAREFUL: bool>(
        &self,
        isa: I,
        together: Range<usize>,
    ) {
        let (row, cut, channels) = (self.row, self.cut, self.pass.channels);
        let column = cut.phase.pitch * channels;
        let tap_step = cut.phase.tap_step * channels as isize;
        let target_step = self.pass.horizontal.step * channels;
        let (source, weight, target) = self.pointers();
        let aheads = if cut.asks { row.aheads } else { 0 };
        for first in together.step_by(I::LANES) {
            // The last vector overlaps the one before it where it does not fit: the same bits are written again.
            let channel = first.min(channels - I::LANES);
            let begin = match self.pass.bias {
                Some(bias) => isa.load(&bias[channel..]),
                None => isa.splat(0.0),
            };
            let mut sums = [begin; T];
            let (mut source, mut weight) = (source.wrapping_add(channel), weight.wrapping_add(channel));
            for _ in 0..row.taps {
                let mut weights = [isa.splat(0.0); K];
                for (k, factor) in weights.iter_mut().enumerate() {
                    // SAFETY: the caller promises the taps of this row.
                    *factor = unsafe { isa.load_at(weight.wrapping_offset(k as isize * tap_step)) };
                }
                each!(up to 22, (T - 1) * S + K, J, {
                    if !CAREFUL || cut.inside.contains(&J) {
                        // SAFETY: the caller promises column J of this row, which is inside the image.
                        let value = unsafe { isa.load_at(source.wrapping_add(J * column)) };
                        for (k, &factor) in weights.iter().enumerate() {
                            if let Some(pixel) = pixel(J, k, S)
                                && pixel < T
                            {
                                sums[pixel] = isa.fma(value, factor, sums[pixel]);
                            }
                        }
                    }
                });
                source = source.wrapping_add(row.source_step);
                weight = weight.wrapping_offset(row.weight_step);
            }
            let target = target.wrapping_add(channel);
            if first.is_multiple_of(LINE) {
                for ahead in &row.ahead[..aheads] {
                    let line = self.source.wrapping_add(ahead + channel);
                    let line = line.wrapping_offset(cut.start * channels as isize);
                    each!(up to 22, (T - 1) * S + K, J, { isa.prefetch(line.wrapping_add(J * column)) });
                }
                let line = target.wrapping_add(self.pass.targets[1] * channels);
                each!(up to 8, T, P, { isa.prefetch(line.wrapping_add(P * target_step)) });
            }
            each!(up to 8, T, P, {
                let value = self.pass.activation.vector(isa, sums[P]);
                // SAFETY: the caller promises the tile's pixels.
                unsafe { isa.store_at(value, target.wrapping_add(P * target_step)) };
            });
        }
    }

    /// A tile of `T` pixels with any taps, any stride and any number of channels.
    ///
    /// # Safety
    /// As [`Tile::run`].
    #[inline(always)]
    unsafe fn gather<I: Isa, const T: usize>(&self, isa: I, together: Range<usize>) {
        let (row, cut, channels) = (self.row, self.cut, self.pass.channels);
        let (column, stride) = (cut.phase.pitch * channels, cut.phase.stride);
        let tap_step = cut.phase.tap_step * channels as isize;
        let target_step = self.pass.horizontal.step * channels;
        let (source, weight, target) = self.pointers();
        let lanes = channels.min(I::LANES);
        macro_rules! load {
            ($at:expr) => {
                if lanes < I::LANES {
                    // SAFETY: where it is used, the caller promises the pixel or tap.
                    unsafe { isa.load_partial_at($at, lanes) }
                } else {
                    // SAFETY: as above.
                    unsafe { isa.load_at($at) }
                }
            };
        }
        for first in together.step_by(I::LANES) {
            let channel = first.min(channels - lanes);
            let begin = match self.pass.bias {
                Some(bias) => isa.load_partial(&bias[channel..][..lanes]),
                None => isa.splat(0.0),
            };
            let mut sums = [begin; T];
            let (mut source, mut weight) = (source.wrapping_add(channel), weight.wrapping_add(channel));
            for _ in 0..row.taps {
                for k in 0..cut.phase.taps {
                    let factor = load!(weight.wrapping_offset(k as isize * tap_step));
                    let source = source.wrapping_add(k * column);
                    each!(up to 8, T, J, {
                        if cut.inside.contains(&(J * stride + k)) {
                            let value = load!(source.wrapping_add(J * stride * column));
                            sums[J] = isa.fma(value, factor, sums[J]);
                        }
                    });
                }
                source = source.wrapping_add(row.source_step);
                weight = weight.wrapping_offset(row.weight_step);
            }
            let target = target.wrapping_add(channel);
            each!(up to 8, T, J, {
                let value = self.pass.activation.vector(isa, sums[J]);
                let target = target.wrapping_add(J * target_step);
                if lanes < I::LANES {
                    // SAFETY: the caller promises the tile's pixels.
                    unsafe { isa.store_partial_at(value, target, lanes) };
                } else {
                    // SAFETY: as above.
                    unsafe { isa.store_at(value, target) };
                }
            });
        }
    }
}
