//! Softmax and cross-entropy in one: the loss of a classifier, from its logits and the true classes.
//!
//! The gradient is the difference of two distributions, so the probabilities are all that has to be kept. Rows of classes
//! are the last axis, whatever is before it: examples, or the pixels of images.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use super::labels::{self, Rules, check_labels, check_weights, leading};
use super::loss::Reduction;
use crate::ops::check;
use crate::ops::in_place::owned;
use crate::{DType, Element, Error, Result, Tensor};

/// Settings of the loss; the default is the plain mean.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// With label smoothing `s` over `c` classes the target is `1 - s` on the label plus `s / c` on every class (Szegedy
    /// et al., arXiv:1512.00567).
    pub label_smoothing: f64,
    /// What the part of each class is multiplied by, `[classes]`. A mean over labels divides by the weights of the labels.
    pub weights: Option<&'a Tensor>,
    /// A label whose rows count nothing, neither in the sum nor in what a mean divides by.
    pub ignored: Option<i64>,
    /// How the losses of the rows become the result.
    pub reduction: Reduction,
}

impl From<Reduction> for Options<'_> {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}

/// What [`forward`] computes.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The loss: a scalar, or one for each row.
    pub loss: Tensor,
    /// The softmax of each row of logits.
    pub probabilities: Tensor,
}

/// Cross-entropy between the softmax of the logits and the labels, as `torch.nn.functional.cross_entropy`.
///
/// The mean over an empty batch is NaN, as in PyTorch, and so is that over rows that are all ignored.
///
/// # Shapes
/// Logits `[.., classes]`, labels `[..]` of type `I64`; the loss a scalar, or `[..]` for [`Reduction::None`].
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::cross_entropy::{self, Options}};
/// let logits = Tensor::from_slice(&[1, 2], &[0.0f32, 0.0])?;
/// let labels = Tensor::from_slice(&[1], &[1i64])?;
/// let forward = cross_entropy::forward(&logits, &labels, &Options::default())?;
/// assert!((forward.loss.item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] for other shapes; [`Error::Argument`] for a label outside `0..classes` that is not the ignored one
/// (it names the index) or smoothing outside 0 to 1; [`Error::DType`].
pub fn forward(logits: &Tensor, labels: &Tensor, options: &Options<'_>) -> Result<Forward> {
    check(logits, options)?;
    let labels = check_labels(OP, "logits", logits, labels, options.ignored)?;
    compute(logits, Truth::Labels(labels), options)
}

/// The gradient of [`forward`] with respect to the logits, from that of the loss: without weights
/// `(probabilities - target) * grad`, over what the mean divides by.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where `grad_loss` has not the shape of the loss.
pub fn backward(
    probabilities: Tensor,
    labels: &Tensor,
    options: &Options<'_>,
    grad_loss: &Tensor,
) -> Result<Tensor> {
    check(&probabilities, options)?;
    let labels = check_labels(OP, "logits", &probabilities, labels, options.ignored)?;
    differentiate(probabilities, Truth::Labels(labels), options, grad_loss)
}

/// [`forward`] where the truth is a distribution over the classes. A mean divides by the number of rows, whatever the
/// weights, as in PyTorch.
///
/// # Shapes
/// Logits and targets `[.., classes]` of one type.
///
/// # Errors
/// As [`forward`]; [`Error::Argument`] for an ignored label, which distributions do not have.
pub fn forward_soft(logits: &Tensor, targets: &Tensor, options: &Options<'_>) -> Result<Forward> {
    check_soft(logits, targets, options)?;
    compute(logits, Truth::Shares(targets), options)
}

/// The gradient of [`forward_soft`] with respect to the logits.
///
/// # Errors
/// As [`forward_soft`]; [`Error::Shape`] where `grad_loss` has not the shape of the loss.
pub fn backward_soft(
    probabilities: Tensor,
    targets: &Tensor,
    options: &Options<'_>,
    grad_loss: &Tensor,
) -> Result<Tensor> {
    check_soft(&probabilities, targets, options)?;
    differentiate(probabilities, Truth::Shares(targets), options, grad_loss)
}

const OP: &str = "cross_entropy";

/// What is true of each row.
#[derive(Clone, Copy)]
enum Truth<'a> {
    /// One class.
    Labels(&'a [i64]),
    /// A share for each class.
    Shares(&'a Tensor),
}

/// What the loops read beside logits or probabilities.
struct Problem<'a, F> {
    target: Target<'a, F>,
    weights: Option<&'a [F]>,
    /// The sum of the weights; without any, the number of classes.
    total_weight: f64,
    smoothing: f64,
    classes: usize,
}

