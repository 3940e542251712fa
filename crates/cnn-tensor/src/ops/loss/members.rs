//! The members of the family. Names, formulas and the gradient at kinks are PyTorch's.

use super::{Loss, Terms};
use crate::Float;
use crate::ops::unary::{Abs, LogSigmoid, Sigmoid, Unary};

/// `(prediction - target)^2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SquaredError;

impl Loss for SquaredError {
    const NAME: &'static str = "mse_loss";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        let distance = prediction - target;
        distance * distance
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        let distance = prediction - target;
        distance + distance
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        -self.gradient(prediction, target)
    }
}

/// `|prediction - target|`; no gradient where they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsoluteError;

impl Loss for AbsoluteError {
    const NAME: &'static str = "l1_loss";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        (prediction - target).abs()
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        Abs.gradient(prediction - target, F::ONE)
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        -self.gradient(prediction, target)
    }
}

/// `d^2 / (2 beta)` where `d = |prediction - target|` is under `beta`, else `d - beta / 2`; [`AbsoluteError`] for a
/// `beta` of 0. Girshick, arXiv:1504.08083.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothL1 {
    /// From which distance on the loss is straight.
    pub beta: f64,
}

impl Loss for SmoothL1 {
    const NAME: &'static str = "smooth_l1_loss";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        let (distance, beta, half) = ((prediction - target).abs(), F::from_f64(self.beta), F::from_f64(0.5));
        if distance < beta { half * distance * distance / beta } else { distance - half * beta }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        if self.beta == 0.0 {
            return AbsoluteError.gradient(prediction, target);
        }
        let (distance, beta) = (prediction - target, F::from_f64(self.beta));
        let above = if distance >= beta { F::ONE } else { distance / beta };
        if distance <= -beta { -F::ONE } else { above }
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        -self.gradient(prediction, target)
    }
}

/// `d^2 / 2` where `d = |prediction - target|` is at most `delta`, else `delta (d - delta / 2)`. Huber, 1964.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// From which distance on the loss is straight.
    pub delta: f64,
}

impl Loss for Huber {
    const NAME: &'static str = "huber_loss";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        let (distance, delta, half) =
            ((prediction - target).abs(), F::from_f64(self.delta), F::from_f64(0.5));
        if distance <= delta { half * distance * distance } else { delta * (distance - half * delta) }
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        let (distance, delta) = (prediction - target, F::from_f64(self.delta));
        let above = if distance > delta { delta } else { distance };
        if distance < -delta { -delta } else { above }
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        -self.gradient(prediction, target)
    }
}

/// `target * (ln(target) - prediction)`, where the prediction is the logarithm of a probability and the target is
/// one; 0 for a target of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlDivergence;

impl Loss for KlDivergence {
    const NAME: &'static str = "kl_div";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        let entropy = if target == F::ZERO { F::ZERO } else { target * target.ln() };
        entropy - target * prediction
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, _prediction: F, target: F) -> F {
        -target
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        target.ln() + F::ONE - prediction
    }
}

/// [`KlDivergence`] of a target that is the logarithm of a probability too (`log_target=True`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlDivergenceOfLogs;

impl Loss for KlDivergenceOfLogs {
    const NAME: &'static str = "kl_div_of_logs";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        target.exp() * (target - prediction)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, _prediction: F, target: F) -> F {
        -target.exp()
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        target.exp() * (target - prediction + F::ONE)
    }
}

/// `-(target * ln(s) + (1 - target) * ln(1 - s))`, where `s` is the sigmoid of the prediction, in the form that does not
/// overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryCrossEntropy;

impl Loss for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy_with_logits";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        (F::ONE - target) * prediction - LogSigmoid.value(prediction)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        Sigmoid.value(prediction) - target
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, _target: F) -> F {
        -prediction
    }
}

