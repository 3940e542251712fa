//! Forward convolution and input gradient as one implicit matrix product over rows of pixels.
//!
//! Both sum, for each output pixel, over taps: the pixel under the tap, times the tap's matrix of channels. They
//! differ in which taps reach which pixels ([`Side`]) and in how the weights are read ([`Direction`]). The gradient of
//! a strided convolution falls into phases: the input pixels of one phase (row and column modulo the stride) see the
//! same taps, so each phase is a convolution of stride one with some of the taps.
//! Where an image has few channels, it is copied once with its padding, so that the taps of one kernel row become
//! one contiguous segment.

use std::ops::Range;

use super::Geometry;
use super::padding::{self, pad};
use super::panels::{Direction, Panels};
use crate::gemm::Tile;
use crate::gemm::patches::{Axis, Panel, PatchBlock, Placement};
use crate::gemm::target::Target;
use crate::ops::activation::Activation;
use crate::ops::window::Window;
use crate::simd::{self, Level};
use crate::{DType, Result, Tensor, parallel};

/// Images with fewer channels than this are copied with their padding: the taps of a kernel row, read as one
/// segment, are then long enough to amortise the look-up of where they start.
const FEW_CHANNELS: usize = 16;

/// Numbers of input under one piece of work, so that they stay in the second-level cache, beside a panel of the
/// weights, while the panels pass over them.
const PIECE: usize = 1 << 15;

/// Fewest register tiles in a piece of work, so that each panel is used often enough.
const PIECE_TILES: usize = 4;

/// Numbers of an input that is not cut: each panel passes over all of it, and threads share the panels.
const WHOLE: usize = 1 << 16;

/// Fewest pieces, where there are panels enough.
const FEWEST_PIECES: usize = 8;

/// Pieces that the work is cut into where it is large enough: they share evenly between several threads.
const PIECES: usize = 16;

/// See [`super::forward`]. Pixels of the input begin `pixel` numbers apart, the first at the start of `x`; the target
/// holds all output pixels.
pub(super) fn forward(
    geometry: &Geometry,
    (x, pixel): (&[f32], usize),
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: Target<'_>,
) -> Result<()> {
    let convolution = Convolution {
        weight,
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.in_h, geometry.in_w, geometry.in_c],
        output: [geometry.out_h, geometry.out_w, geometry.out_c],
        direction: Direction::Forward,
        kernel_w: geometry.horizontal.kernel,
    };
    let phase = Phase {
        vertical: Side::of_outputs(&geometry.vertical, geometry.out_h),
        horizontal: Side::of_outputs(&geometry.horizontal, geometry.out_w),
    };
    convolution.run(
        vec![phase],
        &Images { data: x, size: convolution.input, pixel },
        Finish { bias, activation },
        target,
    )
}

/// See [`super::grad_input`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    target: &mut [f32],
) -> Result<()> {
    let convolution = Convolution {
        weight,
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.out_h, geometry.out_w, geometry.out_c],
        output: [geometry.in_h, geometry.in_w, geometry.in_c],
        direction: Direction::Input,
        kernel_w: geometry.horizontal.kernel,
    };
    let rows = Side::of_inputs(&geometry.vertical, geometry.in_h);
    let columns = Side::of_inputs(&geometry.horizontal, geometry.in_w);
    let phases = rows
        .iter()
        .flat_map(|vertical| {
            columns
                .iter()
                .map(|horizontal| Phase { vertical: vertical.clone(), horizontal: horizontal.clone() })
        })
        .collect();
    let images = Images { data: grad, size: convolution.input, pixel: geometry.out_c };
    let target = Target::new(target, geometry.batch * geometry.in_h * geometry.in_w, geometry.in_c);
    convolution.run(phases, &images, Finish { bias: None, activation: Activation::Identity }, target)
}

/// The taps that reach the elements of one side of an image: element `first + j * step` of the output sums, over the
/// taps, the input's element `j * stride + shift`.
#[derive(Clone)]
struct Side {
    /// Index of the tap in the kernel, and its shift, shifts ascending.
    taps: Vec<(usize, isize)>,
    stride: usize,
    outputs: usize,
    step: usize,
    first: usize,
}

