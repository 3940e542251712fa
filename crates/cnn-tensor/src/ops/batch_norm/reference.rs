//! The plain loops: the oracle, and the path of `f64`.
//!
//! Variance is the mean of squared differences from a mean found first.

use crate::Float;
use crate::ops::activation::Activation;

/// What each channel is normalised by.
pub(super) struct Channels<'a, F> {
    pub(super) mean: &'a [F],
    pub(super) inverse: &'a [F],
    pub(super) weight: &'a [F],
    pub(super) bias: &'a [F],
}

/// What the gradient of each channel's input depends on.
pub(super) struct Gradient<'a, F> {
    pub(super) mean: &'a [F],
    pub(super) inverse: &'a [F],
    pub(super) weight: &'a [F],
}

/// Mean, inverse deviation and unbiased variance of each channel.
pub(super) fn statistics<F: Float>(x: &[F], epsilon: f64, [mean, inverse, unbiased]: [&mut [F]; 3]) {
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
pub(super) fn inverse_deviation<F: Float>(variance: &[F], epsilon: f64) -> Vec<F> {
    variance.iter().map(|&v| F::ONE / (v + F::from_f64(epsilon)).sqrt()).collect()
}

/// Replaces `x` by `act((x - mean) * inverse * weight + bias + residual)`.
pub(super) fn normalise<F: Float>(x: &mut [F], map: &Channels<'_, F>, residual: Option<&[F]>, act: Activation) {
    for (index, x) in x.iter_mut().enumerate() {
        let c = index % map.mean.len();
        let sum = (*x - map.mean[c]) * map.inverse[c] * map.weight[c]
            + map.bias[c]
            + residual.map_or(F::ZERO, |residual| residual[index]);
        *x = match act {
            Activation::Identity => sum,
            Activation::Relu => if sum < F::ZERO { F::ZERO } else { sum },
        };
    }
}

/// Takes the gradient back through the activation.
pub(super) fn through_activation<F: Float>(grad: &mut [F], output: &[F], act: Activation) {
    match act {
        Activation::Identity => (),
        Activation::Relu => {
            for (grad, &output) in grad.iter_mut().zip(output) {
                *grad = if output <= F::ZERO { F::ZERO } else { *grad };
            }
        }
    }
}

/// For each channel the sums of `grad` times the normalised input, and of `grad`.
pub(super) fn sums<F: Float>(x: &[F], grad: &[F], [mean, inverse]: [&[F]; 2]) -> [Vec<F>; 2] {
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
pub(super) fn train_input<F: Float>(x: &[F], grad: &mut [F], map: &Gradient<'_, F>, sums: &[Vec<F>; 2]) {
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
pub(super) fn eval_input<F: Float>(grad: &mut [F], weight: &[F], inverse: &[F]) {
    for (index, grad) in grad.iter_mut().enumerate() {
        let c = index % weight.len();
        *grad *= weight[c] * inverse[c];
    }
}