/// [`Truth`], with the numbers of a tensor.
#[derive(Clone, Copy)]
enum Target<'a, F> {
    Labels { labels: &'a [i64], ignored: Option<i64> },
    Shares(&'a [F]),
}

impl<'a, F: Element> Problem<'a, F> {
    fn new(truth: Truth<'a>, options: &Options<'a>, classes: usize) -> Result<Self> {
        let target = match truth {
            Truth::Labels(labels) => Target::Labels { labels, ignored: options.ignored },
            Truth::Shares(shares) => Target::Shares(shares.as_slice()?),
        };
        let weights = options.weights.map(Tensor::as_slice::<F>).transpose()?;
        let total_weight =
            weights.map_or(classes as f64, |weights| weights.iter().map(|weight| weight.to_f64()).sum());
        Ok(Self { target, weights, total_weight, smoothing: options.label_smoothing, classes })
    }
}

fn compute(logits: &Tensor, truth: Truth<'_>, options: &Options<'_>) -> Result<Forward> {
    let (rows, classes) = (leading(logits)?, logits.shape().last().copied().unwrap_or(0));
    let reduction = options.reduction;
    let mut probabilities = Tensor::stale(logits.shape(), logits.dtype())?;
    let mut loss = Tensor::stale(&reduction.shape(rows), logits.dtype())?;
    match logits.dtype() {
        DType::F32 => {
            let problem = Problem::<f32>::new(truth, options, classes)?;
            let divisor = divisor::<f32>(truth, &rows, options)?;
            let (x, p, y) = (logits.as_slice()?, probabilities.as_mut_slice()?, loss.as_mut_slice()?);
            match reduction {
                Reduction::None => _ = vector::forward(&problem, x, p, y)?,
                _ => y.fill((vector::forward(&problem, x, p, &mut [])? / divisor) as f32),
            }
        }
        _ => {
            let problem = Problem::<f64>::new(truth, options, classes)?;
            let divisor = divisor::<f64>(truth, &rows, options)?;
            let (x, p, y) = (logits.as_slice()?, probabilities.as_mut_slice()?, loss.as_mut_slice::<f64>()?);
            match reduction {
                Reduction::None => _ = reference::forward(&problem, x, p, y),
                _ => y.fill(reference::forward(&problem, x, p, &mut []) / divisor),
            }
        }
    }
    Ok(Forward { loss, probabilities })
}

fn differentiate(
    probabilities: Tensor,
    truth: Truth<'_>,
    options: &Options<'_>,
    grad_loss: &Tensor,
) -> Result<Tensor> {
    let (rows, classes) = (leading(&probabilities)?, probabilities.shape().last().copied().unwrap_or(0));
    check::exactly(grad_loss, OP, probabilities.dtype(), &options.reduction.shape(rows))?;
    match probabilities.dtype() {
        DType::F32 => {
            let problem = Problem::<f32>::new(truth, options, classes)?;
            let divisor = divisor::<f32>(truth, &rows, options)?;
            let mut result = owned::<f32>(probabilities)?;
            match options.reduction {
                Reduction::None => vector::backward(&problem, result.as_mut_slice()?, grad_loss.as_slice()?)?,
                _ => {
                    let factor = [(grad_loss.item()? / divisor) as f32];
                    vector::backward(&problem, result.as_mut_slice()?, &factor)?;
                }
            }
            Ok(result)
        }
        _ => {
            let problem = Problem::<f64>::new(truth, options, classes)?;
            let divisor = divisor::<f64>(truth, &rows, options)?;
            let mut result = owned::<f64>(probabilities)?;
            match options.reduction {
                Reduction::None => {
                    reference::backward(&problem, result.as_mut_slice()?, grad_loss.as_slice()?)
                }
                _ => reference::backward(&problem, result.as_mut_slice()?, &[grad_loss.item()? / divisor]),
            }
            Ok(result)
        }
    }
}

fn divisor<E: Element>(truth: Truth<'_>, rows: &[usize], options: &Options<'_>) -> Result<f64> {
    let Options { weights, ignored, reduction, .. } = *options;
    match truth {
        Truth::Labels(labels) => labels::divisor::<E>(labels, rows, Rules { weights, ignored, reduction }),
        Truth::Shares(_) => Ok(reduction.divisor(rows)),
    }
}

fn check(logits: &Tensor, options: &Options<'_>) -> Result<()> {
    if !logits.dtype().is_compute() {
        return Err(check::not_compute(OP, logits.dtype()));
    }
    labels::classes(OP, "logits", logits)?;
    let smoothing = options.label_smoothing;
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(Error::argument(OP, "label smoothing", smoothing, "0 to 1"));
    }
    check_weights(OP, logits, options.weights)
}

fn check_soft(logits: &Tensor, targets: &Tensor, options: &Options<'_>) -> Result<()> {
    check(logits, options)?;
    check::same_spec(OP, ("logits", logits), ("targets", targets))?;
    match options.ignored {
        None => Ok(()),
        Some(label) => {
            Err(Error::argument(OP, "ignored label", label, "none, where targets are distributions"))
        }
    }
}
