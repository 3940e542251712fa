//! Attention of `f32` on the register kernels of [`crate::gemm`]: blocks of queries forward, heads backward.

use super::kernels::{Back, Block, Drop, MaskRow, Softmax};
use super::{Causality, Geometry, Gradients, Inputs, Options};
use crate::gemm::product::{After, Left, RightPanels, TileProduct};
use crate::gemm::target::Target;
use crate::gemm::{PackPanels, Start, Tile};
use crate::ops::activation::Activation;
use crate::parallel::for_each_with_memory;
use crate::simd::{self, Level};
use crate::{DType, Result, Tensor};

/// Most queries of a block.
const QUERIES: usize = 128;

/// Fewest queries of a block, as far as there are so many: the keys are packed for each block.
const FEWEST: usize = 16;

/// Weights of a block, where that leaves enough queries: they stay in a second-level cache.
const WEIGHTS: usize = 1 << 15;

/// Longest part of the depth of a product that is summed at once.
const DEPTH: usize = 384;

/// Products that take as long as one of the operations in which the cost of a region is counted.
const PRODUCTS_IN_OPERATION: usize = 16;

/// Rows of one of queries, keys and values: how far apart they are, and where the first head begins.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    pitch: usize,
    first: usize,
    /// Channels of a head.
    size: usize,
}

impl<'a> Rows<'a> {
    /// The numbers from a row's channels of a head on.
    fn from(&self, row: usize, head: usize) -> &'a [f32] {
        &self.data[row * self.pitch + self.first + head * self.size..]
    }

    fn left(&self, row: usize, head: usize) -> Left<'a> {
        Left { data: self.from(row, head), row: self.pitch, step: 1 }
    }

    /// A head's channels as they lie.
    fn right(&self, row: usize, head: usize, tile: Tile) -> RightPanels<'a> {
        let data = self.from(row, head);
        RightPanels { data, panel_step: tile.columns, pitch: self.pitch, after: After::Nothing }
    }

    /// A head's channels of `count` rows, the rows as columns.
    fn pack(&self, level: Level, row: usize, head: usize, count: usize, panels: &mut [f32]) {
        level.run(PackPanels {
            source: self.from(row, head),
            at: |channel| channel,
            step: self.pitch,
            depth: self.size,
            columns: count,
            target: panels,
        });
    }
}

/// All that pieces share.
struct Worker<'a> {
    geometry: &'a Geometry,
    options: &'a Options,
    query: Rows<'a>,
    key: Rows<'a>,
    value: Rows<'a>,
    mask: Mask<'a>,
    level: Level,
    tile: Tile,
}

/// The whole mask.
#[derive(Clone, Copy)]
enum Mask<'a> {
    Nothing,
    Seen(&'a [u8]),
    Added(&'a [f32]),
}

impl<'a> Worker<'a> {
    fn new(
        geometry: &'a Geometry,
        inputs: Inputs<'a>,
        mask: Option<&'a Tensor>,
        options: &'a Options,
    ) -> Result<Self> {
        let Geometry { heads, head_size, value_size, .. } = *geometry;
        let rows = |x: &'a Tensor, pitch, first, size| -> Result<Rows<'a>> {
            Ok(Rows { data: x.as_slice()?, pitch, first, size })
        };
        let features = heads * head_size;
        let [query, key, value] = match inputs {
            Inputs::Apart { query, key, value } => [
                rows(query, features, 0, head_size)?,
                rows(key, features, 0, head_size)?,
                rows(value, heads * value_size, 0, value_size)?,
            ],
            Inputs::Packed(packed) => {
                let third = |index| rows(packed, 3 * features, index * features, head_size);
                [third(0)?, third(1)?, third(2)?]
            }
        };
        let mask = match mask {
            None => Mask::Nothing,
            Some(mask) if mask.dtype() == DType::Bool => Mask::Seen(mask.as_slice()?),
            Some(mask) => Mask::Added(mask.as_slice()?),
        };
        let level = simd::active()?;
        Ok(Self { geometry, options, query, key, value, mask, level, tile: Tile::of(level) })
    }

    /// Queries of a block.
    fn rows(&self) -> usize {
        let Geometry { queries, keys, .. } = *self.geometry;
        let most = (WEIGHTS / keys.max(1)).clamp(FEWEST, QUERIES);
        queries.div_ceil(queries.div_ceil(most).max(1)).max(1)
    }

    /// Numbers of the packed channels of all keys.
    fn packed(&self, size: usize) -> usize {
        size * self.geometry.keys.next_multiple_of(self.tile.columns)
    }

    /// The block of the queries from `query` on: keys that none of them sees are left out.
    fn block(&self, query: usize, rows: usize) -> Block {
        let keys = match self.options.causality {
            Causality::All => self.geometry.keys,
            Causality::Causal => self.geometry.keys.min(query + rows),
        };
        Block { query, keys }
    }

    /// Fills `weights` with the softmax of a block's scores; `panels` are the keys.
    fn weights(&self, image: usize, head: usize, block: Block, panels: &[f32], weights: &mut [f32]) {
        let geometry = self.geometry;
        let (depth, width) = (geometry.head_size, self.tile.columns);
        let left = self.query.left(image * geometry.queries + block.query, head);
        let right =
            RightPanels { data: panels, panel_step: depth * width, pitch: width, after: After::Filling };
        let rows = weights.len() / block.keys;
        let output = Target::new(weights, rows, block.keys);
        multiply(self.level, left, right, depth, Start::Zero, output);
        let mask = |row: usize| {
            let first = geometry.mask_row(image, head, block.query + row);
            match self.mask {
                Mask::Nothing => MaskRow::Nothing,
                Mask::Seen(seen) => MaskRow::Seen(&seen[first..][..block.keys]),
                Mask::Added(added) => MaskRow::Added(&added[first..][..block.keys]),
            }
        };
        let (scale, causality) = (geometry.scale as f32, self.options.causality);
        self.level.run(Softmax { block, scores: weights, scale, causality, mask });
    }

    /// What the products of all heads cost.
    fn cost(&self, products: usize) -> usize {
        let Geometry { batch, heads, queries, keys, head_size, value_size, .. } = *self.geometry;
        let sizes = [batch, heads, queries, keys, head_size + value_size, products];
        sizes.into_iter().fold(1, usize::saturating_mul) / PRODUCTS_IN_OPERATION
    }
}

/// `output = start + left right`, with the depth in parts that are summed on their own.
fn multiply(
    level: Level,
    left: Left<'_>,
    right: RightPanels<'_>,
    depth: usize,
    start: Start<'_>,
    mut output: Target<'_>,
) {
    let part = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).max(1);
    for first in (0..depth).step_by(part) {
        level.run(TileProduct {
            left: left.from(0, first),
            depth: part.min(depth - first),
            right: RightPanels { data: &right.data[first * right.pitch..], ..right },
            start: if first == 0 { start } else { Start::Output },
            activation: Activation::Identity,
            output: output.reborrow(),
        });
    }
}

