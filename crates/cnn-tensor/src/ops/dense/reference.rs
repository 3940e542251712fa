//! The dense product as its definition reads: the oracle of the tests.

use super::Geometry;
use crate::ops::activation::Activation;
use crate::{Float, Result, Tensor};

/// See [`super::forward`]; the result is `[rows, out_features]`.
pub(crate) fn forward<F: Float>(
    geometry: &Geometry,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    let Geometry { rows, in_features, out_features } = *geometry;
    let mut output = Tensor::zeros(&[rows, out_features], F::DTYPE)?;
    let y = output.as_mut_slice::<F>()?;
    let (x, weight) = (x.as_slice::<F>()?, weight.as_slice::<F>()?);
    let bias = bias.map(Tensor::as_slice::<F>).transpose()?;
    for row in 0..rows {
        for k in 0..out_features {
            let mut sum = bias.map_or(F::ZERO, |bias| bias[k]);
            for c in 0..in_features {
                sum += x[row * in_features + c] * weight[c * out_features + k];
            }
            y[row * out_features + k] = activation.value(sum);
        }
    }
    Ok(output)
}

/// See [`super::grad_input`]; the result is `[rows, in_features]`.
pub(crate) fn grad_input<F: Float>(
    geometry: &Geometry,
    grad_output: &Tensor,
    weight: &Tensor,
) -> Result<Tensor> {
    let Geometry { rows, in_features, out_features } = *geometry;
    let mut result = Tensor::zeros(&[rows, in_features], F::DTYPE)?;
    let target = result.as_mut_slice::<F>()?;
    let (grad, weight) = (grad_output.as_slice::<F>()?, weight.as_slice::<F>()?);
    for row in 0..rows {
        for c in 0..in_features {
            for k in 0..out_features {
                target[row * in_features + c] += grad[row * out_features + k] * weight[c * out_features + k];
            }
        }
    }
    Ok(result)
}

/// See [`super::grad_weight`]; the result is `[in_features, out_features]`.
pub(crate) fn grad_weight<F: Float>(geometry: &Geometry, x: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
    let Geometry { rows, in_features, out_features } = *geometry;
    let mut result = Tensor::zeros(&[in_features, out_features], F::DTYPE)?;
    let target = result.as_mut_slice::<F>()?;
    let (x, grad) = (x.as_slice::<F>()?, grad_output.as_slice::<F>()?);
    for row in 0..rows {
        for c in 0..in_features {
            for k in 0..out_features {
                target[c * out_features + k] += x[row * in_features + c] * grad[row * out_features + k];
            }
        }
    }
    Ok(result)
}
