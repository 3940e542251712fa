//! Weight gradient: the sums of some taps stay in registers while pixels stream past them.
//!
//! A step takes neighbouring output gradients of one row into registers, loads each source pixel that their taps
//! reach once, and adds its products to the sums of all taps that see it. Steps go down a strip of columns, so that
//! what neighbouring rows share is in the first-level cache, and ask for the next row.
//!
//! A strip of at most [`BLOCK_PIXELS`] pixels is summed on its own, so that long sums stay exact to the last digits.
//! The strips of a slice of all rows are added in order, and so are the slices.

use std::ops::Range;

use super::super::axis::{Axis, Phase};
use crate::gemm::outer::BLOCK_PIXELS;
use crate::simd::{Isa, Kernel, LINE, each};

/// Columns of a strip. Chosen by `8x96x56x56 depthwise`.
const STRIP: usize = 8;

/// The sums over some rows of all images, for some channels.
pub(super) struct Slice<'a> {
    /// Rows of the output gradient (the targets) and of the input (the sources).
    pub(super) vertical: &'a Axis,
    /// Columns likewise.
    pub(super) horizontal: &'a Axis,
    /// Rows and columns of the output gradient of one image.
    pub(super) targets: [usize; 2],
    /// Rows and columns of the kernel.
    pub(super) kernel: [usize; 2],
    /// Channels of the images.
    pub(super) channels: usize,
    /// All input images.
    pub(super) x: &'a [f32],
    /// All output gradients.
    pub(super) grad: &'a [f32],
    /// Which rows of the output gradients of all images.
    pub(super) rows: Range<usize>,
    /// Which channels.
    pub(super) together: Range<usize>,
    /// Receives one vector for each tap, for each vector of channels.
    pub(super) sums: &'a mut [f32],
    /// As many numbers, for the sums of a strip.
    pub(super) strip: &'a mut [f32],
}

impl Kernel for Slice<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        self.sums.fill(0.0);
        self.strip.fill(0.0);
        let height = self.targets[0];
        let mut row = self.rows.start;
        while row < self.rows.end {
            let (image, y) = (row / height, row % height);
            let rows = (height - y).min(self.rows.end - row).min(BLOCK_PIXELS / STRIP);
            let lines: Vec<Line> = (y..y + rows).map(|y| Line::new(self.vertical, y)).collect();
            for phase in 0..self.horizontal.phases.len() {
                for first in (0..self.horizontal.phases[phase].count).step_by(STRIP) {
                    self.strip(isa, image, &lines, phase, first);
                    for (sum, strip) in self.sums.iter_mut().zip(&mut *self.strip) {
                        *sum += std::mem::take(strip);
                    }
                }
            }
            row += rows;
        }
    }
}

impl Slice<'_> {
    /// Adds up some rows of the strip that begins with the pixel `first` of a phase.
    #[inline(always)]
    fn strip<I: Isa>(&mut self, isa: I, image: usize, lines: &[Line], phase: usize, first: usize) {
        let &mut Slice { vertical, horizontal, targets: [height, width], kernel, channels, .. } = self;
        let columns = &horizontal.phases[phase];
        let (source_row, target_row) = (horizontal.sources * channels, width * channels);
        let x = &self.x[image * vertical.sources * source_row..][..vertical.sources * source_row];
        let grad = &self.grad[image * height * target_row..][..height * target_row];
        let pixels = (columns.count - first).min(STRIP);
        let partial = channels < I::LANES;
        let mut tap = 0;
        while tap < columns.taps {
            let size = if partial { 1 } else { summed_together(columns.taps - tap) };
            let start = columns.start(first) + (tap * columns.pitch) as isize;
            let reach = (pixels - 1) * columns.stride + size;
            let inside = columns.inside(start, reach, horizontal.sources);
            for line in lines {
                let mut rows = line.taps.clone();
                while !rows.is_empty() {
                    let three = kernel == [3, 3] && rows.len() == 3 && !partial;
                    let source = line.start + (rows.start * line.pitch) as isize;
                    let step = Step {
                        phase: columns,
                        pixels,
                        inside: inside.clone(),
                        all_inside: inside == (0..reach),
                        channels,
                        x: x.as_ptr()
                            .wrapping_offset(source * source_row as isize + start * channels as isize),
                        x_step: line.pitch * source_row,
                        grad: grad[line.target * target_row..]
                            [(phase + first * horizontal.step) * channels..]
                            .as_ptr(),
                        grad_step: horizontal.step * channels,
                        rows_ahead: [source_row, target_row],
                        asks: tap == 0 && (three || rows.len() == 1),
                        kernel,
                        tap: rows.start * kernel[1] + tap,
                    };
                    let (together, sums) = (self.together.clone(), &mut *self.strip);
                    macro_rules! step {
                        ($rows:literal, $taps:literal, $partial:literal) => {
                            // SAFETY: the axes give rows and columns inside the images; the pixels are the phase's.
                            unsafe { step.run::<I, $rows, $taps, $partial>(isa, together, sums) }
                        };
                    }
                    match size {
                        1 if partial => step!(1, 1, true),
                        1 => step!(1, 1, false),
                        2 => step!(1, 2, false),
                        3 if three => step!(3, 3, false),
                        3 => step!(1, 3, false),
                        4 => step!(1, 4, false),
                        5 => step!(1, 5, false),
                        _ => step!(1, 7, false),
                    }
                    rows.start += if three { 3 } else { 1 };
                }
            }
            tap += size;
        }
    }
}

