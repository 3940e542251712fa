//! Group normalisation of `f32`: each image in the passes of a batch normalisation over its pixels, with the sums of
//! the channels of a group put together between the passes, in double precision.

use super::kernels::Input;
use super::{Affine, Backward, Forward, Geometry, Saved, Wanted};
use crate::ops::activation::Activation;
use crate::ops::batch_norm::kernels::{Normalise, Statistics, Sums, Taken};
use crate::ops::batch_norm::moments::Moments;
use crate::ops::channels::Cut;
use crate::ops::in_place::{Source, map};
use crate::parallel::for_each;
use crate::simd;
use crate::{DType, Result, Tensor};

pub(super) fn forward(
    geometry: &Geometry,
    x: &Tensor,
    affine: Affine<'_>,
    forward: &mut Forward,
) -> Result<()> {
    let level = simd::active()?;
    let x = x.as_slice::<f32>()?;
    let (cut, channels, groups) = (cut(geometry), geometry.channels, geometry.groups);
    let mut pieces = vec![Moments::new(channels); geometry.batch * cut.pieces];
    let parts = parts(geometry, cut, x);
    for_each(pieces.iter_mut().zip(parts), size_of_val(x), |(moments, x)| {
        level.run(Statistics { cut, x, moments });
    })?;

    let weight = affine.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let bias = affine.bias.map(Tensor::as_slice::<f32>).transpose()?;
    let means = forward.mean.as_mut_slice::<f64>()?.chunks_mut(groups);
    let inverses = forward.inverse_deviation.as_mut_slice::<f64>()?.chunks_mut(groups);
    let mut parameters = Parameters::<3>::new(geometry, cut);
    let images = pieces.chunks(cut.pieces).zip(means.zip(inverses)).zip(parameters.images());
    for_each(
        images,
        4 * pieces.len() * channels,
        |((pieces, (means, inverses)), [centre, scale, shift])| {
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
        },
    )?;

    parameters.repeat();
    let numbers = forward.output.as_mut_slice::<f32>()?;
    let parts: Vec<_> = numbers
        .chunks_mut(geometry.image())
        .flat_map(|image| image.chunks_mut(cut.piece))
        .zip(self::parts(geometry, cut, x))
        .enumerate()
        .collect();
    for_each(parts.into_iter(), 2 * size_of_val(x), |(piece, (output, x))| {
        level.run(Normalise {
            cut,
            x: Source::Other(x),
            output,
            parameters: parameters.of(piece / cut.pieces),
            residual: None,
            act: Activation::Identity,
        });
    })
}

/// Mean and biased variance of channels that have as many values each, from theirs.
fn together((means, variances): (&[f64], &[f64])) -> (f64, f64) {
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let between = means.iter().map(|of_channel| (of_channel - mean) * (of_channel - mean)).sum::<f64>();
    (mean, (between + variances.iter().sum::<f64>()) / count)
}

