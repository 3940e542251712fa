//! Softmax and cross-entropy in one: the loss of a classifier, from its logits and the true classes.
//!
//! The gradient is the difference of two distributions, so the probabilities are all that has to be kept.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::owned;
use crate::{DType, Error, Result, Tensor};

/// What [`forward`] computes.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The mean loss over the batch, a scalar.
    pub loss: Tensor,
    /// The softmax of each row of logits.
    pub probabilities: Tensor,
}

/// Mean cross-entropy between the softmax of the logits and the labels.
///
/// With label smoothing `s` over `c` classes the target is `1 - s` on the label plus `s / c` on every class
/// (Szegedy et al., 2016; `torch.nn.CrossEntropyLoss`). The mean over an empty batch is NaN, as in PyTorch.
///
/// # Shapes
/// Logits `[batch, classes]`, labels `[batch]` of type `I64`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::cross_entropy};
/// let logits = Tensor::from_slice(&[1, 2], &[0.0f32, 0.0])?;
/// let forward = cross_entropy::forward(&logits, &Tensor::from_slice(&[1], &[1i64])?, 0.0)?;
/// assert!((forward.loss.item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] for other shapes; [`Error::Argument`] for a label outside `0..classes` (it names the
/// index) or smoothing outside 0 to 1; [`Error::DType`].
pub fn forward(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Forward> {
    let labels = check_labels(logits, labels, smoothing)?;
    let mut probabilities = Tensor::stale(logits.shape(), logits.dtype())?;
    let loss = match logits.dtype() {
        DType::F32 => Tensor::scalar(vector::forward(
            logits.as_slice()?,
            labels,
            smoothing,
            probabilities.as_mut_slice()?,
        )?),
        DType::F64 => Tensor::scalar(reference::forward(
            logits.as_slice::<f64>()?,
            labels,
            smoothing,
            probabilities.as_mut_slice()?,
        )),
        met => return Err(check::not_compute(OP, met)),
    }?;
    Ok(Forward { loss, probabilities })
}

/// The gradient of [`forward`] with respect to the logits:
/// `(probabilities - target) * grad_loss / batch`.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where `grad_loss` is not a scalar.
pub fn backward(
    probabilities: Tensor,
    labels: &Tensor,
    smoothing: f64,
    grad_loss: &Tensor,
) -> Result<Tensor> {
    let labels = check_labels(&probabilities, labels, smoothing)?;
    if grad_loss.rank() != 0 {
        return Err(Error::shape(
            OP,
            format!("gradient {:?} of the loss, expected a scalar", grad_loss.shape()),
        ));
    }
    let factor = grad_loss.item()? / labels.len() as f64;
    let classes = probabilities.shape()[1];
    match probabilities.dtype() {
        DType::F32 => {
            let mut result = owned::<f32>(probabilities)?;
            vector::backward(result.as_mut_slice()?, classes, labels, smoothing, factor)?;
            Ok(result)
        }
        _ => {
            let mut result = owned::<f64>(probabilities)?;
            reference::backward::<f64>(result.as_mut_slice()?, classes, labels, smoothing, factor);
            Ok(result)
        }
    }
}

const OP: &str = "cross_entropy";

fn check_labels<'a>(logits: &Tensor, labels: &'a Tensor, smoothing: f64) -> Result<&'a [i64]> {
    let &[batch, classes] = logits.shape() else {
        return Err(Error::shape(OP, format!("logits {:?}, expected [batch, classes]", logits.shape())));
    };
    if labels.shape() != [batch] {
        let problem =
            format!("labels {:?} for logits {:?}, expected [{batch}]", labels.shape(), logits.shape());
        return Err(Error::shape(OP, problem));
    }
    if !logits.dtype().is_compute() {
        return Err(check::not_compute(OP, logits.dtype()));
    }
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(Error::argument(OP, "label smoothing", smoothing, "0 to 1"));
    }
    let labels = labels.as_slice::<i64>()?;
    match labels.iter().position(|&label| usize::try_from(label).map_or(true, |label| label >= classes)) {
        None => Ok(labels),
        Some(index) => Err(Error::argument(
            OP,
            "label",
            format!("{} at index {index} of {classes} classes", labels[index]),
            "0 to the number of classes less one",
        )),
    }
}
