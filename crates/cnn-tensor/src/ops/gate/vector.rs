//! Images of `f32` and their factors, in parts for the threads.

use super::Geometry;
use super::kernels::{Gradient, Products, Scale};
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd;
use crate::{DType, Result, Tensor};

pub(super) fn scale(
    geometry: Geometry,
    factors: &[f32],
    x: Source<'_, f32>,
    output: &mut [f32],
) -> Result<()> {
    let (level, images) = (simd::active()?, geometry.images());
    let bytes = 2 * size_of_val(output);
    for_each(images.split(output).into_iter(), bytes, |(first, output)| {
        let x = x.part(first..first + output.len());
        level.run(Scale { images, first, x, output, factors });
    })
}

/// The gradient of the factors alone.
pub(super) fn sums(geometry: Geometry, x: &[f32], grad: &[f32], sums: &mut [f32]) -> Result<()> {
    let parts = geometry.images().parts(x.len()).into_iter();
    let parts = parts.map(|part| (part.start, Gradient::Read(&grad[part])));
    products(geometry, x, parts.collect(), sums)
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
    let parts = geometry.images().split(result).into_iter().map(|(first, result)| {
        let part = first..first + result.len();
        let grad = match grad {
            Source::InPlace => Gradient::Replaced { grad: result, factors },
            Source::Other(grad) => Gradient::Written { grad: &grad[part], factors, result },
        };
        (first, grad)
    });
    products(geometry, x, parts.collect(), sums)
}

fn products(
    geometry: Geometry,
    x: &[f32],
    parts: Vec<(usize, Gradient<'_>)>,
    sums: &mut [f32],
) -> Result<()> {
    let (level, images, channels) = (simd::active()?, geometry.images(), geometry.channels);
    let pieces = images.cut.pieces * channels;
    let mut partial = Tensor::zeros(&[sums.len() / channels, pieces], DType::F64)?;
    let partial = partial.as_mut_slice::<f64>()?;
    let items = parts.into_iter().zip(partial.chunks_mut(images.pieces_of_part() * channels));
    for_each(items, 3 * size_of_val(x), |((first, grad), sums)| {
        let x = &x[first..first + grad.len()];
        level.run(Products { images, first, x, grad, sums });
    })?;
    // The pieces of an image in order.
    for (sums, partial) in sums.chunks_mut(channels).zip(partial.chunks(pieces)) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = partial[c..].iter().step_by(channels).sum::<f64>() as f32;
        }
    }
    Ok(())
}
