//! Batch normalisation of `f32`: what is worked out for each channel, in double precision, between the passes.

use super::kernels::{Gradient, Taken};
use super::{Affine, Backward, EvalSaved, Running, TrainForward, TrainSaved, Wanted, passes};
use crate::ops::activation::Activation;
use crate::ops::in_place::{Source, map, owned};
use crate::{DType, Result, Tensor};

pub(super) fn train(
    x: &Tensor,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
    forward: &mut TrainForward,
) -> Result<()> {
    let x = x.as_slice::<f32>()?;
    let moments = passes::statistics(x, affine.weight.len())?;
    let centre = forward.mean.as_mut_slice::<f32>()?;
    write(centre, moments.mean().iter().copied());
    let inverse: Vec<f64> = moments.biased_variance().map(|v| 1.0 / (v + affine.epsilon).sqrt()).collect();
    write(forward.inverse_deviation.as_mut_slice()?, inverse.iter().copied());
    write(forward.unbiased_variance.as_mut_slice()?, moments.unbiased_variance());

    let scale: Vec<f32> = product(&inverse, affine.weight.as_slice()?);
    let mut shift = affine.bias.to_vec::<f32>()?;
    // What rounding took from the mean goes into the shift.
    for (c, shift) in shift.iter_mut().enumerate() {
        *shift -= ((moments.mean()[c] - f64::from(centre[c])) * f64::from(scale[c])) as f32;
    }
    let residual = residual.map(Tensor::as_slice::<f32>).transpose()?;
    let output = forward.output.as_mut_slice::<f32>()?;
    passes::normalise(Source::Other(x), output, [centre, &scale, &shift], residual, act)
}

pub(super) fn train_back(
    saved: TrainSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let (x, centre) = (saved.x.as_slice::<f32>()?, saved.mean.as_slice::<f32>()?);
    let inverse: Vec<f64> = saved.inverse_deviation.to_f64_vec()?;
    let Half { grad, act, residual, sums, dots } = sum_gradients(x, saved.output, act, wanted, grad, centre)?;
    let mut back = Backward { residual, ..affine_gradients(wanted, &sums, &dots, &inverse)? };
    if wanted.input {
        let values = (x.len() / centre.len().max(1)) as f64;
        let dots = dots.iter().zip(&inverse);
        // The gradient of the normalised value's share in the variance, on the scale of the centred input.
        let slope: Vec<f32> = dots.map(|(dot, inverse)| (dot * inverse * inverse / values) as f32).collect();
        let mean_grad: Vec<f32> = sums.iter().map(|sum| (sum / values) as f32).collect();
        let scale = product(&inverse, saved.weight.as_slice()?);
        let output = saved.output.as_slice()?;
        back.input = Some(map(grad, |grad, input| {
            let gradient = Gradient { grad, output, act };
            passes::train_input(x, gradient, input, [centre, &scale, &slope, &mean_grad])
        })?);
    }
    Ok(back)
}

pub(super) fn eval(
    x: Tensor,
    running: Running<'_>,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
) -> Result<Tensor> {
    let scale = product(&inverse_deviation(running, affine)?, affine.weight.as_slice()?);
    let parameters = [running.mean.as_slice::<f32>()?, &scale, affine.bias.as_slice()?];
    let residual = residual.map(Tensor::as_slice::<f32>).transpose()?;
    map(x, |x, output| passes::normalise(x, output, parameters, residual, act))
}

pub(super) fn eval_back(
    saved: EvalSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let inverse = inverse_deviation(saved.running, saved.affine)?;
    let scale = product(&inverse, saved.affine.weight.as_slice()?);
    let output = saved.output.as_slice()?;
    if !wanted.affine {
        // Nothing has to be summed first, so one pass writes all there is.
        let mut residual = match (wanted.residual, act) {
            (false, _) => None,
            (true, Activation::Identity) => Some(grad.clone()),
            (true, _) => Some(Tensor::stale(grad.shape(), grad.dtype())?),
        };
        let kept = match (&mut residual, act) {
            (None, _) | (_, Activation::Identity) => None,
            (Some(residual), _) => Some(residual.as_mut_slice::<f32>()?),
        };
        let input =
            map(grad, |grad, input| passes::eval_input(Gradient { grad, output, act }, input, &scale, kept))?;
        return Ok(Backward { input: Some(input), residual, ..Backward::default() });
    }
    let (x, centre) = (saved.x.as_slice::<f32>()?, saved.running.mean.as_slice::<f32>()?);
    let Half { grad, act, residual, sums, dots } = sum_gradients(x, saved.output, act, wanted, grad, centre)?;
    let mut back = Backward { residual, ..affine_gradients(wanted, &sums, &dots, &inverse)? };
    if wanted.input {
        back.input = Some(map(grad, |grad, input| {
            passes::eval_input(Gradient { grad, output, act }, input, &scale, None)
        })?);
    }
    Ok(back)
}

/// The state of a backward pass between its two passes over memory.
struct Half {
    grad: Tensor,
    /// What the gradient must still be taken back through.
    act: Activation,
    residual: Option<Tensor>,
    /// Sums of the gradient, for each channel.
    sums: Vec<f64>,
    /// Sums of the gradient times the centred input.
    dots: Vec<f64>,
}

/// The first pass: the sums, and the residual's gradient, which takes the place of the output's where nobody
/// else holds it.
fn sum_gradients(
    x: &[f32],
    output: &Tensor,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
    centre: &[f32],
) -> Result<Half> {
    let output = output.as_slice::<f32>()?;
    if !wanted.residual || act == Activation::Identity {
        let [sums, dots] = passes::sums(x, Taken::Read(grad.as_slice()?), output, act, centre)?;
        // The sum of residual and rest hands its gradient on as it is, so both may share one buffer.
        let residual = wanted.residual.then(|| grad.clone());
        return Ok(Half { grad, act, residual, sums, dots });
    }
    let mut grad = owned::<f32>(grad)?;
    let [sums, dots] = passes::sums(x, Taken::Replaced(grad.as_mut_slice()?), output, act, centre)?;
    Ok(Half { residual: Some(grad.clone()), grad, act: Activation::Identity, sums, dots })
}

/// The gradients of scale and shift, where they are wanted.
fn affine_gradients(wanted: Wanted, sums: &[f64], dots: &[f64], inverse: &[f64]) -> Result<Backward> {
    if !wanted.affine {
        return Ok(Backward::default());
    }
    let [mut weight, mut bias] =
        [Tensor::stale(&[sums.len()], DType::F32)?, Tensor::stale(&[sums.len()], DType::F32)?];
    write(weight.as_mut_slice()?, dots.iter().zip(inverse).map(|(dot, inverse)| dot * inverse));
    write(bias.as_mut_slice()?, sums.iter().copied());
    Ok(Backward { weight: Some(weight), bias: Some(bias), ..Backward::default() })
}

fn inverse_deviation(running: Running<'_>, affine: Affine<'_>) -> Result<Vec<f64>> {
    let variance = running.variance.as_slice::<f32>()?;
    Ok(variance.iter().map(|&v| 1.0 / (f64::from(v) + affine.epsilon).sqrt()).collect())
}

/// `inverse * weight`, rounded once.
fn product(inverse: &[f64], weight: &[f32]) -> Vec<f32> {
    inverse.iter().zip(weight).map(|(inverse, &weight)| (inverse * f64::from(weight)) as f32).collect()
}

fn write(target: &mut [f32], values: impl Iterator<Item = f64>) {
    target.iter_mut().zip(values).for_each(|(target, value)| *target = value as f32);
}
