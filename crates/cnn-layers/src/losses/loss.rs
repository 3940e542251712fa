//! Losses of each number against its target, under the names of `torch.nn`. Gradients flow to both sides.

use cnn_autograd::Var;
use cnn_autograd::ops::loss::LossOptions;
use cnn_tensor::Tensor;
use cnn_tensor::ops::loss::SigmoidFocal;

use super::ClassWeights;
use crate::{Error, Reduction, Result};

/// The squared error, as `torch.nn.MSELoss`: the mean, until a reduction is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mse {
    reduction: Reduction,
}

/// The absolute error, as `torch.nn.L1Loss`: the mean, until a reduction is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1 {
    reduction: Reduction,
}

/// `d^2 / (2 beta)` under a distance of beta, `d - beta / 2` from it on, as `torch.nn.SmoothL1Loss`: the mean, until a
/// reduction is set. Girshick, arXiv:1504.08083.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothL1 {
    beta: f64,
    reduction: Reduction,
}

/// `d^2 / 2` up to a distance of delta, `delta (d - delta / 2)` beyond, as `torch.nn.HuberLoss`: the mean, until a
/// reduction is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    delta: f64,
    reduction: Reduction,
}

/// What the target of a [`KlDiv`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KlTarget {
    /// Probabilities.
    #[default]
    Probabilities,
    /// Their logarithms (`log_target=True`).
    Logarithms,
}

/// The Kullback-Leibler divergence of logarithms of probabilities from a target, as `torch.nn.KLDivLoss`.
///
/// Over all numbers the mean, until a reduction is set, as in PyTorch; the divergence by its definition is
/// [`Reduction::BatchMean`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KlDiv {
    target: KlTarget,
    reduction: Reduction,
}

/// The cross-entropy of the sigmoid of logits with targets from 0 to 1, as `torch.nn.BCEWithLogitsLoss`: the mean, until a
/// reduction is set.
///
/// ```
/// use cnn_layers::{BceWithLogits, Result, Var};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let logits = Var::constant(Tensor::zeros(&[4, 2], DType::F32)?);
/// let truth = Var::constant(Tensor::full(&[4, 2], 1.0, DType::F32)?);
/// // What is there in the second channel counts three times.
/// let loss = BceWithLogits::new().with_positive_weights(&[1.0, 3.0])?.loss(logits, truth)?;
/// assert!((loss.value().item()? - 2.0 * 2f64.ln()).abs() < 1e-6);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct BceWithLogits {
    positive: ClassWeights,
    weight: Option<Tensor>,
    reduction: Reduction,
}

/// Binary cross-entropy of logits that counts what is right already the less, as torchvision's `sigmoid_focal_loss`. Lin
/// et al., arXiv:1708.02002.
///
/// Alpha 0.25, gamma 2 and no reduction, as there, until a method says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Focal {
    focal: SigmoidFocal,
    reduction: Reduction,
}

/// Methods that every loss here has.
macro_rules! reductions {
    ($($name:ident),+) => {
        $(
            impl $name {
                /// How the losses of the elements become the result.
                #[must_use]
                pub fn with_reduction(mut self, reduction: Reduction) -> Self {
                    self.reduction = reduction;
                    self
                }
            }
        )+
    };
}

reductions!(Mse, L1, SmoothL1, Huber, KlDiv, BceWithLogits, Focal);

impl Mse {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// The loss.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        Ok(prediction.mse_loss(target, self.reduction)?)
    }
}

impl L1 {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// The loss.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        Ok(prediction.l1_loss(target, self.reduction)?)
    }
}

impl Default for SmoothL1 {
    /// Beta 1, the mean.
    fn default() -> Self {
        Self { beta: 1.0, reduction: Reduction::Mean }
    }
}

impl SmoothL1 {
    /// Straight from this distance on; PyTorch's default is 1.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and not negative.
    pub fn new(beta: f64) -> Result<Self> {
        if !(beta >= 0.0 && beta.is_finite()) {
            return Err(Error::argument("SmoothL1", "beta", beta, "a finite number from 0 on"));
        }
        Ok(Self { beta, ..Self::default() })
    }

    /// The loss.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        Ok(prediction.smooth_l1_loss(target, self.beta, self.reduction)?)
    }
}

impl Default for Huber {
    /// Delta 1, the mean.
    fn default() -> Self {
        Self { delta: 1.0, reduction: Reduction::Mean }
    }
}

impl Huber {
    /// Straight from this distance on; PyTorch's default is 1.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and above 0.
    pub fn new(delta: f64) -> Result<Self> {
        if !(delta > 0.0 && delta.is_finite()) {
            return Err(Error::argument("Huber", "delta", delta, "a finite number above 0"));
        }
        Ok(Self { delta, ..Self::default() })
    }

    /// The loss.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        Ok(prediction.huber_loss(target, self.delta, self.reduction)?)
    }
}

