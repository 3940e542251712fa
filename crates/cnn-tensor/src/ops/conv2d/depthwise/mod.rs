//! Depthwise convolution: one input and one output channel in each group, vectors over channels.
//!
//! Forward pass and input gradient are one kernel (`correlate`): sums over taps, with strides and dilations taken
//! apart into phases of one form (`axis`). The weight gradient (`weights`) keeps the sums of the taps in registers.

mod correlate;
#[cfg(test)]
mod tests;
mod weights;

use correlate::Band;
use weights::Slice;

use super::Geometry;
use super::axis::Axis;
use super::pass::{Epilogue, Pass};
use crate::ops::activation::Activation;
use crate::simd::{self, MOST_LANES};
use crate::{DType, Result, Tensor, parallel};

/// Numbers of the target in one piece of work, where there are many. Chosen by `8x96x56x56 depthwise`.
const PIECE: usize = 1 << 16;

/// Pieces of work that a pass is cut into, where there are rows enough: what a few threads share evenly.
const PIECES: usize = 32;

/// Fewest rows of a piece of work: with fewer, most of what it reads belongs to its neighbours too.
const LEAST_ROWS: usize = 4;

/// Channels that one piece of work treats together, so that the rows of a strip stay in the first-level cache.
/// Whole vectors on every instruction set. Chosen by `8x96x56x56 depthwise` and `8x384x28x28 depthwise`.
const CHANNELS_TOGETHER: usize = 128;

/// Most numbers that the private sums of a weight gradient may hold together, unless one slice alone has more.
const PRIVATE: usize = 1 << 20;

/// See [`super::forward`].
pub(super) fn forward(
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: &mut [f32],
) -> Result<()> {
    run(&Pass::forward(geometry, x, weight, bias, activation), target)
}

/// See [`super::transposed`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    end: Epilogue<'_>,
    target: &mut [f32],
) -> Result<()> {
    run(&Pass::grad_input(geometry, grad, weight, end), target)
}

fn run(pass: &Pass<'_>, target: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let row_len = pass.targets[1] * pass.channels;
    let all_rows = target.len() / row_len;
    let rows = (PIECE / row_len).max(2 * LEAST_ROWS).min(all_rows / PIECES).max(LEAST_ROWS);
    let work = target.len() * pass.kernel[0] * pass.kernel[1];
    parallel::for_each(target.chunks_mut(rows * row_len).enumerate(), work, |(piece, target)| {
        level.run(Band { pass, first_row: piece * rows, target });
    })
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    let &Geometry { batch, in_h, in_w, out_h, out_w, in_c: channels, vertical, horizontal, .. } = geometry;
    let level = simd::active()?;
    let (rows, taps) = (batch * out_h, geometry.taps());
    // Channels are split first, since that costs nothing.
    let groups = channels.div_ceil(CHANNELS_TOGETHER);
    // The sums of a slice, a whole vector for each tap and vector of channels, and those of the strip at hand.
    let vectors = channels.min(CHANNELS_TOGETHER).next_multiple_of(MOST_LANES);
    let sums = vectors * taps;
    let slices = PIECES.div_ceil(groups).min(rows / LEAST_ROWS).min(PRIVATE / (groups * 2 * sums)).max(1);
    let mut private = Tensor::stale(&[groups, slices, 2, sums], DType::F32)?;
    let (vertical_axis, horizontal_axis) =
        (Axis::forward(&vertical, in_h, out_h), Axis::forward(&horizontal, in_w, out_w));
    let together = |group: usize| {
        let first = group * CHANNELS_TOGETHER;
        first..(first + CHANNELS_TOGETHER).min(channels)
    };
    let pieces = private.as_mut_slice::<f32>()?.chunks_exact_mut(2 * sums).enumerate();
    parallel::for_each(pieces, grad.len() * taps, |(piece, private)| {
        let (group, slice) = (piece / slices, piece % slices);
        let (sums, strip) = private.split_at_mut(sums);
        level.run(Slice {
            vertical: &vertical_axis,
            horizontal: &horizontal_axis,
            targets: [out_h, out_w],
            kernel: [vertical.kernel, horizontal.kernel],
            channels,
            x,
            grad,
            rows: slice * rows / slices..(slice + 1) * rows / slices,
            together: together(group),
            sums,
            strip,
        });
    })?;
    let private = private.as_slice::<f32>()?;
    let lanes = level.lanes();
    parallel::for_each(target.chunks_exact_mut(channels).enumerate(), private.len(), |(tap, target)| {
        for (group, slices) in private.chunks_exact(slices * 2 * sums).enumerate() {
            for (vector, first) in together(group).step_by(lanes).enumerate() {
                // As in the kernel, the last vector overlaps the one before it.
                let target = &mut target[first.min(channels.saturating_sub(lanes))..][..lanes.min(channels)];
                target.fill(0.0);
                for slice in slices.chunks_exact(2 * sums) {
                    for (sum, value) in target.iter_mut().zip(&slice[(vector * taps + tap) * lanes..]) {
                        *sum += value;
                    }
                }
            }
        }
    })
}

/// The pixel whose tap `tap` reads `source`, counted in pitches from the first source of the first pixel.
#[inline(always)]
fn pixel(source: usize, tap: usize, stride: usize) -> Option<usize> {
    let distance = source.checked_sub(tap)?;
    distance.is_multiple_of(stride).then_some(distance / stride)
}
