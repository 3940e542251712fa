//! How a convolution over rows of pixels is cut into pieces of work, and what a piece computes.
//!
//! A piece is some rows of windows of one image, or some whole images, whose input stays in the second-level cache
//! while panels of the weights pass over it: all panels, or a block of them where the work makes few pieces otherwise.
//! What it is depends on the sizes alone.

use std::ops::Range;

use super::{Convolution, Images, Plan};
use crate::gemm::Tile;
use crate::gemm::patches::{Panel, PatchBlock};
use crate::gemm::target::Target;
use crate::{DType, Result, Tensor, parallel};

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

/// Some rows of windows of some images, by some panels.
struct Piece<'t> {
    /// The first row of windows in each phase.
    first_row: usize,
    images: Range<usize>,
    panels: Range<usize>,
    /// Their pixels of all phases, from the first row on, by the panels' columns.
    output: Target<'t>,
}

impl Convolution<'_> {
    /// Computes all phases.
    pub(super) fn execute(&self, plans: &[Plan<'_>], images: &Images<'_>, target: Target<'_>) -> Result<()> {
        let [plan, ..] = plans else { return Ok(()) };
        let tile = Tile::of(self.level);
        let cut = Cut::new(self.batch, images.size, plans, tile.rows, plan.panels.count());
        let pieces = self.pieces(&cut, plan, target);
        // Where there is one piece for each block of panels, it packs them when it needs them, and they never leave the
        // cache.
        let packed = match pieces.len() == cut.blocks {
            true => Vec::new(),
            false => plans.iter().map(|plan| plan.panels.pack_all()).collect::<Result<Vec<_>>>()?,
        };
        let packed = packed.iter().map(|packed| packed.panels()).collect::<Result<Vec<_>>>()?;
        let zeros = Tensor::zeros(&[plans.iter().map(|plan| plan.depth).max().unwrap_or(0)], DType::F32)?;
        let panel_len = plans.iter().map(|plan| plan.panels.len()).max().unwrap_or(0);
        let memory = if packed.is_empty() { panel_len } else { 0 };
        let outputs = self.batch * self.output.iter().product::<usize>();
        let work = outputs.saturating_mul((panel_len / tile.columns).max(1));
        let worker = Worker {
            convolution: self,
            plans,
            images,
            zeros: zeros.as_slice()?,
            height: cut.height,
            packed: &packed,
        };
        parallel::for_each_with_memory(pieces.into_iter(), work, memory, |piece, memory| {
            worker.run(piece, memory);
        })
    }

    /// Cuts the output. Any of the plans will do: all have the same columns, and the same distance between their rows.
    fn pieces<'t>(&self, cut: &Cut, plan: &Plan<'_>, target: Target<'t>) -> Vec<Piece<'t>> {
        let [out_h, out_w, _] = self.output;
        let (all, step) = (&plan.panels, plan.placement.step[0]);
        let mut pieces = Vec::new();
        let mut below = target;
        for first_image in (0..self.batch).step_by(cut.images) {
            let images = first_image..self.batch.min(first_image + cut.images);
            for first_row in (0..cut.rows).step_by(cut.height) {
                let rows = (out_h - first_row * step).min(cut.height * step);
                let (mut right, after) = below.split_rows(images.len() * rows * out_w);
                below = after;
                for block in 0..cut.blocks {
                    let panels = block * all.count() / cut.blocks..(block + 1) * all.count() / cut.blocks;
                    let columns = all.columns(panels.end - 1).end - all.columns(panels.start).start;
                    let (output, after) = right.split_columns(columns);
                    right = after;
                    pieces.push(Piece { first_row, images: images.clone(), panels, output });
                }
            }
        }
        pieces
    }
}

/// What all pieces share.
struct Worker<'a> {
    convolution: &'a Convolution<'a>,
    plans: &'a [Plan<'a>],
    images: &'a Images<'a>,
    /// As many as the longest segment has numbers.
    zeros: &'a [f32],
    /// Most rows of windows of a piece.
    height: usize,
    /// The panels of each phase, or nothing, where a piece packs its own.
    packed: &'a [Vec<Panel<'a>>],
}

impl Worker<'_> {
    /// Computes a piece. Where no panels are packed, the memory holds the longest.
    fn run(&self, piece: Piece<'_>, memory: &mut [f32]) {
        let Piece { first_row, images, panels, mut output } = piece;
        let &Convolution { groups, output: [out_h, out_w, _], bias, activation, level, .. } =
            self.convolution;
        let &Images { data, size: [in_h, in_w, in_c], pixel } = self.images;
        for (phase, plan) in self.plans.iter().enumerate() {
            let rows = first_row..plan.vertical.outputs().min(first_row + self.height);
            if rows.is_empty() {
                continue;
            }
            let first_column = plan.panels.columns(panels.start).start;
            for index in panels.clone() {
                let panel = match self.packed.get(phase) {
                    Some(packed) => packed[index],
                    None => plan.panels.pack(index, &mut memory[..plan.panels.len()]),
                };
                let columns = plan.panels.columns(index);
                let channel = plan.panels.group(index) * (in_c / groups);
                for (place, image) in images.clone().enumerate() {
                    let (_, below) = output.reborrow().split_rows(place * out_h * out_w);
                    let (_, right) = below.split_columns(columns.start - first_column);
                    level.run(PatchBlock {
                        vertical: &plan.vertical,
                        horizontal: &plan.horizontal,
                        rows: rows.clone(),
                        input: &data[image * in_h * in_w * pixel + channel..],
                        row_pitch: in_w * pixel,
                        pixel_pitch: pixel,
                        depth: plan.depth,
                        zeros: self.zeros,
                        panel,
                        bias: bias.map(|bias| &bias[columns.start..]),
                        activation,
                        output: right.split_columns(columns.len()).0,
                        placement: plan.placement,
                        origin: rows.start * plan.placement.step[0] * out_w,
                    });
                }
            }
        }
    }
}

/// How the work is cut: some images, or some rows of windows of one image, and the panels in blocks.
struct Cut {
    images: usize,
    /// Rows of windows of an image, in the phase that has most.
    rows: usize,
    /// Rows of windows in a piece.
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
            return Self { images: batch, rows, height: rows, blocks: panels };
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
        Self { images, rows, height, blocks: FEWEST_PIECES.div_ceil(pieces).min(panels) }
    }
}