impl KlDiv {
    /// From such targets.
    pub fn new(target: KlTarget) -> Self {
        Self { target, ..Self::default() }
    }

    /// The loss; the prediction is logarithms of probabilities.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, prediction: Var, target: Var) -> Result<Var> {
        Ok(match self.target {
            KlTarget::Probabilities => prediction.kl_div(target, self.reduction)?,
            KlTarget::Logarithms => prediction.kl_div_of_logs(target, self.reduction)?,
        })
    }
}

impl BceWithLogits {
    /// The mean, unweighted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Multiplies the part of the positive class by a weight for each channel (`pos_weight`).
    ///
    /// # Errors
    /// Out of memory.
    pub fn with_positive_weights(mut self, weights: &[f64]) -> Result<Self> {
        self.positive = ClassWeights::new(weights)?;
        Ok(self)
    }

    /// Multiplies the loss of each element by its weight, of the shape of the logits. A mean does not divide by them.
    #[must_use]
    pub fn with_weight(mut self, weight: Tensor) -> Self {
        self.weight = Some(weight);
        self
    }

    /// The loss.
    ///
    /// # Shapes
    /// Logits and target `[.., channels]`; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn loss(&self, logits: Var, target: Var) -> Result<Var> {
        let positive = self.positive.of(&logits)?;
        let weight = self.weight.as_ref().map(|weight| weight.to_dtype(logits.dtype())).transpose()?;
        let options = LossOptions { reduction: self.reduction, weight, attributes: Vec::new() };
        Ok(logits.binary_cross_entropy_with_logits(target, positive.as_ref(), options)?)
    }
}

impl Focal {
    /// Torchvision's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weight of the positive class, 1 less which is that of the negative one; none leaves both alike.
    #[must_use]
    pub fn with_alpha(mut self, alpha: Option<f64>) -> Self {
        self.focal.alpha = alpha;
        self
    }

    /// How much less elements count that are right already.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and not negative.
    pub fn with_gamma(mut self, gamma: f64) -> Result<Self> {
        if !(gamma >= 0.0 && gamma.is_finite()) {
            return Err(Error::argument("Focal", "gamma", gamma, "a finite number from 0 on"));
        }
        self.focal.gamma = gamma;
        Ok(self)
    }

    /// The loss.
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn loss(&self, logits: Var, target: Var) -> Result<Var> {
        Ok(logits.sigmoid_focal_loss(target, self.focal, self.reduction)?)
    }
}

impl Default for Focal {
    fn default() -> Self {
        Self { focal: SigmoidFocal { alpha: Some(0.25), gamma: 2.0 }, reduction: Reduction::None }
    }
}

/// The mean squared error.
///
/// ```
/// use cnn_layers::{Var, mse};
/// use cnn_tensor::Tensor;
/// # fn main() -> cnn_layers::Result<()> {
/// let prediction = Var::constant(Tensor::from_slice(&[2], &[1.0f32, 2.0])?);
/// let target = Var::constant(Tensor::from_slice(&[2], &[0.0f32, 0.0])?);
/// assert_eq!(mse(prediction, target)?.value().item()?, 2.5);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`Mse::loss`].
pub fn mse(prediction: Var, target: Var) -> Result<Var> {
    Mse::new().loss(prediction, target)
}

/// The mean absolute error.
///
/// # Errors
/// As [`L1::loss`].
pub fn l1(prediction: Var, target: Var) -> Result<Var> {
    L1::new().loss(prediction, target)
}

/// The mean binary cross-entropy of the sigmoid of logits.
///
/// # Errors
/// As [`BceWithLogits::loss`].
pub fn bce_with_logits(logits: Var, target: Var) -> Result<Var> {
    BceWithLogits::new().loss(logits, target)
}

/// The mean smooth absolute error, straight from a distance of 1 on.
///
/// # Errors
/// As [`SmoothL1::loss`].
pub fn smooth_l1(prediction: Var, target: Var) -> Result<Var> {
    SmoothL1::default().loss(prediction, target)
}

/// The mean Huber loss, straight from a distance of 1 on.
///
/// # Errors
/// As [`Huber::loss`].
pub fn huber(prediction: Var, target: Var) -> Result<Var> {
    Huber::default().loss(prediction, target)
}

/// The divergence of logarithms of probabilities from probabilities, the mean over all numbers as in PyTorch.
///
/// # Errors
/// As [`KlDiv::loss`].
pub fn kl_div(prediction: Var, target: Var) -> Result<Var> {
    KlDiv::default().loss(prediction, target)
}

/// The focal loss of each number, as torchvision starts it.
///
/// # Errors
/// As [`Focal::loss`].
pub fn sigmoid_focal_loss(logits: Var, target: Var) -> Result<Var> {
    Focal::new().loss(logits, target)
}
