//! Cross-entropy, as `torch.nn.CrossEntropyLoss`.

use cnn_autograd::Var;
use cnn_tensor::Tensor;
use cnn_tensor::ops::cross_entropy::Options;

use super::ClassWeights;
use crate::{Error, Reduction, Result};

/// The cross-entropy of the softmax of logits with labels, or with distributions over the classes.
///
/// The mean over a batch, with every class alike and no label ignored, until a method says otherwise. A label outside of
/// the classes is an error; PyTorch ignores -100 unasked, which [`CrossEntropy::ignoring`] does when asked.
///
/// ```
/// use cnn_layers::{CrossEntropy, Reduction, Result, Var};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// // An image of 2 by 2 pixels and 3 classes, of which one pixel is unknown.
/// let logits = Var::constant(Tensor::zeros(&[1, 2, 2, 3], DType::F32)?);
/// let labels = Tensor::from_slice(&[1, 2, 2], &[0i64, 2, 255, 1])?;
/// let loss = CrossEntropy::new().with_weights(&[1.0, 2.0, 0.5])?.ignoring(255);
/// assert!((loss.loss(logits, &labels)?.value().item()? - 3f64.ln()).abs() < 1e-6);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CrossEntropy {
    label_smoothing: f64,
    weights: ClassWeights,
    ignored: Option<i64>,
    reduction: Reduction,
}

impl CrossEntropy {
    /// Without smoothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With target `1 - s` on the label plus `s / classes` on every class (Szegedy et al., arXiv:1512.00567).
    ///
    /// # Errors
    /// [`Error::Argument`] unless `label_smoothing` is from 0 to 1.
    pub fn with_label_smoothing(mut self, label_smoothing: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&label_smoothing) {
            return Err(Error::argument("CrossEntropy", "label_smoothing", label_smoothing, "0 to 1"));
        }
        self.label_smoothing = label_smoothing;
        Ok(self)
    }

    /// Multiplies the part of each class by its weight. A mean over labels then divides by the weights of the labels.
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

    /// The loss against labels.
    ///
    /// # Shapes
    /// Logits `[.., classes]`, labels `[..]` of type `I64`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes do not fit or a label is outside of the classes.
    pub fn loss(&self, logits: Var, labels: &Tensor) -> Result<Var> {
        let weights = self.weights.of(&logits)?;
        Ok(logits.cross_entropy(labels, self.options(weights.as_ref()))?)
    }

    /// The loss against distributions over the classes, which are constants.
    ///
    /// # Shapes
    /// Logits and targets `[.., classes]`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes do not fit; where a label is to be ignored, which distributions do not have.
    pub fn soft_loss(&self, logits: Var, targets: &Tensor) -> Result<Var> {
        let weights = self.weights.of(&logits)?;
        Ok(logits.soft_cross_entropy(targets, self.options(weights.as_ref()))?)
    }

    fn options<'a>(&self, weights: Option<&'a Tensor>) -> Options<'a> {
        let &Self { label_smoothing, ignored, reduction, .. } = self;
        Options { label_smoothing, weights, ignored, reduction }
    }
}

/// Mean cross-entropy over a batch, without smoothing.
///
/// ```
/// use cnn_layers::{Var, cross_entropy};
/// use cnn_tensor::Tensor;
/// # fn main() -> cnn_layers::Result<()> {
/// let logits = Var::constant(Tensor::from_slice(&[1, 2], &[0.0f32, 0.0])?);
/// let loss = cross_entropy(logits, &Tensor::from_slice(&[1], &[1i64])?)?;
/// assert!((loss.value().item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`CrossEntropy::loss`].
pub fn cross_entropy(logits: Var, labels: &Tensor) -> Result<Var> {
    CrossEntropy::new().loss(logits, labels)
}