impl Side {
    /// The one phase of a forward convolution.
    fn of_outputs(window: &Window, outputs: usize) -> Self {
        let shift = |tap: usize| signed(tap * window.dilation) - signed(window.before);
        let taps = (0..window.kernel).map(|tap| (tap, shift(tap))).collect();
        Self { taps, stride: window.stride, outputs, step: 1, first: 0 }
    }

    /// For each residue of the input's index modulo the stride: the taps whose gradient reaches it.
    fn of_inputs(window: &Window, inputs: usize) -> Vec<Self> {
        let stride = signed(window.stride);
        (0..window.stride.min(inputs))
            .map(|first| {
                // Output o reaches input o * stride - before + tap * dilation.
                let reach = |tap: usize| signed(first + window.before) - signed(tap * window.dilation);
                let mut taps: Vec<_> = (0..window.kernel)
                    .filter(|&tap| reach(tap).rem_euclid(stride) == 0)
                    .map(|tap| (tap, reach(tap).div_euclid(stride)))
                    .collect();
                taps.reverse();
                let outputs = (inputs - first).div_ceil(window.stride);
                Self { taps, stride: 1, outputs, step: window.stride, first }
            })
            .collect()
    }

    /// Elements to add before and after a side of `size` elements so that every tap of every output is inside.
    fn padding(&self, size: usize) -> Range<usize> {
        let (Some(first), Some(last)) = (self.taps.first(), self.taps.last()) else { return 0..0 };
        let end = signed((self.outputs - 1) * self.stride) + last.1 + 1;
        usize::try_from(-first.1).unwrap_or(0)..usize::try_from(end - signed(size)).unwrap_or(0)
    }

    /// Whether neighbouring taps read neighbouring elements.
    fn is_contiguous(&self) -> bool {
        self.taps.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1)
    }

    /// The axis that the kernel reads, `before` elements of padding added to the input, `size` in all.
    fn axis(&self, before: usize, size: usize) -> Result<Axis> {
        Axis::new(self.taps.iter().map(|&(_, shift)| shift + signed(before)), self.stride, self.outputs, size)
    }
}

/// The output pixels that see the same taps.
struct Phase {
    vertical: Side,
    horizontal: Side,
}

/// A convolution in either direction: sizes are `[height, width, channels]`.
struct Convolution<'a> {
    weight: &'a [f32],
    batch: usize,
    groups: usize,
    input: [usize; 3],
    output: [usize; 3],
    direction: Direction,
    kernel_w: usize,
}

/// What is done to the sums besides storing them.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: Option<&'a [f32]>,
    activation: Activation,
}

/// Images as the kernel reads them.
struct Images<'a> {
    data: &'a [f32],
    /// `[height, width, channels]`.
    size: [usize; 3],
    /// Numbers between neighbouring pixels.
    pixel: usize,
}

/// One phase, ready to run.
struct Plan<'a> {
    vertical: Axis,
    horizontal: Axis,
    /// Numbers in a segment.
    depth: usize,
    panels: Panels<'a>,
    placement: Placement,
}

impl<'a> Convolution<'a> {
    fn run(
        &self,
        phases: Vec<Phase>,
        images: &Images<'_>,
        finish: Finish<'_>,
        target: Target<'_>,
    ) -> Result<()> {
        let level = simd::active()?;
        let [in_h, in_w, in_c] = self.input;
        if let [phase] = &phases[..]
            && self.groups == 1
            && in_c < FEW_CHANNELS
            && in_c == images.pixel
            && phase.horizontal.is_contiguous()
        {
            let (rows, columns) = (phase.vertical.padding(in_h), phase.horizontal.padding(in_w));
            if (rows.clone(), columns.clone()) == (0..0, 0..0) {
                let plan = self.plan_segments(phase, [0, 0], self.input, level)?;
                return self.execute(level, &[plan], images, finish, target);
            }
            if padding::is_small(self.input, &rows, &columns) {
                let before = [rows.start, columns.start];
                let (padded, size) = pad(images.data, self.input, rows, columns)?;
                let plan = self.plan_segments(phase, before, size, level)?;
                let images = Images { data: padded.as_slice()?, size, pixel: in_c };
                return self.execute(level, &[plan], &images, finish, target);
            }
        }
        let plans = phases
            .iter()
            .map(|phase| {
                let (vertical, horizontal) = (phase.vertical.axis(0, in_h)?, phase.horizontal.axis(0, in_w)?);
                self.plan(phase, vertical, horizontal, in_c / self.groups, level)
            })
            .collect::<Result<Vec<_>>>()?;
        self.execute(level, &plans, images, finish, target)
    }

