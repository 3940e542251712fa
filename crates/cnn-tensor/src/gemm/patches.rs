//! Pixels under a window times a panel of columns: the kernel of forward passes and of gradients of inputs.
//!
//! A row of the left-hand matrix is what one output pixel sees: for each tap of the window, a *segment* of contiguous
//! numbers. No row is ever written. A register tile holds up to `ROWS` output pixels by two vectors of columns; for
//! each segment it works out where its pixels begin ([`Taps`] know which outputs they reach), then each step
//! broadcasts one number of each pixel and multiplies it by two vectors of the panel. A pixel in the padding reads
//! zeros; a segment that is padding for the whole tile is skipped, unless zero times a weight is not zero: a tile must not
//! show in the sum.
//!
//! The sum of each output runs over taps, then over the numbers of the segment, whatever the tile. That a tap's
//! pixels lie inside the image is shown when [`Taps`] are made, that the image lies inside its slice when a block
//! starts; so the loops check nothing.

use std::ops::Range;

use super::target::Target;
use crate::ops::activation::Activation;
use crate::simd::{Isa, Kernel, LINE, choose, each};
use crate::{Error, Result};

/// Most rows of any register tile.
const MOST_ROWS: usize = 14;

/// Two vectors of columns of the right-hand matrix, row after row.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// The numbers, from the first row on.
    pub(crate) data: &'a [f32],
    /// Distance between neighbouring rows.
    pub(crate) pitch: usize,
    /// Whether all numbers are finite. Only then is the padding's product with them zero, and may be left out.
    pub(crate) finite: bool,
}

impl Panel<'_> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        let end = || rows.checked_sub(1)?.checked_mul(self.pitch)?.checked_add(columns);
        rows == 0 || end().is_some_and(|end| end <= self.data.len())
    }
}

/// The taps of a window along one axis of an image.
///
/// The input's element under tap `t` of output `o` is `o * stride + shift(t)`; outside `0..size` it is padding.
#[derive(Debug)]
pub(crate) struct Taps {
    each: Vec<Tap>,
    /// The outputs that every tap reaches.
    interior: Range<usize>,
    stride: usize,
    outputs: usize,
    size: usize,
}

/// One tap, and the outputs that it reaches inside the image.
#[derive(Debug, Clone, Copy)]
struct Tap {
    shift: isize,
    start: u32,
    end: u32,
}

impl Taps {
    /// The taps over an axis of `size` elements, of which `outputs` windows are taken.
    ///
    /// # Errors
    /// [`Error::Shape`] beyond 2^31 windows.
    pub(crate) fn new(
        shifts: impl Iterator<Item = isize>,
        stride: usize,
        outputs: usize,
        size: usize,
    ) -> Result<Self> {
        let narrow = |count: usize| match u32::try_from(count) {
            Ok(count) if count < 1 << 31 => Ok(count),
            _ => Err(Error::shape("conv2d", format!("{count} windows in a row, expected fewer than 2^31"))),
        };
        narrow(outputs)?;
        let taps = shifts
            .map(|shift| {
                // The first output at or after `position` is ceil(position / stride).
                let first = |position: isize| usize::try_from(position).unwrap_or(0).div_ceil(stride);
                let end = first(size as isize - shift).min(outputs);
                Ok(Tap { shift, start: narrow(first(-shift).min(end))?, end: narrow(end)? })
            })
            .collect::<Result<Vec<Tap>>>()?;
        let start = taps.iter().map(|tap| tap.start as usize).max().unwrap_or(0);
        let end = taps.iter().map(|tap| tap.end as usize).min().unwrap_or(outputs);
        Ok(Self { each: taps, interior: start..end, stride, outputs, size })
    }

    fn is_interior(&self, outputs: Range<usize>) -> bool {
        self.interior.start <= outputs.start && outputs.end <= self.interior.end
    }

    /// Number of windows.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Where the pixels of an image, or of one phase of it, go: output `(y, x)` is pixel
/// `(first[0] + y * step[0]) * width + first[1] + x * step[1]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) first: [usize; 2],
    pub(crate) step: [usize; 2],
    pub(crate) width: usize,
}

