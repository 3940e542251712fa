//! Batch normalisation of `f32`: what is worked out for each channel, in double precision, between the passes.

use super::kernels::Gradient;
use super::{Affine, Backward, EvalSaved, ResidualGradient, Running, TrainForward, TrainSaved, passes};
use crate::ops::activation::Activation;
use crate::ops::in_place::{Source, map};
use crate::{Result, Tensor};

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
    residual: ResidualGradient,
    grad: Tensor,
) -> Result<Backward> {
    let (x, centre) = (saved.x.as_slice::<f32>()?, saved.mean.as_slice::<f32>()?);
    let inverse: Vec<f64> = saved.inverse_deviation.to_f64_vec()?;
    let values = (x.len() / centre.len().max(1)) as f64;
    let mut back = sum_gradients(x, saved.output, act, residual, grad, centre)?;
    let dots = back.dots.iter().zip(&inverse);
    // The gradient of the normalised value's share in the variance, on the scale of the centred input.
    let slope: Vec<f32> =
        dots.clone().map(|(dot, inverse)| (dot * inverse * inverse / values) as f32).collect();
    let mean_grad: Vec<f32> = back.sums.iter().map(|sum| (sum / values) as f32).collect();
    let scale = product(&inverse, saved.weight.as_slice()?);
    write(back.weight.as_mut_slice()?, dots.map(|(dot, inverse)| dot * inverse));
    back.finish(saved.output, act, |gradient, input| {
        passes::train_input(x, gradient, input, [centre, &scale, &slope, &mean_grad])
    })
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
    residual: ResidualGradient,
    grad: Tensor,
) -> Result<Backward> {
    let inverse = inverse_deviation(saved.running, saved.affine)?;
    let centre = saved.running.mean.as_slice::<f32>()?;
    let mut back = sum_gradients(saved.x.as_slice()?, saved.output, act, residual, grad, centre)?;
    write(back.weight.as_mut_slice()?, back.dots.iter().zip(&inverse).map(|(dot, inverse)| dot * inverse));
    let scale = product(&inverse, saved.affine.weight.as_slice()?);
    back.finish(saved.output, act, |gradient, input| passes::eval_input(gradient, input, &scale))
}

/// The state of a backward pass between its two passes over memory.
struct Half {
    weight: Tensor,
    bias: Tensor,
    grad: Tensor,
    /// The gradient before the activation, where the residual wants it.
    residual: Option<Tensor>,
    /// Sums of the gradient times the centred input, for each channel.
    dots: Vec<f64>,
    /// Sums of the gradient.
    sums: Vec<f64>,
}

/// The first pass: the sums, and the residual's gradient.
fn sum_gradients(
    x: &[f32],
    output: &Tensor,
    act: Activation,
    residual: ResidualGradient,
    grad: Tensor,
    centre: &[f32],
) -> Result<Half> {
    let mut kept = match (residual, act) {
        (ResidualGradient::Absent, _) => None,
        // The sum hands its gradient on as it is, so both may share one buffer.
        (ResidualGradient::Wanted, Activation::Identity) => Some(grad.clone()),
        (ResidualGradient::Wanted, _) => Some(Tensor::stale(grad.shape(), grad.dtype())?),
    };
    let gradient = Gradient { grad: Source::Other(grad.as_slice()?), output: output.as_slice()?, act };
    let target = match (&mut kept, act) {
        (None, _) | (_, Activation::Identity) => None,
        (Some(kept), _) => Some(kept.as_mut_slice::<f32>()?),
    };
    let [dots, sums] = passes::sums(x, gradient, centre, target)?;
    let per_channel = || Tensor::stale(&[centre.len()], grad.dtype());
    let (weight, mut bias) = (per_channel()?, per_channel()?);
    write(bias.as_mut_slice()?, sums.iter().copied());
    Ok(Half { weight, bias, grad, residual: kept, dots, sums })
}

impl Half {
    /// The second pass: `work` writes the gradient of the input, in the buffer of the gradient of the output
    /// where nobody else holds it.
    fn finish(
        self,
        output: &Tensor,
        act: Activation,
        work: impl FnOnce(Gradient<'_>, &mut [f32]) -> Result<()>,
    ) -> Result<Backward> {
        let Self { weight, bias, grad, residual, .. } = self;
        let output = output.as_slice::<f32>()?;
        let input = match &residual {
            // What the residual has was already taken back through the activation.
            Some(residual) => {
                let before = Source::Other(residual.as_slice()?);
                let before = Gradient { grad: before, output, act: Activation::Identity };
                map(grad, |_, input| work(before, input))?
            }
            None => map(grad, |grad, input| work(Gradient { grad, output, act }, input))?,
        };
        Ok(Backward { input, weight, bias, residual })
    }
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
