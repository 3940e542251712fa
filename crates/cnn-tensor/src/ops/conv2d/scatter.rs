//! Gradient of an input with few channels: products for all taps at once, then sums of those that meet.
//!
//! The gradient of the output times the weights, as a matrix whose columns are taps and input channels together,
//! gives each output pixel the numbers that it adds to the pixels under its window. Where channels alone would
//! leave most lanes of a vector empty, nine or forty-nine taps of them fill several.
//! The products of the output rows that an input row needs are kept, and nothing else: never a patch matrix.
//!
//! For an input row, the products of one output pixel in all rows of taps that reach it are runs of `k_w * in_c`
//! numbers, which are added to each other first. Runs of neighbouring pixels overlap. Pixels that are so far apart
//! that theirs do not are laid into one line, side by side, without reading what is there; the sum of a few lines,
//! whole vectors again, is the row.

use super::Geometry;
use crate::gemm::Start;
use crate::gemm::product::{After, Left, RightPanels, TileProduct};
use crate::gemm::target::Target;
use crate::ops::activation::Activation;
use crate::simd::{self, Isa, Kernel, Level};
use crate::{DType, Result, Tensor, parallel};

/// Largest kernel along each axis.
const LARGEST_KERNEL: usize = 16;

/// Most numbers of the products and lines of a piece, and of a row with its padding: beyond it they would come and go
/// through memory. The products of `8x3x224x224 -> 64, kernel 7, stride 2` are a fourteenth of it.
const MOST_NUMBERS: usize = 1 << 20;

/// Most pieces of work, each with lines and products of its own.
const PIECES: usize = 32;

/// Numbers that the products and lines of all pieces may hold together, if that leaves four pieces.
const SCRATCH: usize = 1 << 22;

/// Fewest rows of a band of an image, as a multiple of the output rows that two neighbouring bands both need, and
/// both compute. One image of `3x224x224 -> 64, kernel 7, stride 2` is shared between threads with little lost.
const BAND: usize = 4;

/// Whether kernel and images are of sizes that this is made for, with vectors of `lanes` numbers.
pub(super) fn fits(geometry: &Geometry, lanes: usize) -> bool {
    let &Geometry { in_w, vertical, horizontal, .. } = geometry;
    let width = in_w.saturating_add(horizontal.before).saturating_add(horizontal.after);
    vertical.kernel.max(horizontal.kernel) <= LARGEST_KERNEL
        && width.saturating_mul(geometry.in_c) <= MOST_NUMBERS
        && Layout::new(geometry, lanes).scratch() <= MOST_NUMBERS
}

/// See [`super::grad_input`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    target: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let &Geometry { batch, in_h, out_h, out_w, out_c, .. } = geometry;
    let layout = Layout::new(geometry, level.lanes());
    let weights = pack(&layout, weight, out_c)?;
    let weights = weights.as_slice()?;

    let bands = layout.bands(geometry);
    let units = batch * bands;
    let pieces = (SCRATCH / layout.scratch()).clamp(4, PIECES).min(units);
    // Row of the first unit of a piece, counted through all images.
    let first_row = |unit: usize| unit / bands * in_h + unit % bands * in_h / bands;
    let mut work = Vec::with_capacity(pieces);
    let mut rest = target;
    for piece in 0..pieces {
        let units = piece * units / pieces..(piece + 1) * units / pieces;
        let rows = first_row(units.end) - first_row(units.start);
        let (target, after) = rest.split_at_mut(rows * layout.row);
        rest = after;
        work.push((units, target));
    }
    let cost = usize::try_from(geometry.multiply_adds()).unwrap_or(usize::MAX);
    let work = work.into_iter();
    parallel::for_each_with_memory(work, cost, layout.scratch(), |(units, mut target), scratch| {
        let (products, lines) = scratch.split_at_mut(layout.products());
        lines.fill(0.0);
        for unit in units {
            let first = first_row(unit);
            let (rows, after) = target.split_at_mut((first_row(unit + 1) - first) * layout.row);
            target = after;
            let image = out_h * out_w * out_c;
            let grad = &grad[unit / bands * image..][..image];
            Band { geometry, layout: &layout, grad, weights, products, lines }.run(level, first % in_h, rows);
        }
    })
}

