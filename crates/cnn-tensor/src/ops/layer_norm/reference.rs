//! The plain loops: the oracle, and the path of `f64`.

use super::{Affine, Backward, Forward, Saved, Wanted};
use crate::{Float, Result, Tensor};

pub(super) fn forward<F: Float>(
    x: &Tensor,
    row: usize,
    affine: Affine<'_>,
    forward: &mut Forward,
) -> Result<()> {
    let [weight, bias] = [affine.weight, affine.bias].map(|values| values.map(Tensor::as_slice::<F>));
    let (weight, bias) = (weight.transpose()?, bias.transpose()?);
    let count = F::from_f64(row as f64);
    let statistics = [&mut forward.mean, &mut forward.inverse_deviation].map(Tensor::as_mut_slice::<f64>);
    let [means, inverses] = statistics;
    let rows = x.as_slice::<F>()?.chunks(row.max(1));
    let outputs = forward.output.as_mut_slice::<F>()?.chunks_mut(row.max(1));
    for (((x, y), mean), inverse) in rows.zip(outputs).zip(means?).zip(inverses?) {
        let centre = x.iter().copied().sum::<F>() / count;
        let variance = x.iter().map(|&x| (x - centre) * (x - centre)).sum::<F>() / count;
        let scale = F::ONE / (variance + F::from_f64(affine.epsilon)).sqrt();
        (*mean, *inverse) = (centre.to_f64(), scale.to_f64());
        for (index, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            let normalised = (x - centre) * scale;
            let scaled = weight.map_or(normalised, |weight| normalised * weight[index]);
            *y = bias.map_or(scaled, |bias| scaled + bias[index]);
        }
    }
    Ok(())
}

pub(super) fn backward<F: Float>(
    saved: Saved<'_>,
    normalized_shape: &[usize],
    wanted: Wanted,
    mut grad: Tensor,
) -> Result<Backward> {
    let row: usize = normalized_shape.iter().product();
    let weight = saved.weight.map(Tensor::as_slice::<F>).transpose()?;
    let [mut grad_weight, mut grad_bias] = [(); 2].map(|()| vec![F::ZERO; row]);
    let (means, inverses) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let rows = saved.x.as_slice::<F>()?.chunks(row.max(1));
    let grads = grad.as_mut_slice::<F>()?.chunks_mut(row.max(1));
    let count = F::from_f64(row as f64);
    for (((x, grad), &mean), &inverse) in rows.zip(grads).zip(means).zip(inverses) {
        let (mean, inverse) = (F::from_f64(mean), F::from_f64(inverse));
        let [mut sum, mut dot] = [F::ZERO; 2];
        for index in 0..row {
            let normalised = (x[index] - mean) * inverse;
            grad_weight[index] += grad[index] * normalised;
            grad_bias[index] += grad[index];
            // The gradient of the normalised value takes the place of the output's.
            grad[index] = weight.map_or(grad[index], |weight| grad[index] * weight[index]);
            sum += grad[index];
            dot += grad[index] * normalised;
        }
        for (grad, &x) in grad.iter_mut().zip(x) {
            let normalised = (x - mean) * inverse;
            *grad = (*grad - (sum + normalised * dot) / count) * inverse;
        }
    }
    let affine = |values: &[F]| match wanted.affine {
        true => Tensor::from_slice(normalized_shape, values).map(Some),
        false => Ok(None),
    };
    Ok(Backward {
        input: wanted.input.then_some(grad),
        weight: affine(&grad_weight)?,
        bias: affine(&grad_bias)?,
    })
}
