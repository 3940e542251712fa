//! Weighted sums of pixels for `f32`: vectors over channels, pieces of some rows of the output or of a part of one.

use super::{Axis, Separable, Tap};
use crate::Result;
use crate::ops::channels::{Pixel, Width};
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};

/// Numbers of the input that a piece reads, about.
const PIECE: usize = 1 << 14;

/// Most taps that are summed one after the other.
const BLOCK: usize = 64;

/// Times that a number of blocks can be halved: there are fewer than `2^32`, whose taps would fill any memory.
const LEVELS: usize = 32;

/// First number of a row or pixel of the input, and its weight.
type Source = (usize, f32);

/// An [`Axis`] counted in numbers.
struct Sources {
    sources: Vec<Source>,
    starts: Vec<usize>,
    /// Whether any element has more than [`BLOCK`] taps.
    long: bool,
}

impl Sources {
    /// Elements of the input are `step` numbers apart.
    fn new(axis: &Axis, step: usize) -> Self {
        let sources = axis.taps.iter().map(|&Tap { from, weight }| (from * step, weight as f32)).collect();
        let long = axis.starts.windows(2).any(|ends| ends[1] - ends[0] > BLOCK);
        Self { sources, starts: axis.starts.clone(), long }
    }

    #[inline(always)]
    fn of(&self, index: usize) -> &[Source] {
        &self.sources[self.starts[index]..self.starts[index + 1]]
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.starts.len() - 1
    }
}

pub(super) fn weigh(
    map: &Separable,
    channels: usize,
    x: &[f32],
    empty: f32,
    output: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let (in_row, out_row) = (map.columns.input * channels, map.columns.output() * channels);
    if out_row == 0 {
        return Ok(());
    }
    let rows = &Sources::new(&map.rows, in_row);
    let columns = &Sources::new(&map.columns, channels);
    let image = map.rows.input * in_row;
    // Of an average row of the output.
    let cost = (rows.sources.len().div_ceil(rows.len()) * columns.sources.len() * channels).max(out_row);
    // Whole rows, or parts of one that is long, as a sequence is.
    let step = (PIECE / cost).max(1);
    let part = columns.len().div_ceil(cost.div_ceil(PIECE)) * channels;
    let part = if step > 1 { step * out_row } else { part };
    let bytes = size_of_val(x) + size_of_val(output);
    let mut pieces = Vec::with_capacity(output.len() / part + 1);
    for (index, output) in output.chunks_mut(step * out_row).enumerate() {
        let parts = output.chunks_mut(part).enumerate();
        pieces.extend(parts.map(|(number, output)| (index * step, number * part / channels, output)));
    }
    for_each(pieces.into_iter(), bytes, |(first_row, first_column, output)| {
        let part = Weigh { rows, columns, image, channels, x, empty, output, first_row, first_column };
        match rows.long || columns.long {
            true => level.run(Long(part)),
            false => level.run(part),
        }
    })
}

/// Some rows of the output, or a part of one.
struct Weigh<'a> {
    rows: &'a Sources,
    columns: &'a Sources,
    /// Numbers in an image of the input.
    image: usize,
    channels: usize,
    x: &'a [f32],
    empty: f32,
    output: &'a mut [f32],
    /// Number of the first row, counted over all images.
    first_row: usize,
    /// Where in it the output begins.
    first_column: usize,
}

impl Kernel for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.pixels::<I, false>(isa);
    }
}

/// The same where an element may have more than [`BLOCK`] taps: other loops have no branch for that.
struct Long<'a>(Weigh<'a>);

impl Kernel for Long<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.0.pixels::<I, true>(isa);
    }
}

impl Weigh<'_> {
    #[inline(always)]
    fn pixels<I: Isa, const LONG: bool>(self, isa: I) {
        let Self { rows, columns, image, channels, x, empty, output, first_row, first_column } = self;
        let mut at = 0;
        let (mut row, mut first) = (first_row, first_column);
        while at < output.len() {
            let x = &x[row / rows.len() * image..][..image];
            let rows = rows.of(row % rows.len());
            let end = columns.len().min(first + (output.len() - at) / channels);
            for column in first..end {
                let columns = columns.of(column);
                let empty = if rows.is_empty() || columns.is_empty() { empty } else { 0.0 };
                WeightedPixel::<LONG> { rows, columns, x, empty, at, output }.work(isa, channels);
                at += channels;
            }
            (row, first) = (row + 1, 0);
        }
    }
}

