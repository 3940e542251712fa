//! Forward convolution and input gradient as one implicit matrix product over rows of pixels.
//!
//! Both sum, for each output pixel, over taps: the pixel under the tap, times the tap's matrix of channels. They
//! differ in which taps reach which pixels ([`Taps`]) and in how the weights are read. The gradient of a strided
//! convolution falls into phases: the input pixels of one phase (row and column modulo the stride) see the same
//! taps, so each phase is a convolution of stride one with some of the taps.
//! Where an image has few channels, it is copied once with its padding, so that the taps of one kernel row become
//! one contiguous segment.

use std::ops::Range;

use super::Geometry;
use super::padding::pad;
use crate::gemm::rows::{Panels, RowBlock, RowTable, RowTableSize, Rows, Start};
use crate::gemm::{PackedColumns, Tile, pack};
use crate::ops::activation::Activation;
use crate::ops::window::Window;
use crate::simd::{self, Level};
use crate::{DType, Result, Tensor, parallel};

/// Images with fewer channels than this are copied with their padding: the taps of a kernel row, read as one
/// segment, are then long enough to amortise the look-up of where they start.
const FEW_CHANNELS: usize = 16;

/// Numbers of input that the tiles of one piece of work read, so that they stay in the second-level cache while
/// the panels of the weights pass over them.
const PIECE: usize = 1 << 16;

/// Fewest tiles in a piece of work, so that each panel is used often enough.
const PIECE_TILES: usize = 4;

/// See [`super::forward`].
pub(super) fn forward(
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: &mut [f32],
) -> Result<()> {
    let taps = |window: &Window| {
        (0..window.kernel).map(|tap| (tap, signed(tap * window.dilation) - signed(window.before))).collect()
    };
    let axis = |window: &Window, outputs| Taps {
        taps: taps(window),
        stride: window.stride,
        outputs,
        step: 1,
        first: 0,
    };
    let convolution = Convolution {
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.in_h, geometry.in_w, geometry.in_c],
        output: [geometry.out_h, geometry.out_w, geometry.out_c],
        kernel_w: geometry.horizontal.kernel,
        weights: WeightOrder {
            tap: geometry.group_in_c() * geometry.out_c,
            group: geometry.group_out_c(),
            reduced: geometry.out_c,
            column: 1,
        },
    };
    let phase = Phase {
        vertical: axis(&geometry.vertical, geometry.out_h),
        horizontal: axis(&geometry.horizontal, geometry.out_w),
    };
    convolution.run(&[phase], x, weight, Finish { bias, activation }, target)
}

/// See [`super::grad_input`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    target: &mut [f32],
) -> Result<()> {
    let convolution = Convolution {
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.out_h, geometry.out_w, geometry.out_c],
        output: [geometry.in_h, geometry.in_w, geometry.in_c],
        kernel_w: geometry.horizontal.kernel,
        weights: WeightOrder {
            tap: geometry.group_in_c() * geometry.out_c,
            group: geometry.group_out_c(),
            reduced: 1,
            column: geometry.out_c,
        },
    };
    let rows = phases(&geometry.vertical, geometry.in_h);
    let columns = phases(&geometry.horizontal, geometry.in_w);
    let phases: Vec<Phase> = rows
        .iter()
        .flat_map(|vertical| {
            columns
                .iter()
                .map(|horizontal| Phase { vertical: vertical.clone(), horizontal: horizontal.clone() })
        })
        .collect();
    convolution.run(&phases, grad, weight, Finish { bias: None, activation: Activation::Identity }, target)
}

/// The taps that reach the elements of one axis: element `first + j * step` of the output sums, over the taps, the
/// input's element `j * stride + shift`.
#[derive(Clone)]
struct Taps {
    /// Index of the tap in the kernel, and its shift, shifts ascending.
    taps: Vec<(usize, isize)>,
    stride: usize,
    outputs: usize,
    step: usize,
    first: usize,
}

impl Taps {
    fn position(&self, output: usize, tap: usize) -> isize {
        signed(output * self.stride) + self.taps[tap].1
    }

    /// The position in an axis of `size` elements, `None` in the padding.
    fn inside(&self, output: usize, tap: usize, size: usize) -> Option<usize> {
        usize::try_from(self.position(output, tap)).ok().filter(|&at| at < size)
    }

    /// Elements to add before and after an axis of `size` elements so that every tap of every output is inside.
    fn padding(&self, size: usize) -> Range<usize> {
        let (Some(last_output), Some(last_tap)) =
            (self.outputs.checked_sub(1), self.taps.len().checked_sub(1))
        else {
            return 0..0;
        };
        let before = usize::try_from(-self.position(0, 0)).unwrap_or(0);
        let after = usize::try_from(self.position(last_output, last_tap) + 1 - signed(size)).unwrap_or(0);
        before..after
    }

    /// Whether neighbouring taps read neighbouring elements.
    fn is_contiguous(&self) -> bool {
        self.taps.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1)
    }
}

