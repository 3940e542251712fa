//! Images of `f32` and their factors, in pieces for the threads. An image's pieces depend on the image alone.

use super::Geometry;
use super::kernels::{Gradient, Products, Scale};
use crate::Result;
use crate::ops::channels::Cut;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd;

fn cut(geometry: Geometry) -> Cut {
    Cut::of_image(geometry.pixels, geometry.channels)
}

/// The factors of the image that a piece belongs to, repeated over a group of columns.
fn repeated(geometry: Geometry, cut: Cut, factors: &[f32], piece: usize) -> Vec<f32> {
    cut.repeat(&factors[piece / cut.pieces * geometry.channels..][..geometry.channels])
}

/// Where a piece begins.
fn start(geometry: Geometry, cut: Cut, piece: usize) -> usize {
    piece / cut.pieces * geometry.image() + piece % cut.pieces * cut.piece
}

/// The pieces of all images.
fn pieces(geometry: Geometry, cut: Cut, values: &mut [f32]) -> Vec<&mut [f32]> {
    values.chunks_mut(geometry.image()).flat_map(|image| image.chunks_mut(cut.piece)).collect()
}

pub(super) fn scale(
    geometry: Geometry,
    factors: &[f32],
    x: Source<'_, f32>,
    output: &mut [f32],
) -> Result<()> {
    let (level, cut) = (simd::active()?, cut(geometry));
    let bytes = 2 * size_of_val(output);
    let pieces = pieces(geometry, cut, output).into_iter().enumerate();
    for_each(pieces, bytes, |(piece, output)| {
        let first = start(geometry, cut, piece);
        let x = x.part(first..first + output.len());
        level.run(Scale { cut, x, output, factors: &repeated(geometry, cut, factors, piece) });
    })
}

/// The gradient of the factors alone.
pub(super) fn sums(geometry: Geometry, x: &[f32], grad: &[f32], sums: &mut [f32]) -> Result<()> {
    let cut = cut(geometry);
    let parts = grad.chunks(geometry.image()).flat_map(|image| image.chunks(cut.piece));
    products(geometry, x, &vec![0.0; sums.len()], parts.map(Gradient::Read).collect(), sums)
}

/// The gradients of the factors and of the input.
pub(super) fn both(
    geometry: Geometry,
    x: &[f32],
    factors: &[f32],
    grad: Source<'_, f32>,
    result: &mut [f32],
    sums: &mut [f32],
) -> Result<()> {
    let cut = cut(geometry);
    let parts = pieces(geometry, cut, result).into_iter().enumerate().map(|(piece, result)| match grad {
        Source::InPlace => Gradient::Replaced(result),
        Source::Other(grad) => {
            let first = start(geometry, cut, piece);
            Gradient::Written(&grad[first..first + result.len()], result)
        }
    });
    products(geometry, x, factors, parts.collect(), sums)
}

fn products(
    geometry: Geometry,
    x: &[f32],
    factors: &[f32],
    grads: Vec<Gradient<'_>>,
    sums: &mut [f32],
) -> Result<()> {
    let (level, cut, channels) = (simd::active()?, cut(geometry), geometry.channels);
    let mut partial = vec![0.0f64; grads.len() * channels];
    let x_parts: Vec<&[f32]> = x.chunks(geometry.image()).flat_map(|image| image.chunks(cut.piece)).collect();
    let parts = partial.chunks_mut(channels).zip(x_parts.into_iter().zip(grads)).enumerate();
    for_each(parts, 3 * size_of_val(x), |(piece, (sums, (x, grad)))| {
        let factors = repeated(geometry, cut, factors, piece);
        level.run(Products { cut, x, grad, factors, sums });
    })?;
    // The pieces of an image in order.
    for (sums, partial) in sums.chunks_mut(channels).zip(partial.chunks(cut.pieces * channels)) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = partial[c..].iter().step_by(channels).sum::<f64>() as f32;
        }
    }
    Ok(())
}
