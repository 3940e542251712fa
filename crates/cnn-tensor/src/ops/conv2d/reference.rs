//! Convolution as its definition reads: the oracle, and the path of `f64`.

use super::Geometry;
use crate::ops::activation::Activation;
use crate::{Float, Result, Tensor};

/// Calls `visit(input, weight, output)` with the three flat positions of every product of the convolution.
fn products(geometry: &Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let Geometry { batch, in_h, in_w, in_c, out_h, out_w, out_c, vertical, horizontal, .. } = *geometry;
    let (group_in_c, group_out_c) = (geometry.group_in_c(), geometry.group_out_c());
    for n in 0..batch {
        for out_y in 0..out_h {
            for out_x in 0..out_w {
                for tap_y in 0..vertical.kernel {
                    let Some(y) = vertical.position(out_y, tap_y, in_h) else { continue };
                    for tap_x in 0..horizontal.kernel {
                        let Some(x) = horizontal.position(out_x, tap_x, in_w) else { continue };
                        for k in 0..out_c {
                            let first_c = k / group_out_c * group_in_c;
                            for c in 0..group_in_c {
                                visit(
                                    ((n * in_h + y) * in_w + x) * in_c + first_c + c,
                                    ((tap_y * horizontal.kernel + tap_x) * group_in_c + c) * out_c + k,
                                    ((n * out_h + out_y) * out_w + out_x) * out_c + k,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// See [`super::forward`].
pub(crate) fn forward<F: Float>(
    geometry: &Geometry,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    let mut output = Tensor::zeros(&geometry.output_shape(), F::DTYPE)?;
    let y = output.as_mut_slice::<F>()?;
    if let Some(bias) = bias {
        y.chunks_exact_mut(geometry.out_c).try_for_each(|pixel| {
            pixel.copy_from_slice(bias.as_slice()?);
            Result::Ok(())
        })?;
    }
    let (x, weight) = (x.as_slice::<F>()?, weight.as_slice::<F>()?);
    products(geometry, |i, w, o| y[o] += x[i] * weight[w]);
    y.iter_mut().for_each(|value| *value = activation.value(*value));
    Ok(output)
}

/// See [`super::grad_input`].
pub(crate) fn grad_input<F: Float>(
    geometry: &Geometry,
    grad_output: &Tensor,
    weight: &Tensor,
) -> Result<Tensor> {
    let mut result = Tensor::zeros(&geometry.input_shape(), F::DTYPE)?;
    let target = result.as_mut_slice::<F>()?;
    let (grad, weight) = (grad_output.as_slice::<F>()?, weight.as_slice::<F>()?);
    products(geometry, |i, w, o| target[i] += grad[o] * weight[w]);
    Ok(result)
}

/// See [`super::grad_weight`].
pub(crate) fn grad_weight<F: Float>(geometry: &Geometry, x: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
    let mut result = Tensor::zeros(&geometry.weight_shape(), F::DTYPE)?;
    let target = result.as_mut_slice::<F>()?;
    let (x, grad) = (x.as_slice::<F>()?, grad_output.as_slice::<F>()?);
    products(geometry, |i, w, o| target[w] += x[i] * grad[o]);
    Ok(result)
}