/// Some rows of output pixels times the columns of one panel.
pub(crate) struct PatchBlock<'a> {
    /// Taps and windows over the image's rows.
    pub(crate) vertical: &'a Taps,
    /// The same over its columns.
    pub(crate) horizontal: &'a Taps,
    /// Rows of windows to compute.
    pub(crate) rows: Range<usize>,
    /// One image, from the first channel that is read.
    pub(crate) input: &'a [f32],
    /// Numbers between neighbouring rows of the image.
    pub(crate) row_pitch: usize,
    /// Numbers between neighbouring pixels.
    pub(crate) pixel_pitch: usize,
    /// Numbers of a segment.
    pub(crate) depth: usize,
    /// At least `depth` zeros, read in the padding.
    pub(crate) zeros: &'a [f32],
    /// The right-hand matrix: `taps * depth` rows.
    pub(crate) panel: Panel<'a>,
    /// What the sums start from, one number for each column; else zero.
    pub(crate) bias: Option<&'a [f32]>,
    /// Applied before storing.
    pub(crate) activation: Activation,
    /// Where the sums go: pixels by the panel's columns, at most two vectors.
    pub(crate) output: Target<'a>,
    /// Where they go in there.
    pub(crate) placement: Placement,
    /// Subtracted from each placement: the pixel that `output` begins at.
    pub(crate) origin: usize,
}

impl Kernel for PatchBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let windows = self.rows.len() * self.horizontal.outputs;
        if windows == 0 {
            return;
        }
        self.check::<I>();
        let count = windows.div_ceil(tile_rows(self.horizontal.outputs, I::ROWS));
        let mut walk = Walk::new(&self);
        for index in 0..count {
            let rows = windows / count + usize::from(index < windows % count);
            let tile = walk.tile(&self, rows);
            let ahead = self.ahead(&walk, rows);
            if self.output.columns() > I::LANES {
                // SAFETY: `check` has passed and `walk` made the tile.
                unsafe { sized::<I, 2>(isa, &mut self, &tile, ahead) };
            } else {
                // SAFETY: as above; the columns fit one vector.
                unsafe { sized::<I, 1>(isa, &mut self, &tile, ahead) };
            }
        }
    }
}

/// Most windows in a tile, for rows of `width`: a divisor of it that makes nearly whole tiles, so that more segments are
/// padding as a whole, else as many as there is room for.
fn tile_rows(width: usize, most: usize) -> usize {
    (most - most / 4..=most).rev().find(|&size| width.is_multiple_of(size)).unwrap_or(most)
}

/// The windows of one register tile.
struct Tile {
    rows: usize,
    /// The first window.
    y: usize,
    x: usize,
    /// Whether every tap of every window lies inside the image.
    interior: bool,
    /// Where each window begins in the input before the shift of a tap.
    inputs: [usize; MOST_ROWS],
    /// Pixel of the output that each is.
    outputs: [usize; MOST_ROWS],
}

/// Lines of the input that will be read soon.
#[derive(Clone, Copy)]
struct Ahead {
    next: *const f32,
    lines: usize,
}

impl Ahead {
    /// Asks for one of them, if any is left.
    #[inline(always)]
    fn ask<I: Isa>(&mut self, isa: I) {
        if self.lines > 0 {
            isa.prefetch(self.next);
            self.next = self.next.wrapping_add(LINE);
            self.lines -= 1;
        }
    }
}

/// Goes through the windows in order, and knows where each begins.
struct Walk {
    y: usize,
    x: usize,
    width: usize,
    /// Whether all windows are interior.
    interior: bool,
    input: Place,
    output: Place,
}

/// Where a window begins, and the way from it to the next.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    /// To the next window of a row.
    step: usize,
    /// From the last window of a row to the first of the next; wraps.
    turn: usize,
}

impl Place {
    /// Windows begin `row` apart along columns and `step` apart along rows of `width`.
    #[inline(always)]
    fn new(start: usize, step: usize, row: usize, width: usize) -> Self {
        Self { start, step, turn: row.wrapping_sub((width - 1).wrapping_mul(step)) }
    }

    #[inline(always)]
    fn advance(&mut self, turns: bool) {
        self.start = self.start.wrapping_add(if turns { self.turn } else { self.step });
    }
}

impl Walk {
    #[inline(always)]
    fn new(block: &PatchBlock<'_>) -> Self {
        let PatchBlock { vertical, horizontal, rows, row_pitch, pixel_pitch, .. } = block;
        let Placement { first, step, width } = block.placement;
        let output = (first[0] + rows.start * step[0]) * width + first[1] - block.origin;
        Self {
            y: rows.start,
            x: 0,
            width: horizontal.outputs,
            interior: vertical.is_interior(rows.clone()) && horizontal.is_interior(0..horizontal.outputs),
            input: Place::new(
                rows.start * vertical.stride * row_pitch,
                horizontal.stride * pixel_pitch,
                vertical.stride * row_pitch,
                horizontal.outputs,
            ),
            output: Place::new(output, step[1], step[0].wrapping_mul(width), horizontal.outputs),
        }
    }

