//! Group normalisation of `f32`: each image in the passes of a batch normalisation over its pixels, with the sums of
//! the channels of a group put together between the passes, in double precision.
//!
//! Images of fewer numbers than those passes go over at a time have loops of their own, in [`small`](super::small).

use super::kernels::{Inputs, Means, Outputs, Totals};
use super::{Affine, Backward, Forward, Geometry, Saved, Wanted, small};
use crate::ops::batch_norm::moments::Moments;
use crate::ops::images::Images;
use crate::ops::in_place::{Source, map};
use crate::ops::layer_norm::rounded;
use crate::parallel::for_each;
use crate::simd;
use crate::{DType, Result, Tensor};

/// Images that one thread finishes at a time.
const FINISHED: usize = 16;

pub(super) fn forward(
    geometry: &Geometry,
    x: &Tensor,
    affine: Affine<'_>,
    forward: &mut Forward,
) -> Result<()> {
    if geometry.is_small() {
        return small::forward(geometry, x, affine, forward);
    }
    let level = simd::active()?;
    let x = x.as_slice::<f32>()?;
    let Geometry { batch, channels, groups, .. } = *geometry;
    let images = geometry.images();
    let cut = images.cut;
    let mut moments = vec![Moments::new(channels); batch * cut.pieces];
    let parts = images.parts(x.len()).into_iter();
    let items = parts.zip(moments.chunks_mut(images.pieces_of_part()));
    for_each(items, size_of_val(x), |(part, moments)| {
        level.run(Means { images, first: part.start, x: &x[part], moments });
    })?;

    let weight = affine.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let bias = affine.bias.map(Tensor::as_slice::<f32>).transpose()?;
    let means = forward.mean.as_mut_slice::<f64>()?.chunks_mut(groups);
    let inverses = forward.inverse_deviation.as_mut_slice::<f64>()?.chunks_mut(groups);
    let mut parameters = Tensor::stale(&[3, batch, channels], DType::F32)?;
    let [centres, scales, shifts] = rows(parameters.as_mut_slice::<f32>()?);
    let numbers =
        centres.chunks_mut(channels).zip(scales.chunks_mut(channels).zip(shifts.chunks_mut(channels)));
    let mut items: Vec<_> = moments.chunks(cut.pieces).zip(means.zip(inverses)).zip(numbers).collect();
    for_each(items.chunks_mut(FINISHED), 4 * moments.len() * channels, |items| {
        for ((pieces, (means, inverses)), (centre, (scale, shift))) in items {
            let mut all = Moments::new(channels);
            pieces.iter().for_each(|piece| all.join(piece));
            let variances: Vec<f64> = all.biased_variance().collect();
            let width = geometry.width();
            let of_groups = all.mean().chunks(width).zip(variances.chunks(width));
            for ((mean, inverse), of_channels) in means.iter_mut().zip(inverses.iter_mut()).zip(of_groups) {
                let variance;
                (*mean, variance) = together(of_channels);
                *inverse = 1.0 / (variance + affine.epsilon).sqrt();
            }
            for c in 0..channels {
                let (mean, inverse) = (means[c / width], inverses[c / width]);
                let factor = inverse * weight.map_or(1.0, |weight| f64::from(weight[c]));
                centre[c] = mean as f32;
                scale[c] = factor as f32;
                // What rounding took from the mean goes into the shift.
                let rest = mean - f64::from(centre[c]);
                shift[c] = (bias.map_or(0.0, |bias| f64::from(bias[c])) - rest * factor) as f32;
            }
        }
    })?;

    let parameters = [&*centres, scales, shifts];
    let parts = images.split(forward.output.as_mut_slice()?).into_iter();
    for_each(parts, 2 * size_of_val(x), |(first, output)| {
        let x = &x[first..first + output.len()];
        level.run(Outputs { images, first, x, output, parameters });
    })
}

/// Mean and biased variance of channels that have as many values each, from theirs.
fn together((means, variances): (&[f64], &[f64])) -> (f64, f64) {
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let between = means.iter().map(|of_channel| (of_channel - mean) * (of_channel - mean)).sum::<f64>();
    (mean, (between + variances.iter().sum::<f64>()) / count)
}

/// Cuts numbers into `N` rows of equal length.
fn rows<const N: usize>(numbers: &mut [f32]) -> [&mut [f32]; N] {
    let mut all = numbers.chunks_exact_mut((numbers.len() / N).max(1));
    [(); N].map(|()| all.next().unwrap_or_default())
}