/// The weights as a matrix from output channels to taps and input channels, in panels of two vectors, zeros after the
/// last column.
fn pack(layout: &Layout, weight: &[f32], out_c: usize) -> Result<Tensor> {
    let width = layout.panel;
    let mut packed = Tensor::stale(&[layout.columns.div_ceil(width), out_c, width], DType::F32)?;
    let panels = packed.as_mut_slice::<f32>()?.chunks_exact_mut(out_c * width);
    parallel::for_each(panels.zip(weight.chunks(width * out_c)), weight.len(), |(panel, columns)| {
        let count = columns.len() / out_c;
        for row in panel.chunks_exact_mut(width) {
            row[count..].fill(0.0);
        }
        for (column, numbers) in columns.chunks_exact(out_c).enumerate() {
            for (row, &number) in panel.chunks_exact_mut(width).zip(numbers) {
                row[column] = number;
            }
        }
    })?;
    Ok(packed)
}

/// Where products and lines lie.
struct Layout {
    /// Columns of a panel of the weights.
    panel: usize,
    /// Columns of the products: taps and channels.
    columns: usize,
    /// Distance between the products of neighbouring pixels: whole vectors.
    pitch: usize,
    /// Numbers of the products of one row.
    product_row: usize,
    /// Output rows whose products are kept.
    slots: usize,
    /// Numbers that a row of taps adds to.
    run: usize,
    /// Distance between the runs of neighbouring pixels.
    step: usize,
    /// Lines: pixels as far apart as their number have runs that do not overlap.
    count: usize,
    /// Numbers of a line.
    line: usize,
    /// Numbers of a line before the first of the row.
    skip: usize,
    /// Numbers of an input row.
    row: usize,
}

impl Layout {
    fn new(geometry: &Geometry, lanes: usize) -> Self {
        let &Geometry { in_w, in_c, out_w, vertical, horizontal, .. } = geometry;
        let run = horizontal.kernel * in_c;
        let columns = vertical.kernel * run;
        let pitch = columns.next_multiple_of(lanes);
        let (step, row, skip) = (horizontal.stride * in_c, in_w * in_c, horizontal.before * in_c);
        let reach = ((vertical.kernel - 1) * vertical.dilation + 1).div_ceil(vertical.stride);
        let line = ((out_w - 1) * step + run).max(skip + row) + lanes;
        Self {
            panel: 2 * lanes,
            columns,
            pitch,
            product_row: out_w * pitch,
            slots: reach.min(geometry.out_h),
            run,
            step,
            count: horizontal.kernel.div_ceil(horizontal.stride).min(out_w),
            line: line.next_multiple_of(lanes),
            skip,
            row,
        }
    }

    /// Numbers of all kept products.
    fn products(&self) -> usize {
        self.slots * self.product_row
    }

    /// Numbers of all lines.
    fn lines(&self) -> usize {
        self.count * self.line
    }

    /// Numbers that a piece of work needs for both.
    fn scratch(&self) -> usize {
        self.products() + self.lines()
    }

    /// Bands that an image is cut into: several where the batch alone makes few pieces.
    fn bands(&self, geometry: &Geometry) -> usize {
        let &Geometry { batch, in_h, vertical, .. } = geometry;
        let both = ((vertical.kernel - 1) * vertical.dilation + 1).saturating_sub(vertical.stride).max(1);
        PIECES.div_ceil(2).div_ceil(batch).min(in_h / (BAND * both)).max(1)
    }
}

/// Some rows of the gradient of one image.
struct Band<'a> {
    geometry: &'a Geometry,
    layout: &'a Layout,
    grad: &'a [f32],
    weights: &'a [f32],
    products: &'a mut [f32],
    lines: &'a mut [f32],
}

