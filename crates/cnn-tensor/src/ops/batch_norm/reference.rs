//! The plain loops: the oracle, and the path of `f64`.
//!
//! Variance is the mean of squared differences from a mean found first.

use super::{Affine, Backward, EvalSaved, Running, TrainForward, TrainSaved, Wanted};
use crate::ops::activation::Activation;
use crate::ops::in_place::owned;
use crate::{Float, Result, Tensor};

pub(super) fn train<F: Float>(
    x: &Tensor,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
    forward: &mut TrainForward,
) -> Result<()> {
    let tensors = [&mut forward.mean, &mut forward.inverse_deviation, &mut forward.unbiased_variance];
    let [mean, inverse, unbiased] = tensors.map(Tensor::as_mut_slice::<F>);
    let (mean, inverse) = (mean?, inverse?);
    statistics(x.as_slice::<F>()?, affine.epsilon, [&mut *mean, &mut *inverse, unbiased?]);
    let map = Channels { mean, inverse, weight: affine.weight.as_slice()?, bias: affine.bias.as_slice()? };
    let residual = residual.map(Tensor::as_slice::<F>).transpose()?;
    let output = forward.output.as_mut_slice::<F>()?;
    output.copy_from_slice(x.as_slice()?);
    normalise(output, &map, residual, act);
    Ok(())
}

pub(super) fn train_back<F: Float>(
    saved: TrainSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let mut result = prepare(saved.weight.len(), wanted, grad)?;
    let sums = sum_gradients::<F>(
        &mut result,
        saved.x,
        saved.output,
        act,
        [saved.mean.as_slice()?, saved.inverse_deviation.as_slice()?],
    )?;
    let map = Gradient {
        mean: saved.mean.as_slice::<F>()?,
        inverse: saved.inverse_deviation.as_slice()?,
        weight: saved.weight.as_slice()?,
    };
    train_input(saved.x.as_slice()?, result.input.as_mut_slice()?, &map, &sums);
    Ok(result.only(wanted))
}

pub(super) fn eval<F: Float>(
    x: Tensor,
    running: Running<'_>,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
) -> Result<Tensor> {
    let inverse = inverse_deviation::<F>(running.variance.as_slice()?, affine.epsilon);
    let map = Channels {
        mean: running.mean.as_slice()?,
        inverse: &inverse,
        weight: affine.weight.as_slice()?,
        bias: affine.bias.as_slice()?,
    };
    let mut x = owned::<F>(x)?;
    let residual = residual.map(Tensor::as_slice::<F>).transpose()?;
    normalise(x.as_mut_slice()?, &map, residual, act);
    Ok(x)
}

pub(super) fn eval_back<F: Float>(
    saved: EvalSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let mut result = prepare(saved.affine.weight.len(), wanted, grad)?;
    let inverse = inverse_deviation::<F>(saved.running.variance.as_slice()?, saved.affine.epsilon);
    sum_gradients::<F>(&mut result, saved.x, saved.output, act, [saved.running.mean.as_slice()?, &inverse])?;
    eval_input(result.input.as_mut_slice::<F>()?, saved.affine.weight.as_slice()?, &inverse);
    Ok(result.only(wanted))
}

/// All gradients, wanted or not.
struct All {
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Option<Tensor>,
}

impl All {
    /// Those that are wanted.
    fn only(self, wanted: Wanted) -> Backward {
        let Self { input, weight, bias, residual } = self;
        Backward {
            input: wanted.input.then_some(input),
            weight: wanted.affine.then_some(weight),
            bias: wanted.affine.then_some(bias),
            residual,
        }
    }
}

/// The result with the gradient of the output where the gradient of the input will be.
fn prepare(channels: usize, wanted: Wanted, grad: Tensor) -> Result<All> {
    let residual = match wanted.residual {
        false => None,
        true => Some(Tensor::stale(grad.shape(), grad.dtype())?),
    };
    let [weight, bias] = [(); 2].map(|()| Tensor::stale(&[channels], grad.dtype()));
    Ok(All { weight: weight?, bias: bias?, input: grad, residual })
}