/// One pixel of the output, and what it is made of.
struct WeightedPixel<'a, const LONG: bool> {
    rows: &'a [Source],
    columns: &'a [Source],
    /// The image of the input.
    x: &'a [f32],
    /// What the sums start from.
    empty: f32,
    /// First number of the output's pixel.
    at: usize,
    output: &'a mut [f32],
}

impl<I: Isa, const LONG: bool> Pixel<I> for WeightedPixel<'_, LONG> {
    #[inline(always)]
    fn has_room(&self, channel: usize) -> bool {
        let last = |sources: &[Source]| sources.last().map_or(0, |&(start, _)| start);
        let (end, from) = (channel + I::LANES, last(self.rows) + last(self.columns));
        self.at + end <= self.output.len() && from + end <= self.x.len()
    }

    /// Rows are summed first, so that the error grows with the sides of a window and not with its area.
    #[inline(always)]
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize) {
        let total = if !LONG || self.rows.len() <= BLOCK {
            self.down(isa, width, channel, self.rows, [isa.splat(self.empty); N])
        } else {
            let mut sums = Cascade::<I, N>::new(isa);
            for rows in self.rows.chunks(BLOCK) {
                sums.add(isa, self.down(isa, width, channel, rows, [isa.splat(0.0); N]));
            }
            sums.total(isa)
        };
        width.store(isa, total, &mut self.output[self.at + channel..]);
    }
}

impl<const LONG: bool> WeightedPixel<'_, LONG> {
    /// Adds some rows.
    #[inline(always)]
    fn down<I: Isa, W: Width<I>, const N: usize>(
        &self,
        isa: I,
        width: W,
        channel: usize,
        rows: &[Source],
        mut total: [I::F32; N],
    ) -> [I::F32; N] {
        for &(row, of_row) in rows {
            let sum: [I::F32; N] = if !LONG || self.columns.len() <= BLOCK {
                self.across(isa, width, row + channel, self.columns)
            } else {
                let mut sums = Cascade::<I, N>::new(isa);
                for columns in self.columns.chunks(BLOCK) {
                    sums.add(isa, self.across(isa, width, row + channel, columns));
                }
                sums.total(isa)
            };
            let weight = isa.splat(of_row);
            for v in 0..N {
                total[v] = isa.fma(sum[v], weight, total[v]);
            }
        }
        total
    }

    /// The sum of some columns of the row whose numbers begin at `start`.
    #[inline(always)]
    fn across<I: Isa, W: Width<I>, const N: usize>(
        &self,
        isa: I,
        width: W,
        start: usize,
        columns: &[Source],
    ) -> [I::F32; N] {
        let mut sum = [isa.splat(0.0); N];
        for &(column, of_column) in columns {
            let values = width.load::<N>(isa, &self.x[start + column..]);
            let weight = isa.splat(of_column);
            for v in 0..N {
                sum[v] = isa.fma(values[v], weight, sum[v]);
            }
        }
        sum
    }
}

/// Sums of blocks, added in pairs, and pairs of these, so that the error grows with the logarithm of their number.
struct Cascade<I: Isa, const N: usize> {
    /// Sum number `level` is of `2^level` blocks; it counts where `blocks` has that bit.
    sums: [[I::F32; N]; LEVELS],
    blocks: usize,
}

impl<I: Isa, const N: usize> Cascade<I, N> {
    #[inline(always)]
    fn new(isa: I) -> Self {
        Self { sums: [[isa.splat(0.0); N]; LEVELS], blocks: 0 }
    }

    #[inline(always)]
    fn add(&mut self, isa: I, mut sum: [I::F32; N]) {
        let level = self.blocks.trailing_ones() as usize;
        for waiting in &self.sums[..level] {
            for v in 0..N {
                sum[v] = isa.add(waiting[v], sum[v]);
            }
        }
        self.sums[level] = sum;
        self.blocks += 1;
    }

    #[inline(always)]
    fn total(&self, isa: I) -> [I::F32; N] {
        let mut total = [isa.splat(0.0); N];
        for (level, sum) in self.sums.iter().enumerate() {
            if self.blocks & (1 << level) != 0 {
                for v in 0..N {
                    total[v] = isa.add(sum[v], total[v]);
                }
            }
        }
        total
    }
}