/// Cuts rows of all images into windows of one image and one head, in this order.
fn heads_of<'t>(all: Target<'t>, images: usize, heads: usize) -> Vec<Target<'t>> {
    let (rows, columns) = (all.rows() / images, all.columns() / heads);
    let mut windows = Vec::with_capacity(images * heads);
    let mut below = all;
    for _ in 0..images {
        let (mut image, after) = below.split_rows(rows);
        below = after;
        for _ in 0..heads {
            let (head, others) = image.split_columns(columns);
            image = others;
            windows.push(head);
        }
    }
    windows
}

pub(super) fn forward(
    geometry: &Geometry,
    inputs: Inputs<'_>,
    mask: Option<&Tensor>,
    options: &Options,
    output: &mut [f32],
) -> Result<()> {
    let worker = Worker::new(geometry, inputs, mask, options)?;
    let Geometry { batch, queries, keys, heads, head_size, value_size, .. } = *geometry;
    let rows = worker.rows();
    let mut pieces = Vec::with_capacity(batch * heads * queries.div_ceil(rows));
    let windows = heads_of(Target::new(output, batch * queries, heads * value_size), batch, heads);
    for (index, window) in windows.into_iter().enumerate() {
        let mut below = window;
        for query in (0..queries).step_by(rows) {
            let (output, after) = below.split_rows(rows.min(queries - query));
            below = after;
            pieces.push((index / heads, index % heads, query, output));
        }
    }
    let packed = worker.packed(head_size);
    let len = packed + rows * keys + keys;
    let cost = worker.cost(1);
    for_each_with_memory(pieces.into_iter(), cost, len, |(image, head, query, output), memory| {
        let (panels, memory) = memory.split_at_mut(packed);
        let (weights, factors) = memory.split_at_mut(rows * keys);
        let block = worker.block(query, output.rows());
        worker.key.pack(worker.level, image * keys, head, block.keys, panels);
        let weights = &mut weights[..output.rows() * block.keys];
        worker.weights(image, head, block, panels, weights);
        if let Some(dropout) = options.dropout {
            let (first, weights) = (geometry.weight(image, head, query), &mut *weights);
            worker.level.run(Drop { block, weights, dropout, first, pitch: keys, factors });
        }
        let left = Left { data: weights, row: block.keys, step: 1 };
        let right = worker.value.right(image * keys, head, worker.tile);
        multiply(worker.level, left, right, block.keys, Start::Zero, output);
    })
}

/// The windows of the gradients that one head of one image fills.
struct Windows<'t> {
    query: Option<Target<'t>>,
    key: Option<Target<'t>>,
    value: Option<Target<'t>>,
}