/// How many of the remaining taps of a row are summed together; these numbers are compiled.
fn summed_together(rest: usize) -> usize {
    match rest {
        1..=5 | 7 => rest,
        6 => 3,
        8 => 4,
        _ => 5,
    }
}

/// A row of the output gradient.
struct Line {
    target: usize,
    /// Its first source row, perhaps in the padding.
    start: isize,
    /// Between source rows.
    pitch: usize,
    /// The rows of taps that lie inside the image.
    taps: Range<usize>,
}

impl Line {
    fn new(axis: &Axis, target: usize) -> Self {
        let (phase, index) = axis.find(target);
        let start = phase.start(index);
        Self { target, start, pitch: phase.pitch, taps: phase.inside(start, phase.taps, axis.sources) }
    }
}

/// Neighbouring pixels of one row, and some taps.
struct Step<'a> {
    phase: &'a Phase,
    pixels: usize,
    /// Which pitches from the first pixel's first source are inside the image.
    inside: Range<usize>,
    /// Whether all are that the pixels reach.
    all_inside: bool,
    channels: usize,
    /// The first source of the first pixel, in the first row.
    x: *const f32,
    /// Between source rows.
    x_step: usize,
    /// The first output gradient.
    grad: *const f32,
    /// Between output gradients.
    grad_step: usize,
    /// From a row of the input and of the output gradient to the next.
    rows_ahead: [usize; 2],
    /// Whether this step, the last of its row, asks for what the next row needs.
    asks: bool,
    /// Rows and columns of the kernel.
    kernel: [usize; 2],
    /// The first tap.
    tap: usize,
}