/// The number of a channel is the weight of its positive class.
impl Terms for BinaryCrossEntropy {
    const NAME: &'static str = <Self as Loss>::NAME;

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F, positive: F) -> F {
        let weight = F::ONE + (positive - F::ONE) * target;
        (F::ONE - target) * prediction - weight * LogSigmoid.value(prediction)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F, positive: F) -> F {
        let weight = F::ONE + (positive - F::ONE) * target;
        (F::ONE - target) - weight * Sigmoid.value(-prediction)
    }
}

/// [`BinaryCrossEntropy`] with a weight of the positive class, whose gradient is that of the target.
pub(super) struct PositiveOfTarget;

impl Terms for PositiveOfTarget {
    const NAME: &'static str = <BinaryCrossEntropy as Loss>::NAME;

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F, positive: F) -> F {
        Terms::value(&BinaryCrossEntropy, prediction, target, positive)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, _target: F, positive: F) -> F {
        -prediction - (positive - F::ONE) * LogSigmoid.value(prediction)
    }
}

/// [`BinaryCrossEntropy`] times `(1 - p)^gamma`, where `p` is the probability given to the target, and times `alpha` for
/// the positive class, `1 - alpha` for the negative one. Lin et al., arXiv:1708.02002; `sigmoid_focal_loss` of
/// torchvision, where a negative alpha stands for none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SigmoidFocal {
    /// Weight of the positive class, if classes are weighted.
    pub alpha: Option<f64>,
    /// How much less elements count that are right already.
    pub gamma: f64,
}

impl SigmoidFocal {
    /// The probability given to what is not the target.
    #[inline(always)]
    fn wrong<F: Float>(probability: F, target: F) -> F {
        (F::ONE - probability) * target + probability * (F::ONE - target)
    }

    /// A number from 0 to 1 to a power.
    #[inline(always)]
    fn power<F: Float>(base: F, exponent: f64) -> F {
        let power = (F::from_f64(exponent) * base.ln()).exp();
        if exponent == 0.0 { F::ONE } else { power }
    }

    #[inline(always)]
    fn weight<F: Float>(&self, target: F) -> F {
        match self.alpha {
            None => F::ONE,
            Some(alpha) => F::from_f64(alpha) * target + F::from_f64(1.0 - alpha) * (F::ONE - target),
        }
    }
}

impl Loss for SigmoidFocal {
    const NAME: &'static str = "sigmoid_focal_loss";

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F) -> F {
        let wrong = Self::wrong(Sigmoid.value(prediction), target);
        let loss = Loss::value(&BinaryCrossEntropy, prediction, target);
        self.weight(target) * loss * Self::power(wrong, self.gamma)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
        let probability = Sigmoid.value(prediction);
        let wrong = Self::wrong(probability, target);
        let loss = Loss::value(&BinaryCrossEntropy, prediction, target);
        let slope = (F::ONE - target - target) * probability * Sigmoid.value(-prediction);
        let less = F::from_f64(self.gamma) * Self::power(wrong, self.gamma - 1.0) * slope;
        let less = if self.gamma == 0.0 { F::ZERO } else { less };
        let own = (probability - target) * Self::power(wrong, self.gamma);
        self.weight(target) * (own + loss * less)
    }

    #[inline(always)]
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
        let probability = Sigmoid.value(prediction);
        let wrong = Self::wrong(probability, target);
        let loss = Loss::value(&BinaryCrossEntropy, prediction, target);
        let power = Self::power(wrong, self.gamma);
        let slope = F::ONE - probability - probability;
        let less = F::from_f64(self.gamma) * Self::power(wrong, self.gamma - 1.0) * slope;
        let less = if self.gamma == 0.0 { F::ZERO } else { less };
        let weight_slope = match self.alpha {
            None => F::ZERO,
            Some(alpha) => F::from_f64(2.0 * alpha - 1.0),
        };
        weight_slope * loss * power + self.weight(target) * (loss * less - prediction * power)
    }
}
