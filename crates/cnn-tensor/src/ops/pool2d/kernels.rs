//! The loops of one piece: vectors over the channels of a pixel, the taps of a window in registers.

use super::geometry::{Along, Geometry, Index};
use super::readers::{Reader, Readers};
use crate::ops::channels::{Pixel, Width};
use crate::simd::{Isa, Kernel};

/// The taps of a row or column of windows that read inside the image.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// First number of the first row or pixel that they read.
    start: usize,
    /// How many they are.
    len: usize,
    /// Number of the first.
    tap: usize,
}

impl Span {
    /// Of each of `output` windows along an axis of `input` elements, `step` numbers apart.
    fn along(axis: &Along, [input, output]: [usize; 2], step: usize) -> Vec<Self> {
        let span = |index| match axis.taps(index, input) {
            (_, taps) if taps.is_empty() => Self { start: 0, len: 0, tap: 0 },
            (first, taps) => Self { start: first * step, len: taps.len(), tap: taps.start },
        };
        (0..output).map(span).collect()
    }
}

/// The taps of every row of windows and of every column.
pub(super) struct Spans {
    rows: Vec<Span>,
    columns: Vec<Span>,
}

impl Spans {
    pub(super) fn new(g: &Geometry) -> Self {
        Self {
            rows: Span::along(&g.rows, [g.in_h, g.out_h], g.in_w * g.channels),
            columns: Span::along(&g.columns, [g.in_w, g.out_w], g.channels),
        }
    }
}

/// The part of a window that reads inside the image.
#[derive(Clone, Copy)]
struct Inside {
    /// First number of the first pixel, counted over all images.
    start: usize,
    rows: usize,
    columns: usize,
    /// Distances between neighbouring taps, in numbers.
    steps: [usize; 2],
    /// Number of the first tap, and of taps in a row of the window.
    first_tap: usize,
    tap_row: usize,
}

impl Inside {
    /// The windows of a row of image `n`, all columns of the image long: [`Inside::at`] says which part.
    #[inline(always)]
    fn row(g: &Geometry, n: usize, span: Span) -> Self {
        let row = g.in_w * g.channels;
        Self {
            start: n * g.in_h * row + span.start,
            rows: span.len,
            columns: 0,
            // Taps that both lie inside are less than the image apart; other distances are never used.
            steps: [g.rows.dilation().wrapping_mul(row), g.columns.dilation().wrapping_mul(g.channels)],
            // Only maxima number their taps, and their windows are checked to have few enough.
            first_tap: span.tap.wrapping_mul(g.columns.kernel()),
            tap_row: g.columns.kernel(),
        }
    }

    /// The window of this row at a column. One that reads nothing has its first tap where it begins.
    #[inline(always)]
    fn at(self, column: Span) -> Self {
        let window = Self { start: self.start + column.start, columns: column.len, ..self };
        let first_tap = if window.is_empty() { 0 } else { self.first_tap.wrapping_add(column.tap) };
        Self { first_tap, ..window }
    }

    /// Whether it reads padding alone.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.rows == 0 || self.columns == 0
    }

    /// First number of the last pixel.
    #[inline(always)]
    fn last(&self) -> usize {
        let [down, right] = self.steps;
        self.start + self.rows.saturating_sub(1) * down + self.columns.saturating_sub(1) * right
    }
}

/// Image and row in it, of a row counted over all images of `height` rows.
#[inline(always)]
fn position(height: usize, row: usize) -> [usize; 2] {
    [row / height, row % height]
}

/// Maxima of some rows of the output, and where they are.
pub(super) struct Max<'a, T> {
    pub(super) g: &'a Geometry,
    pub(super) spans: &'a Spans,
    pub(super) x: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) indices: &'a mut [T],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl<T: Index> Kernel for Max<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { g, spans, x, output, indices, first_row } = self;
        let mut at = 0;
        let mut row = first_row;
        while at < output.len() {
            let [n, out_y] = position(g.out_h, row);
            let windows = Inside::row(g, n, spans.rows[out_y]);
            for &column in &spans.columns {
                let inside = windows.at(column);
                MaxWindow { x, inside, at, output, indices }.work(isa, g.channels);
                at += g.channels;
            }
            row += 1;
        }
    }
}