    /// The next windows. Checks that they lie inside the output.
    #[inline(always)]
    fn tile(&mut self, block: &PatchBlock<'_>, rows: usize) -> Tile {
        let (inputs, outputs) = ([0; MOST_ROWS], [0; MOST_ROWS]);
        let mut tile = Tile { rows, y: self.y, x: self.x, interior: self.interior, inputs, outputs };
        for (input, output) in tile.inputs.iter_mut().zip(&mut tile.outputs).take(rows) {
            (*input, *output) = (self.input.start, self.output.start);
            self.x += 1;
            let turns = self.x == self.width;
            self.input.advance(turns);
            self.output.advance(turns);
            if turns {
                (self.y, self.x) = (self.y + 1, 0);
            }
        }
        if !tile.interior {
            tile.interior = block.runs(&tile).all(|run| {
                let (y, x) = (run.y as usize, run.x as usize);
                block.vertical.is_interior(y..y + 1) && block.horizontal.is_interior(x..x + run.len as usize)
            });
        }
        // `check` has shown that placements ascend.
        assert!(tile.outputs[rows - 1] < block.output.rows());
        tile
    }
}

/// Windows of a tile that are neighbours in a row of the image.
#[derive(Clone, Copy)]
struct Run {
    y: u32,
    x: u32,
    /// Number of the run's first window in the tile.
    first: u32,
    len: u32,
}

impl Run {
    /// One bit for each window that the two taps see inside the image.
    #[inline(always)]
    fn inside(&self, vertical: Tap, horizontal: Tap) -> u32 {
        let (start, end) = (horizontal.start.max(self.x), horizontal.end.min(self.x + self.len));
        if vertical.start <= self.y && self.y < vertical.end && start < end {
            ((1 << (end - start)) - 1) << (self.first + start - self.x)
        } else {
            0
        }
    }
}

impl PatchBlock<'_> {
    fn check<I: Isa>(&self) {
        let Self { vertical, horizontal, .. } = self;
        let columns = self.output.columns();
        assert!(I::ROWS <= MOST_ROWS && self.rows.end <= vertical.outputs);
        assert!(columns > 0 && columns <= 2 * I::LANES && self.zeros.len() >= self.depth);
        let last = |taps: &Taps, pitch: usize| taps.size.checked_sub(1)?.checked_mul(pitch);
        let end = || {
            last(vertical, self.row_pitch)?
                .checked_add(last(horizontal, self.pixel_pitch)?)?
                .checked_add(self.depth)
        };
        let Placement { first, step, width } = self.placement;
        let farthest = |first: usize, step: usize, outputs: usize| {
            outputs.checked_sub(1)?.checked_mul(step)?.checked_add(first)
        };
        // So placements ascend, and the last of a tile is the farthest.
        let ascend = farthest(first[1], step[1], horizontal.outputs).is_some_and(|column| column < width);
        let rows = || farthest(first[0], step[0], self.rows.end)?.checked_add(1)?.checked_mul(width);
        assert!(ascend && rows().is_some());
        assert!((first[0] + self.rows.start * step[0]) * width + first[1] >= self.origin);
        // An empty axis has no tap that reaches it, so nothing is read.
        let empty = vertical.size == 0 || horizontal.size == 0;
        assert!(empty || end().is_some_and(|end| end <= self.input.len()));
        let depth = (vertical.each.len() * horizontal.each.len()).checked_mul(self.depth);
        assert!(depth.is_some_and(|depth| self.panel.holds(depth, columns.next_multiple_of(I::LANES))));
        if let Some(bias) = self.bias {
            assert!(bias.len() >= columns);
        }
    }

    /// What the tile that `next` begins is about to read: its pixels under the last row of taps, which no tile above has
    /// read.
    #[inline(always)]
    fn ahead(&self, next: &Walk, rows: usize) -> Ahead {
        let Self { vertical, horizontal, row_pitch, pixel_pitch, .. } = self;
        let (Some(y), Some(x)) = (vertical.each.last(), horizontal.each.last()) else {
            return Ahead { next: self.input.as_ptr(), lines: 0 };
        };
        let shift = y.shift * *row_pitch as isize + x.shift * *pixel_pitch as isize;
        let len = (rows - 1) * horizontal.stride * pixel_pitch + self.depth;
        Ahead {
            next: self.input.as_ptr().wrapping_add(next.input.start).wrapping_offset(shift),
            lines: len.div_ceil(LINE),
        }
    }

    /// The rows of the image that a tile's windows are in.
    #[inline(always)]
    fn runs(&self, tile: &Tile) -> impl Iterator<Item = Run> + use<> {
        let (width, rows) = (self.horizontal.outputs, tile.rows);
        let (mut y, mut x, mut first) = (tile.y, tile.x, 0);
        std::iter::from_fn(move || {
            let len = (width - x).min(rows - first);
            // An axis has fewer than 2^31 windows.
            let run = Run { y: y as u32, x: x as u32, first: first as u32, len: len as u32 };
            (y, x, first) = (y + 1, 0, first + len);
            (len > 0).then_some(run)
        })
    }
}