/// For each residue of the input's index modulo the stride: the taps whose gradient reaches it.
fn phases(window: &Window, inputs: usize) -> Vec<Taps> {
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
            Taps {
                taps,
                stride: 1,
                outputs: (inputs - first).div_ceil(window.stride),
                step: window.stride,
                first,
            }
        })
        .collect()
}

/// The output pixels that see the same taps.
struct Phase {
    vertical: Taps,
    horizontal: Taps,
}

/// How the weights of a tap are read as a matrix from reduced channels to output channels.
struct WeightOrder {
    tap: usize,
    group: usize,
    reduced: usize,
    column: usize,
}

/// A convolution in either direction: sizes are `[height, width, channels]`.
struct Convolution {
    batch: usize,
    groups: usize,
    input: [usize; 3],
    output: [usize; 3],
    kernel_w: usize,
    weights: WeightOrder,
}

/// What is done to the sums besides storing them.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: Option<&'a [f32]>,
    activation: Activation,
}

/// One phase, ready to run.
struct Plan {
    table: RowTable,
    /// Packed weights of each group.
    weights: Vec<PackedColumns>,
    /// Numbers in a segment.
    depth: usize,
}

impl Convolution {
    fn run(
        &self,
        phases: &[Phase],
        input: &[f32],
        weight: &[f32],
        finish: Finish<'_>,
        target: &mut [f32],
    ) -> Result<()> {
        let level = simd::active()?;
        let tile = Tile::of(level);
        let output_len: usize = self.output.iter().product();
        if self.batch == 0 || output_len == 0 {
            return Ok(());
        }
        let single = match phases {
            [phase]
                if self.groups == 1 && self.input[2] < FEW_CHANNELS && phase.horizontal.is_contiguous() =>
            {
                Some(phase)
            }
            _ => None,
        };
        if let Some(phase) = single {
            let [in_h, in_w, _] = self.input;
            let (padded, size) =
                pad(input, self.input, phase.vertical.padding(in_h), phase.horizontal.padding(in_w))?;
            let plan = self.plan_segments(phase, size, weight, tile)?;
            let image_len = size.iter().product();
            return self.execute(level, &[plan], padded.as_slice()?, image_len, finish, target);
        }
        let plans =
            phases.iter().map(|phase| self.plan_taps(phase, weight, tile)).collect::<Result<Vec<_>>>()?;
        self.execute(level, &plans, input, self.input.iter().product(), finish, target)
    }

    /// Every pixel under a tap is a segment.
    fn plan_taps(&self, phase: &Phase, weight: &[f32], tile: Tile) -> Result<Plan> {
        let [in_h, in_w, in_c] = self.input;
        let (vertical, horizontal) = (&phase.vertical, &phase.horizontal);
        let taps: Vec<(usize, usize)> =
            (0..vertical.taps.len()).flat_map(|v| (0..horizontal.taps.len()).map(move |h| (v, h))).collect();
        let size = RowTableSize {
            op: "conv2d",
            tile_rows: tile.rows,
            rows: vertical.outputs * horizontal.outputs,
            segments: taps.len(),
            reach: in_c,
            input_len: in_h * in_w * in_c,
        };
        let table = RowTable::new(
            size,
            |row, segment| {
                let (v, h) = taps[segment];
                let y = vertical.inside(row / horizontal.outputs, v, in_h)?;
                let x = horizontal.inside(row % horizontal.outputs, h, in_w)?;
                Some((y * in_w + x) * in_c)
            },
            |row| self.output_offset(phase, row),
        )?;
        let depth = in_c / self.groups;
        let starts: Vec<usize> = taps
            .iter()
            .map(|&(v, h)| (vertical.taps[v].0 * self.kernel_w + horizontal.taps[h].0) * self.weights.tap)
            .collect();
        self.plan(table, starts, depth, |row| (row / depth, row % depth), weight, tile)
    }

    /// The pixels under one kernel row are a segment of an image that has its padding around it.
    fn plan_segments(&self, phase: &Phase, size: [usize; 3], weight: &[f32], tile: Tile) -> Result<Plan> {
        let [height, width, in_c] = size;
        let (vertical, horizontal) = (&phase.vertical, &phase.horizontal);
        let (top, left) = (vertical.padding(self.input[0]).start, horizontal.padding(self.input[1]).start);
        let span = horizontal.taps.len();
        let depth = span * in_c;
        let size = RowTableSize {
            op: "conv2d",
            tile_rows: tile.rows,
            rows: vertical.outputs * horizontal.outputs,
            segments: if span == 0 { 0 } else { vertical.taps.len() },
            reach: depth,
            input_len: height * width * in_c,
        };
        let table = RowTable::new(
            size,
            |row, segment| {
                let y = vertical.position(row / horizontal.outputs, segment) + signed(top);
                let x = horizontal.position(row % horizontal.outputs, 0) + signed(left);
                Some((y as usize * width + x as usize) * in_c)
            },
            |row| self.output_offset(phase, row),
        )?;
        let starts: Vec<usize> = (0..size.segments)
            .flat_map(|v| {
                let row = vertical.taps[v].0 * self.kernel_w;
                horizontal.taps.iter().map(move |&(tap, _)| (row + tap) * self.weights.tap)
            })
            .collect();
        self.plan(table, starts, depth, |row| (row / in_c, row % in_c), weight, tile)
    }

