//! The dense product in `f32` on the two register kernels.

use std::ops::Range;

use super::Geometry;
use crate::gemm::outer::{BLOCK_PIXELS, Begin, OuterBlock, Run};
use crate::gemm::rows::{Panels, RowBlock, RowTable, RowTableSize, Rows, Start};
use crate::gemm::{Tile, pack};
use crate::ops::activation::Activation;
use crate::simd::{self, Level};
use crate::{DType, Result, Tensor, parallel};

/// Rows of the right-hand matrix that are multiplied before the next are taken: a panel of them stays in the
/// second-level cache while all rows of the left-hand side pass over it.
const DEPTH: usize = 512;

/// Rows of the left-hand side in one piece of work, a multiple of every register tile's.
const ROWS: usize = 14 * 6 * 4;

/// See [`super::forward`].
pub(super) fn forward(
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: &mut [f32],
) -> Result<()> {
    let Geometry { rows, in_features, out_features } = *geometry;
    let level = simd::active()?;
    let tile = Tile::of(level);
    let product = Product { level, tile, rows, depth: in_features, columns: out_features, bias, activation };
    if out_features.is_multiple_of(tile.columns / 2) {
        // Whole vectors lie in the weights as they are.
        return product.run(
            x,
            Panels { data: weight, panel_step: tile.columns, pitch: out_features },
            target,
        );
    }
    let packed = pack(weight, in_features, out_features, 1, tile, |row| row * out_features)?;
    product.run(x, packed.panels()?, target)
}

/// See [`super::grad_input`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    target: &mut [f32],
) -> Result<()> {
    let Geometry { rows, in_features, out_features } = *geometry;
    let level = simd::active()?;
    let tile = Tile::of(level);
    let transposed = pack(weight, out_features, in_features, out_features, tile, |row| row)?;
    let activation = Activation::Identity;
    let product =
        Product { level, tile, rows, depth: out_features, columns: in_features, bias: None, activation };
    product.run(grad, transposed.panels()?, target)
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    let Geometry { rows, in_features, out_features } = *geometry;
    if rows == 0 || target.is_empty() {
        target.fill(0.0);
        return Ok(());
    }
    let level = simd::active()?;
    // Sixteen pieces share evenly between a few threads; eight rows fill the widest register tile.
    let rows_in_piece = in_features.div_ceil(16).next_multiple_of(8);
    let offsets: Vec<usize> = (0..rows_in_piece.min(in_features)).collect();
    let runs: Vec<Run> = (0..rows)
        .step_by(BLOCK_PIXELS)
        .map(|first| Run {
            input: first * in_features,
            grad: first * out_features,
            pixels: (rows - first).min(BLOCK_PIXELS),
        })
        .collect();
    let pieces = target.chunks_mut(rows_in_piece * out_features).enumerate();
    parallel::for_each(
        pieces,
        rows.saturating_mul(in_features).saturating_mul(out_features),
        |(piece, target)| {
            for (block, run) in runs.chunks(1).enumerate() {
                level.run(OuterBlock {
                    input: &x[piece * rows_in_piece..],
                    input_pitch: in_features,
                    rows: &offsets[..target.len() / out_features],
                    grad,
                    grad_pitch: out_features,
                    columns: out_features,
                    runs: run,
                    target: &mut *target,
                    target_pitch: out_features,
                    begin: if block == 0 { Begin::Fresh } else { Begin::Continue },
                });
            }
        },
    )
}

/// `rows x depth` times `depth x columns`.
struct Product<'a> {
    level: Level,
    tile: Tile,
    rows: usize,
    depth: usize,
    columns: usize,
    bias: Option<&'a [f32]>,
    activation: Activation,
}

impl Product<'_> {
    /// Pieces of work are some rows by one panel. A panel's columns are not contiguous in the output, so each piece
    /// fills a block of its own, and the blocks are then laid side by side.
    fn run(&self, left: &[f32], panels: Panels<'_>, target: &mut [f32]) -> Result<()> {
        if target.is_empty() {
            return Ok(());
        }
        let width = self.tile.columns;
        let work = self.rows.saturating_mul(self.depth).saturating_mul(self.columns);
        let zeros = Tensor::zeros(&[DEPTH.min(self.depth)], DType::F32)?;
        let zeros = zeros.as_slice()?;
        let panel_count = self.columns.div_ceil(width);
        let groups: Vec<Range<usize>> =
            (0..self.rows).step_by(ROWS).map(|first| first..(first + ROWS).min(self.rows)).collect();
        let tables = [self.table(ROWS.min(self.rows))?, self.table(groups.last().map_or(0, Range::len))?];
        let (whole, last) = (tables[0].rows()?, tables[1].rows()?);
        let table = |group: &Range<usize>| if group.len() == ROWS { whole } else { last };

        let mut blocks = Tensor::stale(&[self.rows * panel_count * width], DType::F32)?;
        let mut rest = blocks.as_mut_slice::<f32>()?;
        let mut pieces = Vec::with_capacity(groups.len() * panel_count);
        for group in &groups {
            for panel in 0..panel_count {
                let (block, after) = rest.split_at_mut(group.len() * width);
                rest = after;
                pieces.push((group.clone(), panel, block));
            }
        }
        parallel::for_each(pieces.into_iter(), work, |(group, panel, block)| {
            let left = &left[group.start * self.depth..group.end * self.depth];
            self.multiply(table(&group), left, panels, panel, zeros, block);
        })?;

        let blocks = blocks.as_slice::<f32>()?;
        let groups = groups.iter().zip(target.chunks_mut(ROWS * self.columns));
        parallel::for_each(groups, self.rows * self.columns, |(group, target)| {
            let blocks = &blocks[group.start * panel_count * width..group.end * panel_count * width];
            for (panel, block) in blocks.chunks_exact(group.len() * width).enumerate() {
                let first = panel * width;
                let columns = (self.columns - first).min(width);
                for (row, target) in block.chunks_exact(width).zip(target.chunks_exact_mut(self.columns)) {
                    target[first..first + columns].copy_from_slice(&row[..columns]);
                }
            }
        })
    }

    /// All rows of a group by one panel, the depth in parts.
    fn multiply(
        &self,
        table: Rows<'_>,
        left: &[f32],
        panels: Panels<'_>,
        panel: usize,
        zeros: &[f32],
        block: &mut [f32],
    ) {
        let first = panel * self.tile.columns;
        let columns = (self.columns - first).min(self.tile.columns);
        for part in (0..self.depth).step_by(DEPTH) {
            let depth = (self.depth - part).min(DEPTH);
            let start = match (part, self.bias) {
                (0, None) => Start::Zero,
                (0, Some(bias)) => Start::Bias(&bias[first..]),
                _ => Start::Output,
            };
            let last = part + depth == self.depth;
            self.level.run(RowBlock {
                table,
                tiles: 0..table.tiles(),
                input: left,
                input_shift: part,
                depth,
                zeros,
                panels: Panels {
                    data: &panels.data[panel * panels.panel_step + part * panels.pitch..],
                    ..panels
                },
                columns,
                start,
                activation: if last { self.activation } else { Activation::Identity },
                output: block,
                output_base: 0,
                output_shift: 0,
            });
        }
    }

    fn table(&self, rows: usize) -> Result<RowTable> {
        let size = RowTableSize {
            op: "dense",
            tile_rows: self.tile.rows,
            rows,
            segments: 1,
            reach: self.depth,
            input_len: rows * self.depth,
        };
        RowTable::new(size, |row, _| Some(row * self.depth), |row| row * self.tile.columns)
    }
}
