//! Pixels under a window times a panel of columns: the kernel of forward passes and of gradients of inputs.
//!
//! A row of the left-hand matrix is what one output pixel sees: for each tap of the window, a *segment* of contiguous
//! numbers. No row is ever written. A register tile holds up to `ROWS` output pixels by two vectors of columns; for
//! each segment it works out where its pixels begin ([`Axis`] knows which outputs a tap reaches), then each step
//! broadcasts one number of each pixel and multiplies it by two vectors of the panel. A pixel in the padding reads
//! zeros; a segment that is padding for the whole tile is skipped.
//!
//! The sum of each output runs over taps, then over the numbers of the segment, whatever the tile. That a tap's
//! pixels lie inside the image is shown when an [`Axis`] is made, that the image lies inside its slice when a block
//! starts; so the loops check nothing.

use std::ops::Range;

use crate::ops::activation::Activation;
use crate::simd::{Isa, Kernel};
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
pub(crate) struct Axis {
    taps: Vec<Tap>,
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

impl Axis {
    /// An axis of `size` elements, of which `outputs` windows are taken.
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
        Ok(Self { taps, interior: start..end, stride, outputs, size })
    }

    fn is_interior(&self, outputs: Range<usize>) -> bool {
        self.interior.start <= outputs.start && outputs.end <= self.interior.end
    }

    /// Number of taps.
    pub(crate) fn taps(&self) -> usize {
        self.taps.len()
    }

    /// Number of windows.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Where the pixels of an image, or of one phase of it, go: output `(y, x)` begins at number
/// `((first[0] + y * step[0]) * width + first[1] + x * step[1]) * pitch`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) first: [usize; 2],
    pub(crate) step: [usize; 2],
    pub(crate) width: usize,
    pub(crate) pitch: usize,
}

/// Some rows of output pixels times the columns of one panel.
pub(crate) struct PatchBlock<'a> {
    /// Taps and windows over the image's rows.
    pub(crate) vertical: &'a Axis,
    /// The same over its columns.
    pub(crate) horizontal: &'a Axis,
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
    /// Columns that are stored, at most two vectors.
    pub(crate) columns: usize,
    /// What the sums start from, one number for each column; else zero.
    pub(crate) bias: Option<&'a [f32]>,
    /// Applied before storing.
    pub(crate) activation: Activation,
    /// Where the sums go.
    pub(crate) output: &'a mut [f32],
    /// Where they go in there, first column of the panel included.
    pub(crate) placement: Placement,
    /// Subtracted from each placement: the number that `output` begins at.
    pub(crate) origin: usize,
}

impl Kernel for PatchBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        self.check::<I>();
        for tile in tiles(self.rows.len(), self.horizontal.outputs, I::ROWS) {
            let tile = self.tile(tile);
            if self.columns > I::LANES {
                // SAFETY: `check` has passed and `tile` made the tile.
                unsafe { sized::<I, 2>(isa, &mut self, &tile) };
            } else {
                // SAFETY: as above; the columns fit one vector.
                unsafe { sized::<I, 1>(isa, &mut self, &tile) };
            }
        }
    }
}

/// The linear ranges of windows, over `rows` rows of `width`, that are computed together: parts of one row where a
/// row divides into nearly whole tiles (so that more segments are padding as a whole), else parts of equal size.
fn tiles(rows: usize, width: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let whole = (most - most / 4..=most).rev().find(|&size| width.is_multiple_of(size));
    let total = rows * width;
    let count = total.div_ceil(whole.unwrap_or(most));
    (0..count).map(move |tile| tile * total / count..(tile + 1) * total / count)
}

/// The windows of one register tile.
struct Tile {
    rows: usize,
    /// Windows that are neighbours in a row of the image.
    runs: [Run; MOST_ROWS],
    run_count: usize,
    /// Whether every tap of every window lies inside the image.
    interior: bool,
    /// Where each window begins in the input before the shift of a tap.
    inputs: [usize; MOST_ROWS],
    /// Where each goes in the output.
    outputs: [usize; MOST_ROWS],
}

#[derive(Clone, Copy, Default)]
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

impl Tile {
    /// One bit for each window that the two taps see inside the image.
    #[inline(always)]
    fn inside(&self, vertical: Tap, horizontal: Tap) -> u32 {
        match self.run_count {
            // Nearly always so: the compiler would make vectors of the general case.
            1 => self.runs[0].inside(vertical, horizontal),
            count => self.runs[..count].iter().fold(0, |bits, run| bits | run.inside(vertical, horizontal)),
        }
    }
}