pub(super) fn backward(
    geometry: &Geometry,
    saved: Saved<'_>,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let Geometry { batch, channels, groups, .. } = *geometry;
    let mut totals = [(); 2].map(|()| vec![0.0; channels]);
    let mut back = Backward::default();
    let mut parameters = Parameters::<4>::new(geometry, cut(geometry));
    if !grad.is_empty() {
        let sums = sums(geometry, saved, grad.as_slice()?)?;
        let weight = saved.weight.map(Tensor::as_slice::<f32>).transpose()?;
        let (means, inverses) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
        let values = (geometry.pixels * geometry.width()) as f64;
        let (width, mut images) = (geometry.width(), parameters.images());
        for image in 0..batch {
            let Some([centre, scale, slope, shift]) = images.next() else { break };
            let [grads, dots] = sums.each_ref().map(|sums| &sums[image * channels..][..channels]);
            for group in 0..groups {
                let (mean, inverse) = (means[image * groups + group], inverses[image * groups + group]);
                let rest = mean - f64::from(mean as f32);
                let [mut sum, mut dot] = [0.0; 2];
                for c in group * width..(group + 1) * width {
                    // The gradient times the normalised value.
                    let of_weight = (dots[c] - rest * grads[c]) * inverse;
                    totals[0][c] += of_weight;
                    totals[1][c] += grads[c];
                    let weight = weight.map_or(1.0, |weight| f64::from(weight[c]));
                    sum += weight * grads[c];
                    dot += weight * of_weight;
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
    }
    if wanted.affine {
        let [weight, bias] = totals.map(|totals| {
            let mut tensor = Tensor::stale(&[channels], DType::F32)?;
            let values = tensor.as_mut_slice::<f32>()?.iter_mut().zip(&totals);
            values.for_each(|(value, &total)| *value = total as f32);
            Ok(tensor)
        });
        (back.weight, back.bias) = (Some(weight?), Some(bias?));
    }
    if wanted.input {
        parameters.repeat();
        back.input = Some(map(grad, |grad, result| input(geometry, saved, &parameters, grad, result))?);
    }
    Ok(back)
}

fn input(
    geometry: &Geometry,
    saved: Saved<'_>,
    parameters: &Parameters<4>,
    grad: Source<'_, f32>,
    result: &mut [f32],
) -> Result<()> {
    if result.is_empty() {
        return Ok(());
    }
    let level = simd::active()?;
    let x = saved.x.as_slice::<f32>()?;
    let cut = cut(geometry);
    let parts: Vec<_> = result
        .chunks_mut(geometry.image())
        .flat_map(|image| image.chunks_mut(cut.piece))
        .zip(parts(geometry, cut, x))
        .enumerate()
        .collect();
    for_each(parts.into_iter(), 3 * size_of_val(x), |(piece, (result, x))| {
        let image = piece / cut.pieces;
        let first = image * geometry.image() + piece % cut.pieces * cut.piece;
        let grad = grad.part(first..first + result.len());
        level.run(Input { cut, x, grad, result, parameters: parameters.of(image) });
    })
}

/// For each channel of each image the sums of the gradient, and of the gradient times the difference of the input
/// from the mean as rounded to single precision.
fn sums(geometry: &Geometry, saved: Saved<'_>, grad: &[f32]) -> Result<[Vec<f64>; 2]> {
    let level = simd::active()?;
    let Geometry { channels, groups, .. } = *geometry;
    let x = saved.x.as_slice::<f32>()?;
    let means = saved.mean.as_slice::<f64>()?;
    let cut = cut(geometry);
    let mut pieces = vec![[(); 2].map(|()| vec![0.0; channels]); geometry.batch * cut.pieces];
    let parts = pieces.iter_mut().zip(parts(geometry, cut, x).into_iter().zip(parts(geometry, cut, grad)));
    for_each(parts.enumerate(), 2 * size_of_val(x), |(piece, (sums, (x, grad)))| {
        let image = piece / cut.pieces;
        let means = &means[image * groups..][..groups];
        let centre: Vec<f32> = (0..channels).map(|c| means[c / geometry.width()] as f32).collect();
        let (grad, act) = (Taken::Read(grad), Activation::Identity);
        level.run(Sums { cut, x, grad, output: &[], act, centre: &cut.repeat(&centre), sums });
    })?;
    let mut totals = [(); 2].map(|()| vec![0.0; geometry.batch * channels]);
    for (image, pieces) in pieces.chunks(cut.pieces).enumerate() {
        for piece in pieces {
            for (totals, sums) in totals.iter_mut().zip(piece) {
                let totals = &mut totals[image * channels..][..channels];
                totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
        }
    }
    Ok(totals)
}

fn cut(geometry: &Geometry) -> Cut {
    Cut::of_image(geometry.pixels, geometry.channels)
}

/// The pieces of all images, image by image.
fn parts<'a>(geometry: &Geometry, cut: Cut, x: &'a [f32]) -> Vec<&'a [f32]> {
    x.chunks(geometry.image()).flat_map(|image| image.chunks(cut.piece)).collect()
}

/// `N` numbers for each channel of each image.
struct Parameters<const N: usize> {
    /// Image by image `N` rows as long as a group of columns, of which the first row of pixels is set at first.
    values: Vec<f32>,
    cut: Cut,
}

impl<const N: usize> Parameters<N> {
    fn new(geometry: &Geometry, cut: Cut) -> Self {
        Self { values: vec![0.0; geometry.batch * N * cut.group], cut }
    }

    /// The numbers of each image, to set: those of its channels are the first.
    fn images(&mut self) -> impl ExactSizeIterator<Item = [&mut [f32]; N]> + Send {
        let group = self.cut.group;
        self.values.chunks_mut(N * group).map(move |image| {
            let mut rows = image.chunks_mut(group);
            [(); N].map(|()| rows.next().unwrap_or_default())
        })
    }

    /// Repeats the numbers of the channels over the columns of a group.
    fn repeat(&mut self) {
        for row in self.values.chunks_mut(self.cut.group) {
            let (first, others) = row.split_at_mut(self.cut.channels);
            others.chunks_mut(first.len()).for_each(|other| other.copy_from_slice(first));
        }
    }

    fn of(&self, image: usize) -> [&[f32]; N] {
        let group = self.cut.group;
        let mut rows = self.values[image * N * group..][..N * group].chunks(group);
        [(); N].map(|()| rows.next().unwrap_or_default())
    }
}