pub(super) fn backward(
    geometry: &Geometry,
    saved: Saved<'_>,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let Geometry { batch, channels, groups, .. } = *geometry;
    if geometry.is_small() {
        return small::backward(geometry, saved, wanted, grad);
    }
    let mut back = Backward::default();
    let mut sums = sums(geometry, saved, grad.as_slice()?)?;
    let weight = saved.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let (means, inverses) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let (values, width) = ((geometry.pixels * geometry.width()) as f64, geometry.width());
    let mut parameters = Tensor::stale(&[4, batch, channels], DType::F32)?;
    let [centres, scales, slopes, shifts] = rows(parameters.as_mut_slice::<f32>()?);
    let [first, second] = [
        centres.chunks_mut(channels).zip(scales.chunks_mut(channels)),
        slopes.chunks_mut(channels).zip(shifts.chunks_mut(channels)),
    ];
    let statistics = means.chunks(groups).zip(inverses.chunks(groups));
    let sums = sums.as_mut_slice::<f64>()?;
    let cost = 4 * sums.len();
    let mut items: Vec<_> = sums.chunks_mut(2 * channels).zip(statistics).zip(first.zip(second)).collect();
    for_each(items.chunks_mut(FINISHED), cost, |items| {
        for ((sums, (means, inverses)), ((centre, scale), (slope, shift))) in items {
            let (grads, dots) = sums.split_at_mut(channels);
            for (group, (&mean, &inverse)) in means.iter().zip(*inverses).enumerate() {
                let rest = mean - f64::from(mean as f32);
                let [mut sum, mut dot] = [0.0; 2];
                for c in group * width..(group + 1) * width {
                    // The gradient times the normalised value.
                    dots[c] = (dots[c] - rest * grads[c]) * inverse;
                    let weight = weight.map_or(1.0, |weight| f64::from(weight[c]));
                    sum += weight * grads[c];
                    dot += weight * dots[c];
                    scale[c] = (inverse * weight) as f32;
                }
                let through_variance = dot / values * inverse * inverse;
                for c in group * width..(group + 1) * width {
                    centre[c] = mean as f32;
                    slope[c] = through_variance as f32;
                    shift[c] = (rest * through_variance - sum / values * inverse) as f32;
                }
            }
        }
    })?;
    if wanted.affine {
        let mut totals = vec![0.0; 2 * channels];
        for sums in sums.chunks(2 * channels) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let (bias, weight) = totals.split_at(channels);
        (back.weight, back.bias) = (Some(rounded(&[channels], weight)?), Some(rounded(&[channels], bias)?));
    }
    if wanted.input {
        let parameters = [&*centres, scales, slopes, shifts];
        back.input = Some(map(grad, |grad, result| input(geometry, saved, parameters, grad, result))?);
    }
    Ok(back)
}

fn input(
    geometry: &Geometry,
    saved: Saved<'_>,
    parameters: [&[f32]; 4],
    grad: Source<'_, f32>,
    result: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let x = saved.x.as_slice::<f32>()?;
    let images = geometry.images();
    for_each(images.split(result).into_iter(), 3 * size_of_val(x), |(first, result)| {
        let part = first..first + result.len();
        let (x, grad) = (&x[part.clone()], grad.part(part));
        level.run(Inputs { images, first, x, grad, result, parameters });
    })
}

/// For each image the sums of the gradient of its channels, then of the gradient times the difference of the input
/// from the mean as rounded to single precision.
fn sums(geometry: &Geometry, saved: Saved<'_>, grad: &[f32]) -> Result<Tensor> {
    let level = simd::active()?;
    let Geometry { batch, channels, groups, .. } = *geometry;
    let x = saved.x.as_slice::<f32>()?;
    let means = saved.mean.as_slice::<f64>()?;
    let images: Images = geometry.images();
    let (pieces, width) = (images.cut.pieces, 2 * channels);
    let mut partial = Tensor::stale(&[batch, pieces, width], DType::F64)?;
    let parts = images.parts(x.len()).into_iter();
    let items = parts.zip(partial.as_mut_slice::<f64>()?.chunks_mut(images.pieces_of_part() * width));
    for_each(items, 2 * size_of_val(x), |(part, sums)| {
        let (first, x, grad) = (part.start, &x[part.clone()], &grad[part]);
        level.run(Totals { images, first, x, grad, means, groups, sums });
    })?;
    if pieces == 1 {
        return Ok(partial);
    }
    let mut totals = Tensor::zeros(&[batch, width], DType::F64)?;
    let images = partial.as_slice::<f64>()?.chunks(pieces * width);
    for (totals, pieces) in totals.as_mut_slice::<f64>()?.chunks_mut(width).zip(images) {
        for piece in pieces.chunks(width) {
            totals.iter_mut().zip(piece).for_each(|(total, sum)| *total += sum);
        }
    }
    Ok(totals)
}