impl Band<'_> {
    fn run(mut self, level: Level, first: usize, target: &mut [f32]) {
        let &Geometry { out_h, out_w, vertical, .. } = self.geometry;
        let layout = self.layout;
        let mut known = 0;
        for (row, target) in target.chunks_exact_mut(layout.row).enumerate() {
            // Row `out_y` of the output reaches this one by the tap at this distance, where there is one.
            let shifted = first + row + vertical.before;
            let mut starts = [0; LARGEST_KERNEL];
            let mut taps = 0;
            for tap in 0..vertical.kernel {
                let Some(distance) = shifted.checked_sub(tap * vertical.dilation) else { break };
                let out_y = distance / vertical.stride;
                if distance % vertical.stride != 0 || out_y >= out_h {
                    continue;
                }
                // Taps go back through the output rows, so the first one asks for the last row.
                let oldest = (out_y + 1).saturating_sub(layout.slots);
                for out_y in known.max(oldest)..=out_y {
                    self.multiply(level, out_y);
                }
                known = known.max(out_y + 1);
                starts[taps] = out_y % layout.slots * layout.product_row + tap * layout.run;
                taps += 1;
            }
            level.run(Meet {
                layout,
                pixels: out_w,
                products: self.products,
                starts: &starts[..taps],
                lines: self.lines,
                target,
            });
        }
    }

    /// Computes the products of an output row, into the place of the oldest.
    fn multiply(&mut self, level: Level, out_y: usize) {
        let &Geometry { out_w, out_c, .. } = self.geometry;
        let layout = self.layout;
        let grad = &self.grad[out_y * out_w * out_c..][..out_w * out_c];
        let slot = &mut self.products[out_y % layout.slots * layout.product_row..][..layout.product_row];
        let mut output = Target::new(slot, out_w, layout.pitch);
        // Panel by panel, so that one panel after the other stays in the first-level cache.
        for panel in self.weights.chunks_exact(out_c * layout.panel) {
            let columns = output.columns().min(layout.panel);
            let (columns, after) = output.split_columns(columns);
            output = after;
            level.run(TileProduct {
                left: Left { data: grad, row: out_c, step: 1 },
                depth: out_c,
                right: RightPanels {
                    data: panel,
                    panel_step: panel.len(),
                    pitch: layout.panel,
                    after: After::Filling,
                },
                start: Start::Zero,
                activation: Activation::Identity,
                output: columns,
            });
        }
    }
}

/// Sums the products that meet in one input row.
struct Meet<'a> {
    layout: &'a Layout,
    pixels: usize,
    products: &'a [f32],
    /// Where the first pixel's run begins, for each row of taps.
    starts: &'a [usize],
    lines: &'a mut [f32],
    target: &'a mut [f32],
}

impl Kernel for Meet<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Meet { layout, pixels, products, starts, lines, target } = self;
        let &Layout { pitch, run, step, count, line, skip, .. } = layout;
        if starts.is_empty() {
            target.fill(0.0);
            return;
        }
        // Numbers of a run before its last vector, and in it.
        let before = (run - 1) / I::LANES * I::LANES;
        let last = run - before;
        let first_end = (pixels - 1) * pitch + run;
        assert!(starts.iter().all(|start| start + first_end <= products.len()));
        assert!((pixels - 1) * step + before + I::LANES <= line && count * line <= lines.len());
        assert!(skip + target.len().next_multiple_of(I::LANES) <= line);
        let (products, lines) = (products.as_ptr(), lines.as_mut_ptr());
        for first in 0..count {
            for pixel in (first..pixels).step_by(count) {
                let source = products.wrapping_add(pixel * pitch);
                let place = lines.wrapping_add(first * line + pixel * step);
                for at in (0..before).step_by(I::LANES) {
                    let mut sum = isa.splat(0.0);
                    for (tap, &start) in starts.iter().enumerate() {
                        // SAFETY: a whole vector from here ends inside the run of this pixel and tap, and the first
                        // assertion has shown that those lie inside the products.
                        let value = unsafe { isa.load_at(source.wrapping_add(start + at)) };
                        sum = if tap == 0 { value } else { isa.add(sum, value) };
                    }
                    // SAFETY: the second assertion has shown that the last pixel's run, in whole vectors, ends inside
                    // its line, and that there are as many lines.
                    unsafe { isa.store_at(sum, place.wrapping_add(at)) };
                }
                let mut sum = isa.splat(0.0);
                for (tap, &start) in starts.iter().enumerate() {
                    // SAFETY: as above; the last numbers of the run.
                    let value = unsafe { isa.load_partial_at(source.wrapping_add(start + before), last) };
                    sum = if tap == 0 { value } else { isa.add(sum, value) };
                }
                // The lanes after the run are zeros. What they overwrite is zero too, or of pixels that follow.
                // SAFETY: as above.
                unsafe { isa.store_at(sum, place.wrapping_add(before)) };
            }
        }
        for (at, target) in (0..).step_by(I::LANES).zip(target.chunks_mut(I::LANES)) {
            let source = lines.wrapping_add(skip + at);
            // SAFETY: the third assertion has shown that each line holds the row in whole vectors after `skip`.
            let mut sum = unsafe { isa.load_at(source) };
            for index in 1..count {
                // SAFETY: as above.
                let value = unsafe { isa.load_at(source.wrapping_add(index * line)) };
                sum = isa.add(sum, value);
            }
            isa.store_partial(sum, target);
        }
    }
}
