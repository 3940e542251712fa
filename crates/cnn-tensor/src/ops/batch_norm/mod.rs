//! Batch normalisation (Ioffe and Szegedy, 2015) over channels-last tensors of any rank, with the residual
//! sum and the activation that follow it in one pass.
//!
//! `y = act((x - mean) / sqrt(variance + epsilon) * weight + bias [+ residual])`, for each channel.
//! In training the statistics are those of the batch, over all axes but the last: the biased variance
//! normalises, the unbiased one is for the running average, which is not kept here. In evaluation the
//! statistics are given and constant.

mod arguments;
pub(in crate::ops) mod kernels;
pub(in crate::ops) mod moments;
mod passes;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

pub use arguments::{Affine, Backward, EvalSaved, Running, TrainForward, TrainSaved, Wanted};

use crate::ops::activation::{self, Activation};
use crate::ops::check;
use crate::{DType, Error, Result, Shape, Tensor};

const OP: &str = "batch_norm";

/// Normalises with the statistics of the batch. Those of no values are NaN.
///
/// # Shapes
/// Input, residual and output `[.., channels]` of rank 2 or more; the others `[channels]`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{DType, Tensor};
/// use cnn_tensor::ops::{activation::Activation, batch_norm::{self, Affine}};
/// let x = Tensor::from_slice(&[2, 1], &[1.0f32, 3.0])?;
/// let (weight, bias) = (Tensor::full(&[1], 1.0, DType::F32)?, Tensor::zeros(&[1], DType::F32)?);
/// let affine = Affine { weight: &weight, bias: &bias, epsilon: 0.0 };
/// let forward = batch_norm::forward_train(&x, affine, None, Activation::Identity)?;
/// assert_eq!(forward.output.to_vec::<f32>()?, [-1.0, 1.0]);
/// assert_eq!(forward.unbiased_variance.to_vec::<f32>()?, [2.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] where shapes do not fit or the batch has one value per channel, which has no variance;
/// [`Error::DType`] where the types differ or are not `F32` or `F64`.
pub fn forward_train(
    x: &Tensor,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
) -> Result<TrainForward> {
    check_input(x, affine, residual)?;
    expect_variance(&x.shape_value())?;
    let per_channel = || Tensor::stale(affine.weight.shape(), x.dtype());
    let mut forward = TrainForward {
        output: Tensor::stale(x.shape(), x.dtype())?,
        mean: per_channel()?,
        inverse_deviation: per_channel()?,
        unbiased_variance: per_channel()?,
    };
    match x.dtype() {
        _ if x.is_empty() => forward.of_nothing()?,
        DType::F32 => vector::train(x, affine, residual, act, &mut forward)?,
        _ => reference::train::<f64>(x, affine, residual, act, &mut forward)?,
    }
    Ok(forward)
}

/// The gradients of [`forward_train`].
///
/// # Errors
/// As [`forward_train`].
pub fn backward_train(
    saved: TrainSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    check::same_spec(OP, ("gradient", &grad), ("input", saved.x))?;
    check::same_spec(OP, ("gradient", &grad), ("output", saved.output))?;
    check_rank(saved.x)?;
    expect_variance(&saved.x.shape_value())?;
    for (name, values) in
        [("weight", saved.weight), ("mean", saved.mean), ("inverse deviation", saved.inverse_deviation)]
    {
        check::per_channel(OP, saved.x, name, values)?;
    }
    if !wanted.input && !wanted.affine {
        return residual_only(saved.output, act, wanted, grad);
    }
    match grad.dtype() {
        dtype if dtype.is_compute() && grad.is_empty() => Backward::of_nothing(wanted, saved.weight, grad),
        DType::F32 => vector::train_back(saved, act, wanted, grad),
        DType::F64 => reference::train_back::<f64>(saved, act, wanted, grad),
        met => Err(check::not_compute(OP, met)),
    }
}

/// Normalises with given statistics, in the buffer of `x` where nobody else holds it.
///
/// # Shapes
/// As [`forward_train`].
///
/// # Errors
/// As [`forward_train`], but any number of values will do.
pub fn forward_eval(
    x: Tensor,
    running: Running<'_>,
    affine: Affine<'_>,
    residual: Option<&Tensor>,
    act: Activation,
) -> Result<Tensor> {
    check_input(&x, affine, residual)?;
    check_running(&x, running)?;
    match x.dtype() {
        DType::F32 => vector::eval(x, running, affine, residual, act),
        _ => reference::eval::<f64>(x, running, affine, residual, act),
    }
}

/// The gradients of [`forward_eval`]: the statistics are constants, so each element's gradient is its own.
///
/// # Errors
/// As [`forward_eval`].
pub fn backward_eval(
    saved: EvalSaved<'_>,
    act: Activation,
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    check::same_spec(OP, ("gradient", &grad), ("output", saved.output))?;
    check_input(saved.x, saved.affine, Some(&grad))?;
    check_running(saved.x, saved.running)?;
    if !wanted.input && !wanted.affine {
        return residual_only(saved.output, act, wanted, grad);
    }
    match grad.dtype() {
        DType::F32 => vector::eval_back(saved, act, wanted, grad),
        _ => reference::eval_back::<f64>(saved, act, wanted, grad),
    }
}

/// The residual's gradient alone.
fn residual_only(output: &Tensor, act: Activation, wanted: Wanted, grad: Tensor) -> Result<Backward> {
    let residual = match wanted.residual {
        true => Some(activation::backward(act, output, grad)?),
        false => None,
    };
    Ok(Backward { residual, ..Backward::default() })
}

fn check_rank(x: &Tensor) -> Result<()> {
    if x.rank() >= 2 {
        return Ok(());
    }
    Err(Error::shape(OP, format!("input {:?}, expected [batch, .., channels]", x.shape())))
}

/// Whether a batch of this shape has a variance: that of one value per channel is not known, that of none not asked.
///
/// # Errors
/// [`Error::Shape`] for one value per channel.
pub fn expect_variance(x: &Shape) -> Result<()> {
    if x.contains(&0) || x[..x.rank().saturating_sub(1)].iter().any(|&size| size > 1) {
        return Ok(());
    }
    Err(Error::shape(OP, format!("input {x} has one value per channel, training needs 2 or more")))
}

fn check_input(x: &Tensor, affine: Affine<'_>, residual: Option<&Tensor>) -> Result<()> {
    check_rank(x)?;
    if !x.dtype().is_compute() {
        return Err(check::not_compute(OP, x.dtype()));
    }
    check::epsilon(OP, affine.epsilon)?;
    check::per_channel(OP, x, "weight", affine.weight)?;
    check::per_channel(OP, x, "bias", affine.bias)?;
    residual.map_or(Ok(()), |residual| check::same_spec(OP, ("input", x), ("residual", residual)))
}

fn check_running(x: &Tensor, running: Running<'_>) -> Result<()> {
    check::per_channel(OP, x, "running mean", running.mean)?;
    check::per_channel(OP, x, "running variance", running.variance)
}
