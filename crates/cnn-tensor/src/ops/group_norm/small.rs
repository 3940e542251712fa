//! Images of few numbers: plain loops in double precision, some images for each thread. To begin and end sums in vectors
//! would cost more than the sums.

use super::{Affine, Backward, Forward, Geometry, Saved, Wanted};
use crate::ops::in_place::{PIECE, Source, map};
use crate::ops::layer_norm::rounded;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{Result, Tensor};

/// Images that a thread takes at a time.
fn some(geometry: &Geometry) -> usize {
    (PIECE / geometry.image()).max(1)
}

pub(super) fn forward(
    geometry: &Geometry,
    x: &Tensor,
    affine: Affine<'_>,
    forward: &mut Forward,
) -> Result<()> {
    let level = simd::active()?;
    let (image, groups, some) = (geometry.image(), geometry.groups, some(geometry));
    let weight = affine.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let bias = affine.bias.map(Tensor::as_slice::<f32>).transpose()?;
    let x = x.as_slice::<f32>()?;
    let numbers = forward.output.as_mut_slice::<f32>()?.chunks_mut(some * image).zip(x.chunks(some * image));
    let means = forward.mean.as_mut_slice::<f64>()?.chunks_mut(some * groups);
    let inverses = forward.inverse_deviation.as_mut_slice::<f64>()?.chunks_mut(some * groups);
    for_each(numbers.zip(means.zip(inverses)), 4 * size_of_val(x), |((output, x), (means, inverses))| {
        level.run(Normalise { geometry, x, weight, bias, epsilon: affine.epsilon, output, means, inverses });
    })
}

struct Normalise<'a> {
    geometry: &'a Geometry,
    x: &'a [f32],
    weight: Option<&'a [f32]>,
    bias: Option<&'a [f32]>,
    epsilon: f64,
    output: &'a mut [f32],
    means: &'a mut [f64],
    inverses: &'a mut [f64],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { geometry, x, weight, bias, epsilon, output, means, inverses } = self;
        let (channels, image, width) = (geometry.channels, geometry.image(), geometry.width());
        let count = (geometry.pixels * width) as f64;
        let statistics = means.iter_mut().zip(inverses).enumerate();
        for (index, (mean, inverse)) in statistics {
            let (start, first) = (index / geometry.groups * image, index % geometry.groups * width);
            let x = &x[start..start + image];
            let output = &mut output[start..start + image];
            let mut sum = 0.0;
            for x in x.chunks_exact(channels) {
                x[first..first + width].iter().for_each(|&x| sum += f64::from(x));
            }
            let centre = sum / count;
            let mut squares = 0.0;
            for x in x.chunks_exact(channels) {
                for &x in &x[first..first + width] {
                    squares += (f64::from(x) - centre) * (f64::from(x) - centre);
                }
            }
            let factor = 1.0 / (squares / count + epsilon).sqrt();
            (*mean, *inverse) = (centre, factor);
            for (x, y) in x.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
                for c in first..first + width {
                    let scaled =
                        (f64::from(x[c]) - centre) * factor * weight.map_or(1.0, |w| f64::from(w[c]));
                    y[c] = (scaled + bias.map_or(0.0, |b| f64::from(b[c]))) as f32;
                }
            }
        }
    }
}

pub(super) fn backward(
    geometry: &Geometry,
    saved: Saved<'_>,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let channels = geometry.channels;
    let parts = geometry.batch.div_ceil(some(geometry));
    // For each part the sums of the gradient times the normalised value, then of the gradient.
    let mut sums = vec![0.0; parts * 2 * channels];
    let mut back = Backward::default();
    if wanted.input {
        back.input = Some(map(grad, |grad, result| parts_back(geometry, saved, grad, result, &mut sums))?);
    } else {
        parts_back(geometry, saved, Source::Other(grad.as_slice()?), &mut [], &mut sums)?;
    }
    if wanted.affine {
        let mut totals = vec![0.0; 2 * channels];
        for sums in sums.chunks_exact(2 * channels) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let (weight, bias) = totals.split_at(channels);
        (back.weight, back.bias) = (Some(rounded(&[channels], weight)?), Some(rounded(&[channels], bias)?));
    }
    Ok(back)
}

/// Fills the sums, and the result where there is one.
fn parts_back(
    geometry: &Geometry,
    saved: Saved<'_>,
    grad: Source<'_, f32>,
    result: &mut [f32],
    sums: &mut [f64],
) -> Result<()> {
    let level = simd::active()?;
    let (numbers, groups) = (some(geometry) * geometry.image(), some(geometry) * geometry.groups);
    let weight = saved.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let x = saved.x.as_slice::<f32>()?;
    let (means, inverses) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let statistics = means.chunks(groups).zip(inverses.chunks(groups));
    let mut results = result.chunks_mut(numbers);
    let parts = x.chunks(numbers).zip(statistics).zip(sums.chunks_mut(2 * geometry.channels)).enumerate();
    let parts: Vec<_> = parts.map(|part| (part, results.next().unwrap_or_default())).collect();
    for_each(parts.into_iter(), 6 * size_of_val(x), |((part, ((x, (means, inverses)), sums)), result)| {
        let grad = grad.part(part * numbers..part * numbers + x.len());
        level.run(Back { geometry, x, weight, means, inverses, grad, result, sums });
    })
}

struct Back<'a> {
    geometry: &'a Geometry,
    x: &'a [f32],
    weight: Option<&'a [f32]>,
    means: &'a [f64],
    inverses: &'a [f64],
    /// The gradient of the output; in place means in the buffer of the result.
    grad: Source<'a, f32>,
    /// The gradient of the input, or nothing.
    result: &'a mut [f32],
    sums: &'a mut [f64],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { geometry, x, weight, means, inverses, grad, result, sums } = self;
        let (channels, width) = (geometry.channels, geometry.width());
        let count = (geometry.pixels * width) as f64;
        let (of_weight, of_bias) = sums.split_at_mut(channels);
        for (index, (&mean, &inverse)) in means.iter().zip(inverses).enumerate() {
            let (image, first) = (index / geometry.groups, index % geometry.groups * width);
            let pixels = image * geometry.pixels..(image + 1) * geometry.pixels;
            let [mut sum, mut dot] = [0.0; 2];
            for pixel in pixels.clone() {
                for c in first..first + width {
                    let at = pixel * channels + c;
                    let grad = f64::from(match grad {
                        Source::InPlace => result[at],
                        Source::Other(grad) => grad[at],
                    });
                    let normalised = (f64::from(x[at]) - mean) * inverse;
                    of_weight[c] += grad * normalised;
                    of_bias[c] += grad;
                    let grad = grad * weight.map_or(1.0, |weight| f64::from(weight[c]));
                    sum += grad;
                    dot += grad * normalised;
                }
            }
            if result.is_empty() {
                continue;
            }
            for pixel in pixels {
                for c in first..first + width {
                    let at = pixel * channels + c;
                    let grad = f64::from(match grad {
                        Source::InPlace => result[at],
                        Source::Other(grad) => grad[at],
                    });
                    let normalised = (f64::from(x[at]) - mean) * inverse;
                    let grad = grad * weight.map_or(1.0, |weight| f64::from(weight[c]));
                    result[at] = ((grad - (sum + normalised * dot) / count) * inverse) as f32;
                }
            }
        }
    }
}
