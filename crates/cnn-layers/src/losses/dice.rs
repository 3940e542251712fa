//! Soft dice, for segmentation (Milletari et al., arXiv:1606.04797; Sudre et al., arXiv:1707.03237).

use cnn_autograd::Var;
use cnn_tensor::ops::dice::{Denominator, Options};

use crate::{Error, Reduction, Result};

/// What the predictions of a [`Dice`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scores {
    /// Probabilities already.
    #[default]
    Probabilities,
    /// Logits, of which the sigmoid is a probability.
    Logits,
}

/// How little two masks overlap: for each example and class `1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s)` over all
/// pixels.
///
/// Of probabilities, smoothed by 1 and averaged, until a method says otherwise.
///
/// ```
/// use cnn_layers::{Dice, Result, Var};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let mask = Var::constant(Tensor::from_slice(&[1, 3, 1], &[1.0f32, 0.0, 1.0])?);
/// let truth = Var::constant(Tensor::from_slice(&[1, 3, 1], &[1.0f32, 1.0, 0.0])?);
/// assert!((Dice::new().loss(mask, truth)?.value().item()? - 0.4).abs() < 1e-6);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dice {
    scores: Scores,
    options: Options,
}

impl Dice {
    /// Of probabilities.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the predictions are.
    #[must_use]
    pub fn with_scores(mut self, scores: Scores) -> Self {
        self.scores = scores;
        self
    }

    /// Adds this to numerator and denominator, so that two empty masks are equal.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and not negative.
    pub fn with_smoothing(mut self, smoothing: f64) -> Result<Self> {
        if !(smoothing >= 0.0 && smoothing.is_finite()) {
            return Err(Error::argument("Dice", "smoothing", smoothing, "a finite number from 0 on"));
        }
        self.options.smoothing = smoothing;
        Ok(self)
    }

    /// Compares the overlap with the sums of the masks or of their squares.
    #[must_use]
    pub fn with_denominator(mut self, denominator: Denominator) -> Self {
        self.options.denominator = denominator;
        self
    }

    /// How the losses of examples and classes become the result.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// The loss. Gradients flow to both sides.
    ///
    /// # Shapes
    /// Both `[batch, .., classes]`; a scalar, or `[batch, classes]` for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        let shares = match self.scores {
            Scores::Probabilities => prediction,
            Scores::Logits => prediction.sigmoid()?,
        };
        Ok(shares.dice_loss(target, self.options)?)
    }
}

/// The mean soft dice loss of probabilities, smoothed by 1.
///
/// # Errors
/// As [`Dice::loss`].
pub fn dice(prediction: Var, target: Var) -> Result<Var> {
    Dice::new().loss(prediction, target)
}