/// One window of one image.
struct MaxWindow<'a, T> {
    x: &'a [f32],
    inside: Inside,
    /// First number of the output's pixel.
    at: usize,
    output: &'a mut [f32],
    indices: &'a mut [T],
}

impl<I: Isa, T: Index> Pixel<I> for MaxWindow<'_, T> {
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let end = channel + I::LANES;
        self.at + end <= self.output.len() && self.inside.last() + end <= self.x.len()
    }

    /// The positions are carried beside the values, as whole floats.
    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let Inside { start, rows, columns, steps, first_tap, tap_row } = self.inside;
        let mut best = match self.inside.is_empty() {
            true => [isa.splat(f32::NEG_INFINITY); N],
            false => width.load::<N>(isa, &self.x[start + channel..]),
        };
        let mut best_tap = [isa.splat(first_tap as f32); N];
        let infinity = isa.splat(f32::INFINITY);
        for k_y in 0..rows {
            // The first tap is what the others are compared with.
            for k_x in usize::from(k_y == 0)..columns {
                let at = start + k_y * steps[0] + k_x * steps[1] + channel;
                let tap = isa.splat((first_tap + k_y * tap_row + k_x) as f32);
                let value = width.load::<N>(isa, &self.x[at..]);
                for v in 0..N {
                    // Taken where it is greater, or NaN. A NaN counts as infinity, above which only NaN is.
                    let limit = isa.min(best[v], infinity);
                    best_tap[v] = isa.select_above(value[v], limit, tap, best_tap[v]);
                    best[v] = isa.select_above(value[v], limit, value[v], best[v]);
                }
            }
        }
        let at = self.at + channel;
        width.store(isa, best, &mut self.output[at..]);
        let lanes = width.lanes();
        for (v, taps) in best_tap.into_iter().enumerate() {
            T::store(isa, taps, &mut self.indices[at + v * I::LANES..][..lanes]);
        }
    }
}

/// The gradient of some rows of the input of max-pooling.
pub(super) struct MaxBack<'a, T> {
    pub(super) g: &'a Geometry,
    pub(super) readers: &'a Readers,
    pub(super) indices: &'a [T],
    pub(super) grad_output: &'a [f32],
    pub(super) grad_input: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl<T: Index> Kernel for MaxBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { g, readers, indices, grad_output, grad_input, first_row } = self;
        let mut at = 0;
        let mut row = first_row;
        while at < grad_input.len() {
            let [n, y] = position(g.in_h, row);
            let rows = readers.of_row(y);
            let image = n * g.out_h * g.out_w * g.channels;
            for x in 0..g.in_w {
                let columns = readers.of_column(x);
                MaxSources { image, rows, columns, indices, grad_output, at, grad_input }
                    .work(isa, g.channels);
                at += g.channels;
            }
            row += 1;
        }
    }
}

/// One pixel of the input, and the windows that read it.
struct MaxSources<'a, T> {
    /// First number of the output's image.
    image: usize,
    rows: &'a [Reader],
    columns: &'a [Reader],
    indices: &'a [T],
    grad_output: &'a [f32],
    /// First number of the input's pixel.
    at: usize,
    grad_input: &'a mut [f32],
}

impl<I: Isa, T: Index> Pixel<I> for MaxSources<'_, T> {
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let last = |readers: &[Reader]| readers.last().map_or(0, |&(start, _)| start);
        let (end, from) = (channel + I::LANES, self.image + last(self.rows) + last(self.columns));
        self.at + end <= self.grad_input.len() && from + end <= self.grad_output.len()
    }

    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let mut sums = [isa.splat(0.0); N];
        let lanes = width.lanes();
        for &(row, k_y) in self.rows {
            for &(column, k_x) in self.columns {
                let at = self.image + row + column + channel;
                let tap = isa.splat((k_y + k_x) as f32);
                let grads = width.load::<N>(isa, &self.grad_output[at..]);
                let indices = &self.indices[at..][..(N - 1) * I::LANES + lanes];
                for v in 0..N {
                    let index = T::load(isa, &indices[v * I::LANES..][..lanes]);
                    let grad = isa.select_equal(index, tap, grads[v], isa.splat(0.0));
                    sums[v] = isa.add(sums[v], grad);
                }
            }
        }
        width.store(isa, sums, &mut self.grad_input[self.at + channel..]);
    }
}