/// Chooses the compiled number of rows.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn sized<I: Isa, const V: usize>(isa: I, block: &mut PatchBlock<'_>, tile: &Tile, ahead: Ahead) {
    choose!(up to 14, tile.rows, I::ROWS, M, {
        // SAFETY: passed on from the caller.
        unsafe { multiply::<I, M, V>(isa, block, tile, ahead) }
    });
}

/// One register tile: `M` windows by `V` vectors.
///
/// # Safety
/// [`PatchBlock::check`] has passed, `tile` comes from [`Walk::tile`] and has `M` rows, and the block's columns
/// fit `V` vectors.
#[inline(always)]
unsafe fn multiply<I: Isa, const M: usize, const V: usize>(
    isa: I,
    block: &mut PatchBlock<'_>,
    tile: &Tile,
    mut ahead: Ahead,
) {
    let (depth, pitch) = (block.depth, block.panel.pitch);
    let columns = block.output.columns();
    let lanes: [usize; V] = std::array::from_fn(|vector| (columns - vector * I::LANES).min(I::LANES));

    // `sums` is indexed by constants alone, else it would live in memory.
    let mut sums = [[isa.splat(0.0); V]; M];
    if let Some(bias) = block.bias {
        for vector in 0..V {
            let start = isa.load_partial(&bias[vector * I::LANES..][..lanes[vector]]);
            each!(up to 14, M, ROW, { sums[ROW][vector] = start });
        }
    }

    let input = block.input.as_ptr();
    let zeros = block.zeros.as_ptr();
    let mut weights = block.panel.data.as_ptr();
    let interior = tile.interior;
    // What is written last, and what the next tile reads, is asked for early, a little at each step: requests in one go
    // would fill the processor's list of misses, and the loads of the sums would wait behind them.
    let mut unasked = M;
    let mut starts = [zeros; M];
    for row in 0..M {
        starts[row] = input.wrapping_add(tile.inputs[row]);
    }
    for vertical in &block.vertical.each {
        for horizontal in &block.horizontal.each {
            // A pixel in the padding begins at the zeros, whatever the shift.
            let shift =
                vertical.shift * block.row_pitch as isize + horizontal.shift * block.pixel_pitch as isize;
            if !interior {
                let inside = block.runs(tile).fold(0, |bits, run| bits | run.inside(*vertical, *horizontal));
                if inside == 0 && block.panel.finite {
                    weights = weights.wrapping_add(depth * pitch);
                    continue;
                }
                for row in 0..M {
                    let start = if inside >> row & 1 == 1 {
                        input.wrapping_add(tile.inputs[row])
                    } else {
                        zeros.wrapping_offset(-shift)
                    };
                    starts[row] = start;
                }
            }
            for step in shift..shift + depth as isize {
                ahead.ask(isa);
                if unasked > 0 {
                    unasked -= 1;
                    let row = block.output.row_start(tile.outputs[unasked]);
                    for vector in 0..V {
                        isa.prefetch_write(row.wrapping_add(vector * I::LANES));
                    }
                }
                let mut columns = [isa.splat(0.0); V];
                for (vector, column) in columns.iter_mut().enumerate() {
                    // SAFETY: `check` has shown that the panel holds whole vectors for each step of each tap.
                    *column = unsafe { isa.load_at(weights.wrapping_add(vector * I::LANES)) };
                }
                weights = weights.wrapping_add(pitch);
                for row in 0..M {
                    // SAFETY: a set bit says that both taps lie inside their axes, and `check` that `depth` numbers from
                    // there lie inside the image; the zeros are as many.
                    let value = isa.splat(unsafe { *starts[row].wrapping_offset(step) });
                    for vector in 0..V {
                        sums[row][vector] = isa.fma(value, columns[vector], sums[row][vector]);
                    }
                }
            }
        }
    }

    match block.activation {
        Activation::Identity => {}
        activation => {
            each!(up to 14, M, ROW, {
                for vector in 0..V {
                    sums[ROW][vector] = activation.vector(isa, sums[ROW][vector]);
                }
            });
        }
    }
    // A choice for each vector would take as long as many steps of the sums.
    if columns == V * I::LANES {
        each!(up to 14, M, ROW, {
            let target = block.output.row_start(tile.outputs[ROW]);
            for vector in 0..V {
                let target = target.wrapping_add(vector * I::LANES);
                // SAFETY: `Walk::tile` has shown that the pixel is one of the output's, whose columns fit the vectors.
                unsafe { isa.store_at(sums[ROW][vector], target) };
            }
        });
    } else {
        each!(up to 14, M, ROW, {
            let target = block.output.row_start(tile.outputs[ROW]);
            for vector in 0..V {
                let target = target.wrapping_add(vector * I::LANES);
                // SAFETY: as above.
                unsafe { isa.store_partial_at(sums[ROW][vector], target, lanes[vector]) };
            }
        });
    }
}
