//! Losses of a prediction and a target, element by element: one rule for the whole family.

use std::fmt::Debug;

use cnn_tensor::ops::loss::{
    self, AbsoluteError, BinaryCrossEntropy, Huber, KlDivergence, KlDivergenceOfLogs, Loss, Pair, Reduction,
    Side, SigmoidFocal, SmoothL1, SquaredError,
};
use cnn_tensor::{Spec, Tensor};

use super::with_optional;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Error, Result, Var};

/// Any member of [`Loss`], with gradients of both sides; inputs are prediction, target and, if there is one, the weight of
/// each element, which is a constant.
#[derive(Debug)]
struct Pointwise<L> {
    member: L,
    reduction: Reduction,
    attributes: Vec<Attribute>,
}

/// Binary cross-entropy with a weight of the positive class; inputs are logits, target, the weight for each channel and,
/// if there is one, that of each element; the weights are constants.
#[derive(Debug)]
struct PositiveBinaryCrossEntropy {
    reduction: Reduction,
    attributes: Vec<Attribute>,
}

impl<L: Loss + Debug + 'static> Function for Pointwise<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn attributes(&self) -> Vec<Attribute> {
        with_reduction(&self.attributes, self.reduction)
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([prediction, target], weight) = with_optional(L::NAME, inputs.to_vec())?;
        Ok(loss::infer(L::NAME, prediction, target, weight, self.reduction)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input(1).input(2)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([prediction, target], weight) = with_optional(L::NAME, inputs)?;
        let pair = Pair { prediction: &prediction, target: &target, weight: weight.as_ref() };
        Ok(loss::forward(&self.member, pair, self.reduction)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let weight = if saved.input_count() > 2 { Some(saved.input(2)?) } else { None };
        let pair = Pair { prediction: saved.input(0)?, target: saved.input(1)?, weight };
        let of = |side| Ok(loss::backward(&self.member, pair, self.reduction, &grad, side)?);
        let prediction = saved.if_wanted(0, || of(Side::Prediction))?;
        let target = saved.if_wanted(1, || of(Side::Target))?;
        Ok([prediction, target, None].into_iter().take(saved.input_count()).collect())
    }
}

impl Function for PositiveBinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "weighted_binary_cross_entropy_with_logits"
    }

    fn attributes(&self) -> Vec<Attribute> {
        with_reduction(&self.attributes, self.reduction)
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([logits, target, positive], weight) = with_optional(self.name(), inputs.to_vec())?;
        let output = loss::infer(self.name(), logits, target, weight, self.reduction)?;
        let Some(&channels) = logits.shape.last() else {
            let problem = format!("logits {}, expected [.., channels]", logits.shape);
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        };
        super::expect_vector(self.name(), "weight of the positive class", positive, channels, logits.dtype)?;
        Ok(output)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input(1).input(2).input(3)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([logits, target, positive], weight) = with_optional(self.name(), inputs)?;
        let pair = Pair { prediction: &logits, target: &target, weight: weight.as_ref() };
        Ok(loss::binary_cross_entropy(pair, &positive, self.reduction)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let weight = if saved.input_count() > 3 { Some(saved.input(3)?) } else { None };
        let pair = Pair { prediction: saved.input(0)?, target: saved.input(1)?, weight };
        let positive = saved.input(2)?;
        let of = |side| Ok(loss::binary_cross_entropy_backward(pair, positive, self.reduction, &grad, side)?);
        let logits = saved.if_wanted(0, || of(Side::Prediction))?;
        let target = saved.if_wanted(1, || of(Side::Target))?;
        Ok([logits, target, None, None].into_iter().take(saved.input_count()).collect())
    }
}

/// The settings of a loss, and how its elements become the result.
fn with_reduction(attributes: &[Attribute], reduction: Reduction) -> Vec<Attribute> {
    let reduction = Attribute::new("reduction", reduction.name());
    attributes.iter().cloned().chain([reduction]).collect()
}

/// What a loss is given beside prediction and target. A [`Reduction`] alone is one too.
#[derive(Debug, Clone, Default)]
pub struct LossOptions {
    /// How the losses of the elements become the result.
    pub reduction: Reduction,
    /// What the loss of each element is multiplied by, of the shape of the prediction: a constant.
    pub weight: Option<Tensor>,
    /// Settings of the loss, as the graph shows them.
    pub attributes: Vec<Attribute>,
}

impl From<Reduction> for LossOptions {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}

impl LossOptions {
    fn with(mut self, name: &'static str, value: f64) -> Self {
        self.attributes.push(Attribute::new(name, value));
        self
    }
}

