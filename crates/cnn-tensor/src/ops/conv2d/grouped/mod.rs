//! Grouped convolution with as many channels going into a group as coming out, and fewer than a vector has lanes.
//!
//! A vector of channels spans several whole groups. Lane `l` of the product with member `i` of the groups needs the
//! number of the lane `l / members * members + i`: the same vector of the source in another order. So each pixel is
//! loaded as it lies, permuted once for each member, and multiplied by whole vectors of weights, whereas a matrix
//! product group by group would fill two or four lanes of a vector.
//!
//! Forward pass and input gradient are one kernel (`correlate`), the latter with the members of the weights
//! transposed; `weights` has the weight gradient.

mod correlate;
#[cfg(test)]
mod tests;
mod weights;

use correlate::Rows;
use weights::Slice;

use super::Geometry;
use super::pass::{Epilogue, Pass};
use crate::gemm::outer::BLOCK_PIXELS;
use crate::ops::activation::Activation;
use crate::simd::{self, Isa, MOST_LANES};
use crate::{DType, Result, Tensor, parallel};

/// Numbers of members of a group that there are kernels for; with more, a group fills a vector on its own.
pub(super) const MEMBERS: [usize; 3] = [2, 4, MOST_MEMBERS];

/// Most members of a group.
const MOST_MEMBERS: usize = 8;

/// Numbers of the target in one piece of work: small enough that one image of `8x128x28x28 -> 128, 32 groups` is shared.
const PIECE: usize = 1 << 14;

/// Slices of the batch whose weight gradients are summed apart.
const SLICES: usize = 8;

/// Pieces that the weight gradient is cut into: where there are fewer slices, channels are divided too.
const PIECES: usize = 16;

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
    let (channels, members) = (geometry.in_c, geometry.group_in_c());
    // `[tap][output member][input channel]` of `[tap][input member][output channel]`.
    let mut turned = Tensor::stale(&[weight.len()], DType::F32)?;
    let taps = turned.as_mut_slice::<f32>()?.chunks_exact_mut(members * channels);
    for (turned, weight) in taps.zip(weight.chunks_exact(members * channels)) {
        for (output, turned) in turned.chunks_exact_mut(channels).enumerate() {
            for (channel, number) in turned.iter_mut().enumerate() {
                *number = weight[channel % members * channels + channel / members * members + output];
            }
        }
    }
    run(&Pass::grad_input(geometry, grad, turned.as_slice()?, end), target)
}

fn run(pass: &Pass<'_>, target: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let row_len = pass.targets[1] * pass.channels;
    let rows = (PIECE / row_len).max(1);
    let work = target.len().saturating_mul(pass.kernel[0] * pass.kernel[1] * pass.members);
    parallel::for_each(target.chunks_mut(rows * row_len).enumerate(), work, |(piece, target)| {
        level.run(Rows { pass, first_row: piece * rows, target });
    })
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let &Geometry { batch, in_c: channels, .. } = geometry;
    let lanes = level.lanes();
    let rows = geometry.taps() * geometry.group_in_c();
    let vectors = channels.div_ceil(lanes);
    let slices = SLICES.min(batch);
    let blocks = PIECES.div_ceil(slices).min(vectors);
    // For each slice and vector of channels the sums, one vector for each tap and member, and a spare vector of each.
    let mut private = Tensor::stale(&[slices, vectors, rows, lanes], DType::F32)?;
    let mut pieces = Vec::with_capacity(slices * blocks);
    for (slice, mut rest) in
        private.as_mut_slice::<f32>()?.chunks_exact_mut(vectors * rows * lanes).enumerate()
    {
        let images = slice * batch / slices..(slice + 1) * batch / slices;
        for block in 0..blocks {
            let vectors = block * vectors / blocks..(block + 1) * vectors / blocks;
            let (sums, after) = rest.split_at_mut(vectors.len() * rows * lanes);
            rest = after;
            pieces.push((images.clone(), vectors, sums));
        }
    }
    let work = usize::try_from(geometry.multiply_adds()).unwrap_or(usize::MAX);
    parallel::for_each(pieces.into_iter(), work, |(images, vectors, sums)| {
        level.run(Slice { geometry, x, grad, images, vectors, sums });
    })?;
    let private = private.as_slice::<f32>()?;
    parallel::for_each(target.chunks_exact_mut(channels).enumerate(), private.len(), |(row, target)| {
        for vector in 0..vectors {
            // The last vector overlaps the one before it where it does not fit: the same bits are written again.
            let channel = first_channel(vector, lanes, channels);
            let target = &mut target[channel..][..lanes];
            let mut slices = private
                .chunks_exact(vectors * rows * lanes)
                .map(|slice| &slice[(vector * rows + row) * lanes..]);
            if let Some(first) = slices.next() {
                target.copy_from_slice(&first[..lanes]);
            }
            for slice in slices {
                for (sum, value) in target.iter_mut().zip(slice) {
                    *sum += value;
                }
            }
        }
    })
}

/// First channel of a vector of channels; the last vector ends with the last channel.
fn first_channel(vector: usize, lanes: usize, channels: usize) -> usize {
    (vector * lanes).min(channels - lanes)
}

/// For each member, the order in which a vector of channels shows it to the lanes of its group.
#[inline(always)]
fn orders<I: Isa>(isa: I, members: usize) -> [I::Order; MOST_MEMBERS] {
    let mut orders = [isa.order([0; MOST_LANES]); MOST_MEMBERS];
    for (member, order) in orders.iter_mut().enumerate().take(members) {
        *order = isa.order(std::array::from_fn(|lane| (lane / members * members + member) as u8));
    }
    orders
}