    /// The pixels under one kernel row are one segment of an image that has its padding around it.
    fn plan_segments(
        &self,
        phase: &Phase,
        before: [usize; 2],
        [height, width, in_c]: [usize; 3],
        level: Level,
    ) -> Result<Plan<'a>> {
        let span = phase.horizontal.taps.len();
        let first =
            Side { taps: phase.horizontal.taps.iter().take(1).copied().collect(), ..phase.horizontal };
        // A segment begins where all of it lies inside the row.
        let horizontal = first.axis(before[1], (width + 1).saturating_sub(span))?;
        self.plan(phase, phase.vertical.axis(before[0], height)?, horizontal, span * in_c, level)
    }

    fn plan(
        &self,
        phase: &Phase,
        vertical: Axis,
        horizontal: Axis,
        depth: usize,
        level: Level,
    ) -> Result<Plan<'a>> {
        let placement = Placement {
            first: [phase.vertical.first, phase.horizontal.first],
            step: [phase.vertical.step, phase.horizontal.step],
            width: self.output[1],
        };
        let taps = (phase.vertical.taps.iter())
            .flat_map(|&(y, _)| phase.horizontal.taps.iter().map(move |&(x, _)| y * self.kernel_w + x))
            .collect();
        let panels = Panels {
            weight: self.weight,
            taps,
            direction: self.direction,
            groups: self.groups,
            channels: [self.input[2] / self.groups, self.output[2] / self.groups],
            level,
        };
        Ok(Plan { vertical, horizontal, depth, panels, placement })
    }

    fn execute(
        &self,
        level: Level,
        plans: &[Plan<'_>],
        images: &Images<'_>,
        finish: Finish<'_>,
        target: Target<'_>,
    ) -> Result<()> {
        let [out_h, out_w, out_c] = self.output;
        let zeros = Tensor::zeros(&[plans.iter().map(|plan| plan.depth).max().unwrap_or(0)], DType::F32)?;
        let zeros = zeros.as_slice()?;
        let [plan, ..] = plans else { return Ok(()) };
        // Panels have the same columns in every phase.
        let (panels, step) = (&plan.panels, plan.placement.step[0]);
        let cut = Cut::new(self.batch, images.size, plans, Tile::of(level).rows, panels.count());

        let [in_h, in_w, in_c] = images.size;
        let image_len = in_h * in_w * images.pixel;
        let image_pixels = out_h * out_w;
        let mut pieces = Vec::new();
        let mut rest = target;
        let bands = cut.bands(plans);
        for first_image in (0..self.batch).step_by(cut.images) {
            let count = cut.images.min(self.batch - first_image);
            for band in 0..bands {
                let rows = (out_h - band * cut.height * step).min(cut.height * step);
                let (mut output, after) = rest.split_rows(count * rows * out_w);
                rest = after;
                for block in 0..cut.blocks {
                    let range =
                        block * panels.count() / cut.blocks..(block + 1) * panels.count() / cut.blocks;
                    let columns = panels.columns(range.end - 1).end - panels.columns(range.start).start;
                    let (columns, after) = output.split_columns(columns);
                    output = after;
                    let images = first_image..first_image + count;
                    pieces.push((band * cut.height, images, range, columns));
                }
            }
        }
        // Where there is one piece for each panel, it is packed when it is needed, and never leaves the cache.
        let once = pieces.len() == cut.blocks;
        let packed = match once {
            true => Vec::new(),
            false => plans.iter().map(|plan| plan.panels.pack_all()).collect::<Result<Vec<_>>>()?,
        };
        let packed = (packed.iter())
            .map(|packed| Ok((packed.numbers.as_slice::<f32>()?, &packed.finite[..])))
            .collect::<Result<Vec<_>>>()?;
        let longest = plans.iter().map(|plan| plan.panels.len()).max().unwrap_or(0);
        let memory = if once { longest } else { 0 };
        let work =
            (self.batch * image_pixels * out_c).saturating_mul((longest / Tile::of(level).columns).max(1));
        parallel::for_each_with_memory(pieces.into_iter(), work, memory, |piece, memory| {
            let (first_row, numbers, range, mut output) = piece;
            for (number, plan) in plans.iter().enumerate() {
                let rows = first_row..plan.vertical.outputs().min(first_row + cut.height);
                if rows.is_empty() {
                    continue;
                }
                let panel_len = plan.panels.len();
                for index in range.clone() {
                    let (panel, finite) = match packed.get(number) {
                        Some((packed, finite)) => (&packed[index * panel_len..][..panel_len], finite[index]),
                        None => {
                            let panel = &mut memory[..panel_len];
                            let finite = plan.panels.pack(index, panel);
                            (&*panel, finite)
                        }
                    };
                    let columns = plan.panels.columns(index);
                    let first = columns.start - plan.panels.columns(range.start).start;
                    let channel = plan.panels.group(index) * (in_c / self.groups);
                    for (image, number) in numbers.clone().enumerate() {
                        let (_, pixels) = output.reborrow().split_rows(image * image_pixels);
                        let (_, right) = pixels.split_columns(first);
                        level.run(PatchBlock {
                            vertical: &plan.vertical,
                            horizontal: &plan.horizontal,
                            rows: rows.clone(),
                            input: &images.data[number * image_len + channel..],
                            row_pitch: in_w * images.pixel,
                            pixel_pitch: images.pixel,
                            depth: plan.depth,
                            zeros,
                            panel: Panel { data: panel, pitch: Tile::of(level).columns, finite },
                            bias: finish.bias.map(|bias| &bias[columns.start..]),
                            activation: finish.activation,
                            output: right.split_columns(columns.len()).0,
                            placement: plan.placement,
                            origin: rows.start * step * out_w,
                        });
                    }
                }
            }
        })
    }
}