/// Takes the gradient back through the activation and the sum, then sums it for weight and bias.
fn sum_gradients<F: Float>(
    result: &mut All,
    x: &Tensor,
    output: &Tensor,
    act: Activation,
    statistics: [&[F]; 2],
) -> Result<[Vec<F>; 2]> {
    let grad = result.input.as_mut_slice::<F>()?;
    for (grad, &output) in grad.iter_mut().zip(output.as_slice()?) {
        *grad = act.gradient(output, *grad);
    }
    if let Some(residual) = &mut result.residual {
        residual.as_mut_slice::<F>()?.copy_from_slice(grad);
    }
    let sums = sums(x.as_slice()?, grad, statistics);
    result.weight.as_mut_slice::<F>()?.copy_from_slice(&sums[0]);
    result.bias.as_mut_slice::<F>()?.copy_from_slice(&sums[1]);
    Ok(sums)
}

/// What each channel is normalised by.
struct Channels<'a, F> {
    mean: &'a [F],
    inverse: &'a [F],
    weight: &'a [F],
    bias: &'a [F],
}

/// What the gradient of each channel's input depends on.
struct Gradient<'a, F> {
    mean: &'a [F],
    inverse: &'a [F],
    weight: &'a [F],
}

/// Mean, inverse deviation and unbiased variance of each channel.
fn statistics<F: Float>(x: &[F], epsilon: f64, [mean, inverse, unbiased]: [&mut [F]; 3]) {
    let channels = mean.len();
    let count = F::from_f64((x.len() / channels.max(1)) as f64);
    for c in 0..channels {
        let values = || x[c..].iter().step_by(channels);
        mean[c] = values().copied().sum::<F>() / count;
        let squares: F = values().map(|&x| (x - mean[c]) * (x - mean[c])).sum();
        inverse[c] = F::ONE / (squares / count + F::from_f64(epsilon)).sqrt();
        unbiased[c] = squares / (count - F::ONE);
    }
}

/// `1 / sqrt(variance + epsilon)`.
fn inverse_deviation<F: Float>(variance: &[F], epsilon: f64) -> Vec<F> {
    variance.iter().map(|&v| F::ONE / (v + F::from_f64(epsilon)).sqrt()).collect()
}

/// Replaces `x` by `act((x - mean) * inverse * weight + bias + residual)`.
fn normalise<F: Float>(x: &mut [F], map: &Channels<'_, F>, residual: Option<&[F]>, act: Activation) {
    for (index, x) in x.iter_mut().enumerate() {
        let c = index % map.mean.len();
        let sum = (*x - map.mean[c]) * map.inverse[c] * map.weight[c]
            + map.bias[c]
            + residual.map_or(F::ZERO, |residual| residual[index]);
        *x = act.value(sum);
    }
}

/// For each channel the sums of `grad` times the normalised input, and of `grad`.
fn sums<F: Float>(x: &[F], grad: &[F], [mean, inverse]: [&[F]; 2]) -> [Vec<F>; 2] {
    let channels = mean.len();
    let mut sums = [vec![F::ZERO; channels], vec![F::ZERO; channels]];
    for (index, (&x, &grad)) in x.iter().zip(grad).enumerate() {
        let c = index % channels;
        sums[0][c] += grad * (x - mean[c]) * inverse[c];
        sums[1][c] += grad;
    }
    sums
}

/// Replaces `grad` by the gradient of the input, through mean and variance as well.
fn train_input<F: Float>(x: &[F], grad: &mut [F], map: &Gradient<'_, F>, sums: &[Vec<F>; 2]) {
    let channels = map.mean.len();
    let count = F::from_f64((x.len() / channels.max(1)) as f64);
    for (index, (grad, &x)) in grad.iter_mut().zip(x).enumerate() {
        let c = index % channels;
        let normalised = (x - map.mean[c]) * map.inverse[c];
        let centred = *grad - (sums[1][c] + normalised * sums[0][c]) / count;
        *grad = centred * map.inverse[c] * map.weight[c];
    }
}

/// Replaces `grad` by the gradient of the input where the statistics are constants.
fn eval_input<F: Float>(grad: &mut [F], weight: &[F], inverse: &[F]) {
    for (index, grad) in grad.iter_mut().enumerate() {
        let c = index % weight.len();
        *grad *= weight[c] * inverse[c];
    }
}
