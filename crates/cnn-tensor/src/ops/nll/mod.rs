//! The negative log-likelihood: the loss of a classifier from logarithms of probabilities and the true classes.
//!
//! What [`cross_entropy`](super::cross_entropy) does from logits in one pass. Rows of classes are the last axis.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use super::labels::{Rules, check_labels, check_weights, divisor, leading};
use super::loss::Reduction;
use crate::ops::check;
use crate::{DType, Float, Result, Tensor};

const OP: &str = "nll_loss";

/// Settings of the loss; the default is the plain mean.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// What the loss of each class is multiplied by, `[classes]`. A mean divides by the weights of the labels.
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

impl<'a> Options<'a> {
    fn rules(&self) -> Rules<'a> {
        Rules { weights: self.weights, ignored: self.ignored, reduction: self.reduction }
    }
}

/// The negated logarithm of the probability of each label, as `torch.nn.functional.nll_loss`.
///
/// The mean over an empty batch is NaN, as in PyTorch, and so is that over rows that are all ignored.
///
/// # Shapes
/// Logarithms `[.., classes]`, labels `[..]` of type `I64`; the loss a scalar, or `[..]` for [`Reduction::None`].
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::nll::{self, Options}};
/// let logarithms = Tensor::from_slice(&[2, 2], &[-1.0f32, -2.0, -3.0, -4.0])?;
/// let labels = Tensor::from_slice(&[2], &[1i64, 0])?;
/// assert_eq!(nll::forward(&logarithms, &labels, &Options::default())?.item()?, 2.5);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for other shapes; [`Error::Argument`](crate::Error::Argument) for a label outside
/// `0..classes` that is not the ignored one; [`Error::DType`](crate::Error::DType).
pub fn forward(logarithms: &Tensor, labels: &Tensor, options: &Options<'_>) -> Result<Tensor> {
    logarithms.expect_compute(OP)?;
    check_weights(OP, logarithms, options.weights)?;
    let labels = check_labels(OP, "logarithms", logarithms, labels, options.ignored)?;
    let rows = leading(logarithms)?;
    let mut loss = Tensor::stale(&options.reduction.shape(rows), logarithms.dtype())?;
    let classes = logarithms.shape().last().copied().unwrap_or(0);
    match logarithms.dtype() {
        DType::F32 => {
            let problem = Problem::<f32>::new(labels, options, classes)?;
            let divisor = divisor::<f32>(labels, &rows, options.rules())?;
            let (x, y) = (logarithms.as_slice()?, loss.as_mut_slice()?);
            match options.reduction {
                Reduction::None => vector::each(&problem, x, y)?,
                _ => y.fill((vector::sum(&problem, x)? / divisor) as f32),
            }
        }
        _ => {
            let problem = Problem::<f64>::new(labels, options, classes)?;
            let divisor = divisor::<f64>(labels, &rows, options.rules())?;
            let (x, y) = (logarithms.as_slice()?, loss.as_mut_slice()?);
            match options.reduction {
                Reduction::None => reference::each(&problem, x, y),
                _ => y.fill(reference::sum(&problem, x) / divisor),
            }
        }
    }
    Ok(loss)
}

/// The gradient of [`forward`] with respect to logarithms of this shape, from that of the loss: nothing but at the labels.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`](crate::Error::Shape) where `grad_loss` has not the shape of the loss.
pub fn backward(
    logarithms: crate::Spec,
    labels: &Tensor,
    options: &Options<'_>,
    grad_loss: &Tensor,
) -> Result<Tensor> {
    let only = Tensor::from(logarithms);
    only.expect_compute(OP)?;
    check_weights(OP, &only, options.weights)?;
    let labels = check_labels(OP, "logarithms", &only, labels, options.ignored)?;
    let rows = leading(&only)?;
    check::exactly(grad_loss, OP, only.dtype(), &options.reduction.shape(rows))?;
    let classes = only.shape().last().copied().unwrap_or(0);
    let mut output = Tensor::stale(only.shape(), only.dtype())?;
    match only.dtype() {
        DType::F32 => {
            let problem = Problem::<f32>::new(labels, options, classes)?;
            match options.reduction {
                Reduction::None => vector::backward(&problem, grad_loss.as_slice()?, output.as_mut_slice()?)?,
                _ => {
                    let factor = grad_loss.item()? / divisor::<f32>(labels, &rows, options.rules())?;
                    vector::backward(&problem, &[factor as f32], output.as_mut_slice()?)?;
                }
            }
        }
        _ => {
            let problem = Problem::<f64>::new(labels, options, classes)?;
            match options.reduction {
                Reduction::None => {
                    reference::backward(&problem, grad_loss.as_slice()?, output.as_mut_slice()?)
                }
                _ => {
                    let factor = grad_loss.item()? / divisor::<f64>(labels, &rows, options.rules())?;
                    reference::backward(&problem, &[factor], output.as_mut_slice()?);
                }
            }
        }
    }
    Ok(output)
}

/// What the loops read beside the logarithms.
struct Problem<'a, F> {
    labels: &'a [i64],
    weights: Option<&'a [F]>,
    ignored: Option<i64>,
    classes: usize,
}

impl<'a, F: Float> Problem<'a, F> {
    fn new(labels: &'a [i64], options: &Options<'a>, classes: usize) -> Result<Self> {
        let weights = options.weights.map(Tensor::as_slice).transpose()?;
        Ok(Self { labels, weights, ignored: options.ignored, classes })
    }

    /// The class of a row and its weight, where it is not ignored.
    #[inline(always)]
    fn class(&self, row: usize) -> Option<(usize, F)> {
        let label = self.labels[row];
        if Some(label) == self.ignored {
            return None;
        }
        let class = label as usize;
        Some((class, self.weights.map_or(F::ONE, |weights| weights[class])))
    }

    /// The loss of a row.
    #[inline(always)]
    fn loss(&self, x: &[F], row: usize) -> F {
        self.class(row).map_or(F::ZERO, |(class, weight)| -weight * x[row * self.classes + class])
    }
}
