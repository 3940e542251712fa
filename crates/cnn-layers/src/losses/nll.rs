//! The negative log-likelihood, as `torch.nn.NLLLoss`.

use cnn_autograd::Var;
use cnn_tensor::Tensor;
use cnn_tensor::ops::nll::Options;

use super::ClassWeights;
use crate::{Reduction, Result};

/// The negated logarithm of the probability of each label: what follows a [`LogSoftmax`](crate::LogSoftmax).
///
/// The mean over a batch, with every class alike and no label ignored, until a method says otherwise. A label outside of
/// the classes is an error; PyTorch ignores -100 unasked, which [`Nll::ignoring`] does when asked.
///
/// ```
/// use cnn_layers::{Nll, Result, Var};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let logarithms = Var::constant(Tensor::from_slice(&[2, 2], &[-1.0f32, -2.0, -3.0, -4.0])?);
/// let loss = Nll::new().loss(logarithms, &Tensor::from_slice(&[2], &[1i64, 0])?)?;
/// assert_eq!(loss.value().item()?, 2.5);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Nll {
    weights: ClassWeights,
    ignored: Option<i64>,
    reduction: Reduction,
}

impl Nll {
    /// The plain mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// Multiplies the loss of each class by its weight. A mean then divides by the weights of the labels.
    ///
    /// # Errors
    /// Out of memory.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self> {
        self.weights = ClassWeights::new(weights)?;
        Ok(self)
    }

    /// Rows with this label count nothing, neither in the sum nor in what a mean divides by.
    #[must_use]
    pub fn ignoring(mut self, label: i64) -> Self {
        self.ignored = Some(label);
        self
    }

    /// How the losses of the rows become the result.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The loss.
    ///
    /// # Shapes
    /// Logarithms `[.., classes]`, labels `[..]` of type `I64`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes do not fit or a label is outside of the classes.
    pub fn loss(&self, logarithms: Var, labels: &Tensor) -> Result<Var> {
        let weights = self.weights.of(&logarithms)?;
        let options = Options { weights: weights.as_ref(), ignored: self.ignored, reduction: self.reduction };
        Ok(logarithms.nll_loss(labels, options)?)
    }
}

/// The mean of the negated logarithms of the probabilities of the labels.
///
/// # Errors
/// As [`Nll::loss`].
pub fn nll(logarithms: Var, labels: &Tensor) -> Result<Var> {
    Nll::new().loss(logarithms, labels)
}