/// Means of some rows of the output.
pub(super) struct Average<'a> {
    pub(super) g: &'a Geometry,
    pub(super) spans: &'a Spans,
    pub(super) x: &'a [f32],
    /// Reciprocal of each window's divisor.
    pub(super) shares: &'a [f32],
    pub(super) output: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { g, spans, x, shares, output, first_row } = self;
        let mut at = 0;
        let mut row = first_row;
        while at < output.len() {
            let [n, out_y] = position(g.out_h, row);
            let windows = Inside::row(g, n, spans.rows[out_y]);
            for (&column, &share) in spans.columns.iter().zip(&shares[out_y * g.out_w..]) {
                let inside = windows.at(column);
                AverageWindow { x, inside, share, at, output }.work(isa, g.channels);
                at += g.channels;
            }
            row += 1;
        }
    }
}

/// One window of one image.
struct AverageWindow<'a> {
    x: &'a [f32],
    inside: Inside,
    share: f32,
    /// First number of the output's pixel.
    at: usize,
    output: &'a mut [f32],
}

impl<I: Isa> Pixel<I> for AverageWindow<'_> {
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let end = channel + I::LANES;
        self.at + end <= self.output.len() && self.inside.last() + end <= self.x.len()
    }

    /// Rows are summed first, so that the error grows with the sides of a window and not with its area.
    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let Inside { start, rows, columns, steps, .. } = self.inside;
        let mut total = [isa.splat(0.0); N];
        for k_y in 0..rows {
            let mut sum = [isa.splat(0.0); N];
            for k_x in 0..columns {
                let at = start + k_y * steps[0] + k_x * steps[1] + channel;
                let value = width.load::<N>(isa, &self.x[at..]);
                for v in 0..N {
                    sum[v] = isa.add(sum[v], value[v]);
                }
            }
            for v in 0..N {
                total[v] = isa.add(total[v], sum[v]);
            }
        }
        for total in &mut total {
            *total = isa.mul(*total, isa.splat(self.share));
        }
        width.store(isa, total, &mut self.output[self.at + channel..]);
    }
}

/// The gradient of some rows of the input of average pooling.
pub(super) struct AverageBack<'a> {
    pub(super) g: &'a Geometry,
    pub(super) readers: &'a Readers,
    /// Reciprocal of each window's divisor.
    pub(super) shares: &'a [f32],
    pub(super) grad_output: &'a [f32],
    pub(super) grad_input: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl Kernel for AverageBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { g, readers, shares, grad_output, grad_input, first_row } = self;
        let mut at = 0;
        let mut row = first_row;
        while at < grad_input.len() {
            let [n, y] = position(g.in_h, row);
            let rows = readers.of_row(y);
            let image = n * g.out_h * g.out_w * g.channels;
            for x in 0..g.in_w {
                let columns = readers.of_column(x);
                AverageSources { image, rows, columns, shares, grad_output, at, grad_input }
                    .work(isa, g.channels);
                at += g.channels;
            }
            row += 1;
        }
    }
}

/// One pixel of the input, and the windows that read it.
struct AverageSources<'a> {
    /// First number of the output's image.
    image: usize,
    rows: &'a [Reader],
    columns: &'a [Reader],
    shares: &'a [f32],
    grad_output: &'a [f32],
    /// First number of the input's pixel.
    at: usize,
    grad_input: &'a mut [f32],
}

impl<I: Isa> Pixel<I> for AverageSources<'_> {
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let last = |readers: &[Reader]| readers.last().map_or(0, |&(start, _)| start);
        let (end, from) = (channel + I::LANES, self.image + last(self.rows) + last(self.columns));
        self.at + end <= self.grad_input.len() && from + end <= self.grad_output.len()
    }

    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let mut sums = [isa.splat(0.0); N];
        for &(row, row_window) in self.rows {
            for &(column, column_window) in self.columns {
                let share = isa.splat(self.shares[row_window + column_window]);
                let grads = width.load::<N>(isa, &self.grad_output[self.image + row + column + channel..]);
                for v in 0..N {
                    sums[v] = isa.fma(grads[v], share, sums[v]);
                }
            }
        }
        width.store(isa, sums, &mut self.grad_input[self.at + channel..]);
    }
}