impl PatchBlock<'_> {
    fn check<I: Isa>(&self) {
        let Self { vertical, horizontal, .. } = self;
        assert!(I::ROWS <= MOST_ROWS && self.rows.end <= vertical.outputs);
        assert!(self.columns > 0 && self.columns <= 2 * I::LANES && self.zeros.len() >= self.depth);
        let last = |axis: &Axis, pitch: usize| axis.size.checked_sub(1)?.checked_mul(pitch);
        let end = || {
            last(vertical, self.row_pitch)?
                .checked_add(last(horizontal, self.pixel_pitch)?)?
                .checked_add(self.depth)
        };
        // An empty axis has no tap that reaches it, so nothing is read.
        let empty = vertical.size == 0 || horizontal.size == 0;
        assert!(empty || end().is_some_and(|end| end <= self.input.len()));
        let depth = (vertical.taps.len() * horizontal.taps.len()).checked_mul(self.depth);
        assert!(depth.is_some_and(|depth| self.panel.holds(depth, self.columns.next_multiple_of(I::LANES))));
        if let Some(bias) = self.bias {
            assert!(bias.len() >= self.columns);
        }
    }

    /// Works out the windows of a tile, and checks that their columns lie inside the output.
    #[inline(always)]
    fn tile(&self, windows: Range<usize>) -> Tile {
        let Placement { first, step, width, pitch } = self.placement;
        let mut tile = Tile {
            rows: windows.len(),
            runs: [Run::default(); MOST_ROWS],
            run_count: 0,
            interior: true,
            inputs: [0; MOST_ROWS],
            outputs: [0; MOST_ROWS],
        };
        let outputs = self.horizontal.outputs;
        let (mut y, mut x) = (self.rows.start + windows.start / outputs, windows.start % outputs);
        let mut row = 0;
        while row < tile.rows {
            let len = (outputs - x).min(tile.rows - row);
            // An axis has fewer than 2^31 windows.
            tile.runs[tile.run_count] = Run { y: y as u32, x: x as u32, first: row as u32, len: len as u32 };
            tile.run_count += 1;
            tile.interior &= self.vertical.is_interior(y..y + 1) && self.horizontal.is_interior(x..x + len);
            let input =
                y * self.vertical.stride * self.row_pitch + x * self.horizontal.stride * self.pixel_pitch;
            let output = ((first[0] + y * step[0]) * width + first[1] + x * step[1]) * pitch - self.origin;
            for index in 0..len {
                tile.inputs[row + index] = input + index * self.horizontal.stride * self.pixel_pitch;
                tile.outputs[row + index] = output + index * step[1] * pitch;
            }
            row += len;
            (y, x) = (y + 1, 0);
        }
        // Placements ascend, so the last is the farthest.
        assert!(tile.outputs[tile.rows - 1] + self.columns <= self.output.len());
        tile
    }
}

/// Chooses the compiled number of rows.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn sized<I: Isa, const V: usize>(isa: I, block: &mut PatchBlock<'_>, tile: &Tile) {
    macro_rules! choose {
        ($($size:literal),+) => {
            $(if I::ROWS >= $size && tile.rows == $size {
                // SAFETY: passed on from the caller.
                return unsafe { multiply::<I, $size, V>(isa, block, tile) };
            })+
        };
    }
    choose!(14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
    unreachable!("no tile of {} rows is compiled for {}", tile.rows, I::NAME);
}

/// One register tile: `M` windows by `V` vectors.
///
/// # Safety
/// [`PatchBlock::check`] has passed, `tile` comes from [`PatchBlock::tile`] and has `M` rows, and the block's columns
/// fit `V` vectors.
#[inline(always)]
unsafe fn multiply<I: Isa, const M: usize, const V: usize>(isa: I, block: &mut PatchBlock<'_>, tile: &Tile) {
    let (depth, pitch) = (block.depth, block.panel.pitch);
    let lanes: [usize; V] = std::array::from_fn(|vector| (block.columns - vector * I::LANES).min(I::LANES));

    // `sums` is indexed by constants alone, else it would live in memory.
    let mut sums = [[isa.splat(0.0); V]; M];
    if let Some(bias) = block.bias {
        for vector in 0..V {
            let start = isa.load_partial(&bias[vector * I::LANES..][..lanes[vector]]);
            each_row!(M, ROW, { sums[ROW][vector] = start });
        }
    }

    let input = block.input.as_ptr();
    let zeros = block.zeros.as_ptr();
    let mut weights = block.panel.data.as_ptr();
    let interior = tile.interior;
    let mut starts = [zeros; M];
    for row in 0..M {
        starts[row] = input.wrapping_add(tile.inputs[row]);
    }
    for vertical in &block.vertical.taps {
        for horizontal in &block.horizontal.taps {
            // A pixel in the padding begins at the zeros, whatever the shift.
            let shift =
                vertical.shift * block.row_pitch as isize + horizontal.shift * block.pixel_pitch as isize;
            if !interior {
                let inside = tile.inside(*vertical, *horizontal);
                if inside == 0 {
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

    let target = block.output.as_mut_ptr();
    each_row!(M, ROW, {
        let target = target.wrapping_add(tile.outputs[ROW]);
        for vector in 0..V {
            let target = target.wrapping_add(vector * I::LANES);
            let sum = block.activation.vector(isa, sums[ROW][vector]);
            // SAFETY: `tile` has shown that the row's columns lie inside the output.
            unsafe { isa.store_partial_at(sum, target, lanes[vector]) };
        }
    });
}