/// How the work is cut: some images, or some rows of windows of one image, and the panels in blocks.
struct Cut {
    images: usize,
    height: usize,
    blocks: usize,
}

impl Cut {
    fn new(
        batch: usize,
        [in_h, in_w, in_c]: [usize; 3],
        plans: &[Plan<'_>],
        tile_rows: usize,
        panels: usize,
    ) -> Self {
        let sides = |plan: &Plan<'_>| [plan.vertical.outputs(), plan.horizontal.outputs()];
        let [rows, width] = plans.iter().map(sides).max().unwrap_or([1, 1]);
        if panels > 1 && batch * in_h * in_w * in_c <= WHOLE {
            return Self { images: batch, height: rows, blocks: panels };
        }
        // Rows of input under a row of windows, about.
        let row_len = (in_h * in_w * in_c / rows).max(1);
        let fewest = (PIECE_TILES * tile_rows).div_ceil(width);
        let even = (batch * rows).div_ceil(PIECES);
        let height = (PIECE / row_len).min(even).max(fewest);
        let (images, height) = match height < rows {
            true => (1, rows.div_ceil(rows.div_ceil(height))),
            false => ((height / rows).min(batch), rows),
        };
        let pieces = batch.div_ceil(images) * rows.div_ceil(height);
        Self { images, height, blocks: FEWEST_PIECES.div_ceil(pieces).min(panels) }
    }

    /// Bands of an image.
    fn bands(&self, plans: &[Plan<'_>]) -> usize {
        plans.iter().map(|plan| plan.vertical.outputs()).max().unwrap_or(0).div_ceil(self.height)
    }
}

/// Sizes of tensors fit `isize`: [`crate::Shape`] has checked it.
fn signed(size: usize) -> isize {
    size as isize
}
