//! Layer normalisation (Ba, Kiros and Hinton, arXiv:1607.06450): each row by its own mean and variance.
//!
//! `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, where a row is what the last axes span and the
//! variance is the biased one. Scale and shift have an element for each number of a row.

mod arguments;
mod kernels;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

pub(in crate::ops) use arguments::rounded;
pub use arguments::{Affine, Backward, Forward, Saved, Wanted};

use crate::ops::check;
use crate::{DType, Error, Result, Shape, Spec, Tensor};

const OP: &str = "layer_norm";

/// What [`infer`] is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The input.
    pub x: Spec,
    /// The last axes of the input.
    pub normalized_shape: &'a [usize],
    /// The learnt scale.
    pub weight: Option<Spec>,
    /// The learnt shift.
    pub bias: Option<Spec>,
    /// Added to the variance.
    pub epsilon: f64,
}

/// The shape of the statistics: the axes that are not normalised over. The output has the input's shape.
///
/// # Errors
/// [`Error::Shape`] unless the normalised shape is that of the input's last axes, one or more of them, and scale and
/// shift have it; [`Error::DType`] where the types differ or are not `F32` or `F64`; [`Error::Argument`] for an epsilon
/// that is negative or not finite.
pub fn infer(question: Question<'_>) -> Result<Spec> {
    let Question { x, normalized_shape, weight, bias, epsilon } = question;
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if normalized_shape.is_empty() || !x.shape.ends_with(normalized_shape) {
        let problem = format!("input {} should end in the normalized shape {normalized_shape:?}", x.shape);
        return Err(Error::shape(OP, problem));
    }
    for (name, values) in [("weight", weight), ("bias", bias)] {
        let Some(values) = values else { continue };
        if values.shape.dims() != normalized_shape {
            let problem = format!("{name} is {}, expected {normalized_shape:?}", values.shape);
            return Err(Error::shape(OP, problem));
        }
        if values.dtype != x.dtype {
            return Err(Error::dtype(OP, values.dtype, x.dtype.name()));
        }
    }
    check::epsilon(OP, epsilon)?;
    let leading = x.shape.rank() - normalized_shape.len();
    Ok(Spec::new(Shape::new(&x.shape[..leading])?, DType::F64))
}

/// Normalises each row by its mean and biased variance.
///
/// # Shapes
/// Input and output `[.., normalized_shape..]`, weight and bias `normalized_shape`, statistics `[..]`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::layer_norm::{self, Affine}};
/// let x = Tensor::from_slice(&[2, 2], &[1.0f32, 3.0, 10.0, 50.0])?;
/// let affine = Affine { weight: None, bias: None, epsilon: 0.0 };
/// let forward = layer_norm::forward(&x, &[2], affine)?;
/// assert_eq!(forward.output.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
/// assert_eq!(forward.mean.to_vec::<f64>()?, [2.0, 30.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`infer`]; [`Error::OutOfMemory`].
pub fn forward(x: &Tensor, normalized_shape: &[usize], affine: Affine<'_>) -> Result<Forward> {
    let Affine { weight, bias, epsilon } = affine;
    let (x_spec, [weight_spec, bias_spec]) = (x.spec(), [weight, bias].map(|v| v.map(Tensor::spec)));
    let statistics =
        infer(Question { x: x_spec, normalized_shape, weight: weight_spec, bias: bias_spec, epsilon })?;
    let mut forward = Forward {
        output: Tensor::stale(x.shape(), x.dtype())?,
        mean: Tensor::stale(&statistics.shape, DType::F64)?,
        inverse_deviation: Tensor::stale(&statistics.shape, DType::F64)?,
    };
    let row = normalized_shape.iter().product();
    match x.dtype() {
        _ if x.is_empty() => {
            // Rows without numbers have no mean.
            forward.mean.as_mut_slice::<f64>()?.fill(f64::NAN);
            forward.inverse_deviation.as_mut_slice::<f64>()?.fill(f64::NAN);
        }
        DType::F32 => vector::forward(x, row, affine, &mut forward)?,
        _ => reference::forward::<f64>(x, row, affine, &mut forward)?,
    }
    Ok(forward)
}

/// The gradients of [`forward`]; those of weight and bias have the normalised shape, which is that of the axes that
/// the statistics do not have.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where the gradient or the statistics do not fit the input.
pub fn backward(saved: Saved<'_>, wanted: Wanted, grad: Tensor) -> Result<Backward> {
    let Saved { x, weight, mean, inverse_deviation } = saved;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    check::same_spec(OP, ("mean", mean), ("inverse deviation", inverse_deviation))?;
    check::dtype(OP, mean, DType::F64)?;
    if mean.rank() >= x.rank() || !x.shape().starts_with(mean.shape()) {
        let problem = format!("statistics {:?} do not fit the input {:?}", mean.shape(), x.shape());
        return Err(Error::shape(OP, problem));
    }
    let normalized_shape = &x.shape()[mean.rank()..];
    infer(Question {
        x: x.spec(),
        normalized_shape,
        weight: weight.map(Tensor::spec),
        bias: None,
        epsilon: 0.0,
    })?;
    match grad.dtype() {
        _ if grad.is_empty() => Backward::of_nothing(wanted, normalized_shape, grad),
        DType::F32 => vector::backward(saved, normalized_shape, wanted, grad),
        _ => reference::backward::<f64>(saved, normalized_shape, wanted, grad),
    }
}
