//! The plain loops: the oracle, and the path of `f64`.

use super::{Affine, Backward, Forward, Geometry, Saved, Wanted};
use crate::{Float, Result, Tensor};

/// Places of the numbers of a group of an image.
fn places(geometry: &Geometry, image: usize, group: usize) -> impl Iterator<Item = usize> + Clone + use<> {
    let Geometry { pixels, channels, .. } = *geometry;
    let (first, width) = (image * pixels * channels + group * geometry.width(), geometry.width());
    (0..pixels).flat_map(move |pixel| (0..width).map(move |c| first + pixel * channels + c))
}

pub(super) fn forward<F: Float>(
    geometry: &Geometry,
    x: &Tensor,
    affine: Affine<'_>,
    forward: &mut Forward,
) -> Result<()> {
    let [weight, bias] = [affine.weight, affine.bias].map(|values| values.map(Tensor::as_slice::<F>));
    let (weight, bias) = (weight.transpose()?, bias.transpose()?);
    let (x, y) = (x.as_slice::<F>()?, forward.output.as_mut_slice::<F>()?);
    let means = forward.mean.as_mut_slice::<f64>()?;
    let inverses = forward.inverse_deviation.as_mut_slice::<f64>()?;
    let count = F::from_f64((geometry.pixels * geometry.width()) as f64);
    for image in 0..geometry.batch {
        for group in 0..geometry.groups {
            let places = places(geometry, image, group);
            let mean = places.clone().map(|at| x[at]).sum::<F>() / count;
            let squares: F = places.clone().map(|at| (x[at] - mean) * (x[at] - mean)).sum();
            let inverse = F::ONE / (squares / count + F::from_f64(affine.epsilon)).sqrt();
            means[image * geometry.groups + group] = mean.to_f64();
            inverses[image * geometry.groups + group] = inverse.to_f64();
            for at in places {
                let channel = at % geometry.channels;
                let normalised = (x[at] - mean) * inverse;
                let scaled = weight.map_or(normalised, |weight| normalised * weight[channel]);
                y[at] = bias.map_or(scaled, |bias| scaled + bias[channel]);
            }
        }
    }
    Ok(())
}

pub(super) fn backward<F: Float>(
    geometry: &Geometry,
    saved: Saved<'_>,
    wanted: Wanted,
    mut grad: Tensor,
) -> Result<Backward> {
    let weight = saved.weight.map(Tensor::as_slice::<F>).transpose()?;
    let x = saved.x.as_slice::<F>()?;
    let (means, inverses) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let [mut grad_weight, mut grad_bias] = [(); 2].map(|()| vec![F::ZERO; geometry.channels]);
    let values = grad.as_mut_slice::<F>()?;
    let count = F::from_f64((geometry.pixels * geometry.width()) as f64);
    for image in 0..geometry.batch {
        for group in 0..geometry.groups {
            let places = places(geometry, image, group);
            let mean = F::from_f64(means[image * geometry.groups + group]);
            let inverse = F::from_f64(inverses[image * geometry.groups + group]);
            let normalised = |at: usize| (x[at] - mean) * inverse;
            let [mut sum, mut dot] = [F::ZERO; 2];
            for at in places.clone() {
                let channel = at % geometry.channels;
                grad_weight[channel] += values[at] * normalised(at);
                grad_bias[channel] += values[at];
                // The gradient of the normalised value takes the place of the output's.
                values[at] = weight.map_or(values[at], |weight| values[at] * weight[channel]);
                sum += values[at];
                dot += values[at] * normalised(at);
            }
            for at in places {
                values[at] = (values[at] - (sum + normalised(at) * dot) / count) * inverse;
            }
        }
    }
    let affine = |values: &[F]| match wanted.affine {
        true => Tensor::from_slice(&[geometry.channels], values).map(Some),
        false => Ok(None),
    };
    Ok(Backward {
        input: wanted.input.then_some(grad),
        weight: affine(&grad_weight)?,
        bias: affine(&grad_bias)?,
    })
}
