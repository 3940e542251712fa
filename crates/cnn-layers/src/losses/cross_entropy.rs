//! Cross-entropy with label smoothing, as `torch.nn.CrossEntropyLoss`.

use cnn_autograd::Var;
use cnn_tensor::Tensor;

use crate::{Error, Result};

/// Mean cross-entropy over a batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CrossEntropy {
    label_smoothing: f64,
}

impl CrossEntropy {
    /// Without smoothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With target `1 - s` on the label plus `s / classes` on every class (Szegedy et al., arXiv:1512.00567).
    ///
    /// # Errors
    /// [`Error::Argument`] unless `smoothing` is from 0 to 1.
    pub fn smoothed(label_smoothing: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&label_smoothing) {
            return Err(Error::argument("CrossEntropy", "label_smoothing", label_smoothing, "0 to 1"));
        }
        Ok(Self { label_smoothing })
    }

    /// The loss.
    ///
    /// # Shapes
    /// Logits `[batch, classes]`, labels `[batch]` of type `I64`; a scalar.
    ///
    /// # Errors
    /// Where the shapes do not fit or a label is outside of the classes.
    pub fn loss(&self, logits: Var, labels: &Tensor) -> Result<Var> {
        Ok(logits.cross_entropy(labels, self.label_smoothing)?)
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