impl Var {
    /// A member of the family of losses, built in or the user's own, of this prediction. Gradients flow to both sides.
    ///
    /// ```
    /// use cnn_autograd::Var;
    /// use cnn_tensor::{Tensor, ops::loss::{Reduction, SquaredError}};
    /// # fn main() -> cnn_autograd::Result<()> {
    /// let prediction = Var::constant(Tensor::from_slice(&[2], &[1.0f32, 2.0])?);
    /// let target = Var::constant(Tensor::from_slice(&[2], &[0.0f32, 0.0])?);
    /// let loss = prediction.loss(SquaredError, target, Reduction::Mean)?;
    /// assert_eq!(loss.value().item()?, 2.5);
    /// # Ok(()) }
    /// ```
    ///
    /// # Shapes
    /// Prediction, target and weight of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn loss(
        self,
        member: impl Loss + Debug + 'static,
        target: Var,
        options: impl Into<LossOptions>,
    ) -> Result<Var> {
        let LossOptions { reduction, weight, attributes } = options.into();
        let inputs = [self, target].into_iter().chain(weight.map(Var::constant)).collect();
        Var::apply(Pointwise { member, reduction, attributes }, inputs)
    }

    /// The squared error: [`SquaredError`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`].
    pub fn mse_loss(self, target: Var, options: impl Into<LossOptions>) -> Result<Var> {
        self.loss(SquaredError, target, options)
    }

    /// The absolute error: [`AbsoluteError`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`].
    pub fn l1_loss(self, target: Var, options: impl Into<LossOptions>) -> Result<Var> {
        self.loss(AbsoluteError, target, options)
    }

    /// The absolute error with a round bottom: [`SmoothL1`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`]; for a beta that is negative or NaN.
    pub fn smooth_l1_loss(self, target: Var, beta: f64, options: impl Into<LossOptions>) -> Result<Var> {
        expect("smooth_l1_loss", "beta", beta, beta >= 0.0, "a number from 0 on")?;
        self.loss(SmoothL1 { beta }, target, options.into().with("beta", beta))
    }

    /// The squared error, straight from a distance on: [`Huber`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`]; for a delta that is not above zero.
    pub fn huber_loss(self, target: Var, delta: f64, options: impl Into<LossOptions>) -> Result<Var> {
        expect("huber_loss", "delta", delta, delta > 0.0, "a number above 0")?;
        self.loss(Huber { delta }, target, options.into().with("delta", delta))
    }

    /// The Kullback-Leibler divergence of these logarithms of probabilities from a target of probabilities:
    /// [`KlDivergence`]. By definition with [`Reduction::BatchMean`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`].
    pub fn kl_div(self, target: Var, options: impl Into<LossOptions>) -> Result<Var> {
        self.loss(KlDivergence, target, options)
    }

    /// [`Var::kl_div`] from a target of logarithms of probabilities: [`KlDivergenceOfLogs`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`].
    pub fn kl_div_of_logs(self, target: Var, options: impl Into<LossOptions>) -> Result<Var> {
        self.loss(KlDivergenceOfLogs, target, options)
    }

    /// The cross-entropy of the sigmoid of these logits with a target from 0 to 1: [`BinaryCrossEntropy`]; if given, the
    /// part of the positive class is multiplied by a weight for each channel.
    ///
    /// # Shapes
    /// Logits, target and weight `[.., channels]`, positive `[channels]`.
    ///
    /// # Errors
    /// As [`Var::loss`].
    pub fn binary_cross_entropy_with_logits(
        self,
        target: Var,
        positive: Option<&Tensor>,
        options: impl Into<LossOptions>,
    ) -> Result<Var> {
        let Some(positive) = positive else {
            return self.loss(BinaryCrossEntropy, target, options);
        };
        let LossOptions { reduction, weight, attributes } = options.into();
        let constants = [positive.clone()].into_iter().chain(weight).map(Var::constant);
        let inputs = [self, target].into_iter().chain(constants).collect();
        Var::apply(PositiveBinaryCrossEntropy { reduction, attributes }, inputs)
    }

    /// Binary cross-entropy that counts what is right already the less: [`SigmoidFocal`].
    ///
    /// # Shapes
    /// Both of one shape; a scalar, or that shape for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::loss`]; for a gamma that is negative or NaN.
    pub fn sigmoid_focal_loss(
        self,
        target: Var,
        focal: SigmoidFocal,
        options: impl Into<LossOptions>,
    ) -> Result<Var> {
        let SigmoidFocal { alpha, gamma } = focal;
        expect("sigmoid_focal_loss", "gamma", gamma, gamma >= 0.0, "a number from 0 on")?;
        let options = options.into().with("gamma", gamma);
        self.loss(focal, target, if let Some(alpha) = alpha { options.with("alpha", alpha) } else { options })
    }
}

/// Refuses a setting unless the condition holds.
fn expect(
    op: &'static str,
    name: &'static str,
    met: f64,
    condition: bool,
    expected: &'static str,
) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::Tensor(cnn_tensor::Error::argument(op, name, met, expected))) }
}