pub(super) fn backward(
    geometry: &Geometry,
    inputs: Inputs<'_>,
    mask: Option<&Tensor>,
    options: &Options,
    grad: &[f32],
    gradients: &mut Gradients,
) -> Result<()> {
    let worker = Worker::new(geometry, inputs, mask, options)?;
    let Geometry { keys, heads, head_size, value_size, .. } = *geometry;
    let grad = Rows { data: grad, pitch: heads * value_size, first: 0, size: value_size };
    let rows = worker.rows();
    let lens = [worker.packed(head_size), worker.packed(value_size), rows * keys, rows * keys, keys];
    let pieces = windows(geometry, gradients)?.into_iter().enumerate();
    for_each_with_memory(pieces, worker.cost(3), lens.iter().sum(), |(index, windows), mut memory| {
        let parts = lens.map(|len| {
            let (part, rest) = std::mem::take(&mut memory).split_at_mut(len);
            memory = rest;
            part
        });
        worker.head_back(index / heads, index % heads, grad, windows, parts);
    })
}

/// The windows of each image and head.
fn windows<'t>(geometry: &Geometry, gradients: &'t mut Gradients) -> Result<Vec<Windows<'t>>> {
    let Geometry { batch, queries, keys, heads, head_size, value_size, .. } = *geometry;
    let cut =
        |gradient: &'t mut Option<Tensor>, rows: usize, size: usize| -> Result<Vec<Option<Target<'t>>>> {
            Ok(match gradient {
                None => (0..batch * heads).map(|_| None).collect(),
                Some(gradient) => {
                    let all = Target::new(gradient.as_mut_slice()?, batch * rows, heads * size);
                    heads_of(all, batch, heads).into_iter().map(Some).collect()
                }
            })
        };
    let [query, key, value] = match gradients {
        Gradients::Apart { query, key, value } => {
            [cut(query, queries, head_size)?, cut(key, keys, head_size)?, cut(value, keys, value_size)?]
        }
        Gradients::Packed(packed) => {
            let features = heads * head_size;
            let all = Target::new(packed.as_mut_slice()?, batch * queries, 3 * features);
            let (query, others) = all.split_columns(features);
            let (key, value) = others.split_columns(features);
            [query, key, value].map(|third| heads_of(third, batch, heads).into_iter().map(Some).collect())
        }
    };
    let all = query.into_iter().zip(key).zip(value);
    Ok(all.map(|((query, key), value)| Windows { query, key, value }).collect())
}

impl Worker<'_> {
    /// The gradients of a head of an image, block of queries by block of queries.
    fn head_back(
        &self,
        image: usize,
        head: usize,
        grad: Rows<'_>,
        windows: Windows<'_>,
        memory: [&mut [f32]; 5],
    ) {
        let Geometry { queries, keys, value_size, .. } = *self.geometry;
        let Windows { query: mut of_query, key: mut of_key, value: mut of_value } = windows;
        let [key_panels, value_panels, weights, grads, factors] = memory;
        let (level, tile) = (self.level, self.tile);
        self.key.pack(level, image * keys, head, keys, key_panels);
        self.value.pack(level, image * keys, head, keys, value_panels);
        // Each block of queries adds to the gradients of the keys that it sees.
        for window in [&mut of_key, &mut of_value].into_iter().flatten() {
            (0..keys).for_each(|row| window.row(row).fill(0.0));
        }
        let rows = self.rows();
        for query in (0..queries).step_by(rows) {
            let rows = rows.min(queries - query);
            let block = self.block(query, rows);
            let (weights, grads) = (&mut weights[..rows * block.keys], &mut grads[..rows * block.keys]);
            self.weights(image, head, block, key_panels, weights);

            let of_row = image * queries + query;
            let right = RightPanels {
                data: value_panels,
                panel_step: value_size * tile.columns,
                pitch: tile.columns,
                after: After::Filling,
            };
            let output = Target::new(grads, rows, block.keys);
            multiply(level, grad.left(of_row, head), right, value_size, Start::Zero, output);
            level.run(Back {
                block,
                weights,
                grads,
                scale: self.geometry.scale as f32,
                dropout: self.options.dropout,
                first: self.geometry.weight(image, head, query),
                pitch: keys,
                factors,
            });

            let transposed = |data| Left { data, row: 1, step: block.keys };
            if let Some(window) = &mut of_value {
                let (seen, _) = window.reborrow().split_rows(block.keys);
                let right = grad.right(of_row, head, tile);
                multiply(level, transposed(weights), right, rows, Start::Output, seen);
            }
            if let Some(window) = &mut of_key {
                let (seen, _) = window.reborrow().split_rows(block.keys);
                let right = self.query.right(of_row, head, tile);
                multiply(level, transposed(grads), right, rows, Start::Output, seen);
            }
            if let Some(window) = &mut of_query {
                let (_, below) = window.reborrow().split_rows(query);
                let (output, _) = below.split_rows(rows);
                let left = Left { data: grads, row: block.keys, step: 1 };
                let right = self.key.right(image * keys, head, tile);
                multiply(level, left, right, block.keys, Start::Zero, output);
            }
        }
    }
}