impl Step<'_> {
    /// Adds the products of `R` rows of `K` taps to `sums`, for some channels.
    ///
    /// # Safety
    /// The pointers belong to slices that hold the output gradients and, for each row, the sources that are `inside`,
    /// all with these channels, which are at least one vector unless `PARTIAL`.
    #[inline(always)]
    unsafe fn run<I: Isa, const R: usize, const K: usize, const PARTIAL: bool>(
        &self,
        isa: I,
        together: Range<usize>,
        sums: &mut [f32],
    ) {
        let tap_row = self.kernel[1] * I::LANES;
        let vector_len = self.kernel[0] * tap_row;
        for (first, sums) in together.step_by(I::LANES).zip(sums.chunks_exact_mut(vector_len)) {
            // The last vector overlaps the one before it where it does not fit: some sums are computed twice.
            let channel = first.min(self.channels.saturating_sub(I::LANES));
            let sums = &mut sums[self.tap * I::LANES..][..(R - 1) * tap_row + K * I::LANES];
            let mut tile = [[isa.splat(0.0); K]; R];
            for row in 0..R {
                for k in 0..K {
                    tile[row][k] = isa.load(&sums[row * tap_row + k * I::LANES..]);
                }
            }
            let (x, grad) = (self.x.wrapping_add(channel), self.grad.wrapping_add(channel));
            if self.asks && first.is_multiple_of(LINE) {
                self.ask_ahead(isa, x.wrapping_add((R - 1) * self.x_step), grad);
            }
            let mut pixel = 0;
            if !PARTIAL {
                macro_rules! slide {
                    ($stride:literal, $pixels:literal, $careful:literal) => {
                        // SAFETY: passed on from the caller.
                        pixel = unsafe {
                            self.slide::<I, $stride, R, K, $pixels, $careful>(isa, x, grad, pixel, &mut tile)
                        }
                    };
                }
                // Sixteen registers hold the sums and four output gradients, more hold eight.
                match self.phase.stride {
                    1 if self.all_inside && I::REGISTERS > 16 => slide!(1, 8, false),
                    1 if self.all_inside => slide!(1, 4, false),
                    1 => slide!(1, 4, true),
                    2 if self.all_inside && K == 3 => slide!(2, 4, false),
                    _ => {}
                }
            }
            for pixel in pixel..self.pixels {
                // SAFETY: passed on from the caller.
                unsafe { self.add_pixel::<I, R, K, PARTIAL>(isa, x, grad, pixel, &mut tile) };
            }
            for row in 0..R {
                for k in 0..K {
                    isa.store(tile[row][k], &mut sums[row * tap_row + k * I::LANES..]);
                }
            }
        }
    }

    /// Asks for what the next row needs, given this one's last row of sources and its output gradients.
    #[inline(always)]
    fn ask_ahead<I: Isa>(&self, isa: I, x: *const f32, grad: *const f32) {
        let (x, grad) = (x.wrapping_add(self.rows_ahead[0]), grad.wrapping_add(self.rows_ahead[1]));
        // A prefetch may name any place, so numbers of wide steps may go round.
        let column = self.phase.pitch.wrapping_mul(self.channels);
        let stride = self.phase.stride;
        let source = |pixel: usize, more: usize| {
            x.wrapping_add(pixel.wrapping_mul(stride).wrapping_add(more).wrapping_mul(column))
        };
        each!(up to 8, STRIP, P, {
            isa.prefetch(grad.wrapping_add(self.grad_step.wrapping_mul(P)));
            isa.prefetch(source(P, 1));
        });
        // Each row of output gradients goes on by as many rows of the input.
        if stride > 1 {
            each!(up to 8, STRIP, P, {
                let pixel = source(P, 2);
                isa.prefetch(pixel);
                isa.prefetch(pixel.wrapping_add(self.rows_ahead[0]));
                isa.prefetch(pixel.wrapping_add(self.rows_ahead[0]).wrapping_sub(column));
            });
        }
    }

    /// Adds groups of `T` pixels from `pixel` on, and returns the first pixel that is left.
    ///
    /// # Safety
    /// As [`Step::run`]; all sources are inside unless `CAREFUL`.
    #[inline(always)]
    unsafe fn slide<
        I: Isa,
        const S: usize,
        const R: usize,
        const K: usize,
        const T: usize,
        const CAREFUL: bool,
    >(
        &self,
        isa: I,
        x: *const f32,
        grad: *const f32,
        mut pixel: usize,
        tile: &mut [[I::F32; K]; R],
    ) -> usize {
        let column = self.phase.pitch * self.channels;
        while pixel + T <= self.pixels {
            let grad = grad.wrapping_add(pixel * self.grad_step);
            let mut factors = [isa.splat(0.0); T];
            for (p, factor) in factors.iter_mut().enumerate() {
                // SAFETY: the caller promises the pixels.
                *factor = unsafe { isa.load_at(grad.wrapping_add(p * self.grad_step)) };
            }
            let first = pixel * S;
            let x = x.wrapping_add(first * column);
            // Rows within columns: neighbouring instructions add to different sums, so none waits for the one before.
            each!(up to 22, (T - 1) * S + K, J, {
                if J % S < K && (!CAREFUL || self.inside.contains(&(first + J))) {
                    each!(up to 3, R, ROW, {
                        // SAFETY: the caller promises that this source is inside, or it was found to be.
                        let value = unsafe { isa.load_at(x.wrapping_add(ROW * self.x_step + J * column)) };
                        for (k, sum) in tile[ROW].iter_mut().enumerate() {
                            if let Some(pixel) = super::pixel(J, k, S)
                                && pixel < T
                            {
                                *sum = isa.fma(value, factors[pixel], *sum);
                            }
                        }
                    });
                }
            });
            pixel += T;
        }
        pixel
    }

    /// Adds one pixel.
    ///
    /// # Safety
    /// As [`Step::run`].
    #[inline(always)]
    unsafe fn add_pixel<I: Isa, const R: usize, const K: usize, const PARTIAL: bool>(
        &self,
        isa: I,
        x: *const f32,
        grad: *const f32,
        pixel: usize,
        tile: &mut [[I::F32; K]; R],
    ) {
        let lanes = self.channels.min(I::LANES);
        macro_rules! load {
            ($at:expr) => {
                if PARTIAL {
                    // SAFETY: where it is used, the caller promises the pixel.
                    unsafe { isa.load_partial_at($at, lanes) }
                } else {
                    // SAFETY: as above.
                    unsafe { isa.load_at($at) }
                }
            };
        }
        let column = self.phase.pitch * self.channels;
        let first = pixel * self.phase.stride;
        let factor = load!(grad.wrapping_add(pixel * self.grad_step));
        let x = x.wrapping_add(first * column);
        each!(up to 7, K, TAP, {
            if self.inside.contains(&(first + TAP)) {
                for (row, sums) in tile.iter_mut().enumerate() {
                    let value = load!(x.wrapping_add(row * self.x_step + TAP * column));
                    sums[TAP] = isa.fma(value, factor, sums[TAP]);
                }
            }
        });
    }
}