    /// Packs the weights: row `r` of the matrix is reduced channel `c` of tap `t`, `(t, c) = split(r)`.
    fn plan(
        &self,
        table: RowTable,
        starts: Vec<usize>,
        depth: usize,
        split: impl Fn(usize) -> (usize, usize) + Sync,
        weight: &[f32],
        tile: Tile,
    ) -> Result<Plan> {
        let rows = table.segments() * depth;
        let columns = self.output[2] / self.groups;
        let weights = (0..self.groups)
            .map(|group| {
                pack(weight, rows, columns, self.weights.column, tile, |row| {
                    let (tap, reduced) = split(row);
                    starts[tap] + group * self.weights.group + reduced * self.weights.reduced
                })
            })
            .collect::<Result<_>>()?;
        Ok(Plan { table, weights, depth })
    }

    fn output_offset(&self, phase: &Phase, row: usize) -> usize {
        let (vertical, horizontal) = (&phase.vertical, &phase.horizontal);
        let y = vertical.first + row / horizontal.outputs * vertical.step;
        let x = horizontal.first + row % horizontal.outputs * horizontal.step;
        (y * self.output[1] + x) * self.output[2]
    }

    fn execute(
        &self,
        level: Level,
        plans: &[Plan],
        input: &[f32],
        image_len: usize,
        finish: Finish<'_>,
        target: &mut [f32],
    ) -> Result<()> {
        let output_len: usize = self.output.iter().product();
        let columns = self.output[2] / self.groups;
        let longest = plans.iter().map(|plan| plan.depth).max().unwrap_or(0);
        let zeros = Tensor::zeros(&[longest], DType::F32)?;
        let zeros = zeros.as_slice()?;
        let ready = plans.iter().map(Plan::ready).collect::<Result<Vec<_>>>()?;
        let mut pieces = Vec::new();
        for (image, output) in input.chunks_exact(image_len).zip(target.chunks_exact_mut(output_len)) {
            match &ready[..] {
                // Without phases the output of a range of tiles is contiguous.
                [plan] => {
                    let mut rest = output;
                    for tiles in plan.pieces() {
                        let rows = plan.rows.of_tiles(tiles.clone());
                        let (output, after) = rest.split_at_mut(rows.len() * self.output[2]);
                        rest = after;
                        pieces.push(Piece {
                            tiles: Some(tiles),
                            image,
                            output,
                            base: rows.start * self.output[2],
                        });
                    }
                }
                _ => pieces.push(Piece { tiles: None, image, output, base: 0 }),
            }
        }
        let products: usize = plans.iter().map(|plan| plan.table.segments() * plan.depth).max().unwrap_or(0);
        let outputs: usize = pieces.iter().map(|piece| piece.output.len()).sum();
        parallel::for_each(pieces.into_iter(), outputs.saturating_mul(products), |piece| {
            for plan in &ready {
                for (group, &panels) in plan.panels.iter().enumerate() {
                    level.run(RowBlock {
                        table: plan.rows,
                        tiles: piece.tiles.clone().unwrap_or(0..plan.rows.tiles()),
                        input: piece.image,
                        input_shift: group * plan.depth,
                        depth: plan.depth,
                        zeros,
                        panels,
                        columns,
                        start: finish.bias.map_or(Start::Zero, |bias| Start::Bias(&bias[group * columns..])),
                        activation: finish.activation,
                        output: piece.output,
                        output_base: piece.base,
                        output_shift: group * columns,
                    });
                }
            }
        })
    }
}

impl Plan {
    fn ready(&self) -> Result<Ready<'_>> {
        let panels = self.weights.iter().map(PackedColumns::panels).collect::<Result<_>>()?;
        Ok(Ready { rows: self.table.rows()?, panels, segments: self.table.segments(), depth: self.depth })
    }
}

/// A [`Plan`], borrowed by the pieces of work.
struct Ready<'a> {
    rows: Rows<'a>,
    /// Packed weights of each group.
    panels: Vec<Panels<'a>>,
    segments: usize,
    depth: usize,
}

impl Ready<'_> {
    /// The ranges of tiles that are handed out.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let tiles = self.rows.tiles();
        let row_len = (self.segments * self.depth).max(1);
        let rows = self.rows.of_tiles(0..1).len().max(1);
        let size = (PIECE / (row_len * rows)).max(PIECE_TILES);
        (0..tiles).step_by(size).map(move |first| first..(first + size).min(tiles))
    }
}

/// Some tiles of one image (or all of them, in every phase), and the output that they write.
struct Piece<'a> {
    tiles: Option<Range<usize>>,
    image: &'a [f32],
    output: &'a mut [f32],
    base: usize,
}

/// Sizes of tensors fit `isize`: [`crate::Shape`] has checked it.
fn signed(size: usize) -> isize {
    size as isize
}
