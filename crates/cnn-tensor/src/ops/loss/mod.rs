//! Losses of a prediction and a target, element by element: a family that shares two loops, fused with the reduction.
//!
//! A member is a [`Loss`]: its value and its gradients for one pair of numbers. Sums over blocks are in single precision,
//! those over all in double, and how the blocks are cut depends on the shape alone.

mod members;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::{DType, Error, Float, Result, Spec, Tensor};

pub use members::{
    AbsoluteError, BinaryCrossEntropy, Huber, KlDivergence, KlDivergenceOfLogs, SigmoidFocal, SmoothL1,
    SquaredError,
};

/// How the losses of the elements (or rows) become the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reduction {
    /// Their mean, a scalar; NaN where there are none.
    #[default]
    Mean,
    /// Their sum, a scalar.
    Sum,
    /// Their sum over the size of the leading axis, a scalar: what the Kullback-Leibler divergence is by definition.
    BatchMean,
    /// They are the result.
    None,
}

impl Reduction {
    /// Name in PyTorch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::BatchMean => "batchmean",
            Self::None => "none",
        }
    }

    /// The shape of the result, of losses of this shape.
    pub fn shape(self, losses: crate::Shape) -> crate::Shape {
        if self == Self::None { losses } else { crate::Shape::SCALAR }
    }

    /// What the sum of losses of this shape is divided by.
    pub(crate) fn divisor(self, losses: &[usize]) -> f64 {
        match self {
            Self::Mean => losses.iter().product::<usize>() as f64,
            Self::BatchMean => losses.first().copied().unwrap_or(1) as f64,
            Self::Sum | Self::None => 1.0,
        }
    }
}

/// The loss of one number against another, with its gradients.
///
/// Written for one pair; the loops around it are compiled for every instruction set, so methods that are marked
/// `#[inline]` and have no branches become vector code.
///
/// ```
/// use cnn_tensor::ops::loss::{self, Loss, Pair, Reduction};
/// use cnn_tensor::{Float, Tensor};
///
/// /// (prediction - target)^4
/// struct Fourth;
/// impl Loss for Fourth {
///     const NAME: &'static str = "fourth";
///     fn value<F: Float>(&self, prediction: F, target: F) -> F {
///         let square = (prediction - target) * (prediction - target);
///         square * square
///     }
///     fn gradient<F: Float>(&self, prediction: F, target: F) -> F {
///         let distance = prediction - target;
///         F::from_f64(4.0) * distance * distance * distance
///     }
///     fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F {
///         -self.gradient(prediction, target)
///     }
/// }
/// # fn main() -> cnn_tensor::Result<()> {
/// let (a, b) = (Tensor::from_slice(&[2], &[3.0f32, 0.0])?, Tensor::from_slice(&[2], &[1.0f32, 1.0])?);
/// assert_eq!(loss::forward(&Fourth, Pair::new(&a, &b), Reduction::Mean)?.item()?, 8.5);
/// # Ok(()) }
/// ```
pub trait Loss: Sync {
    /// Name in error messages and the graph.
    const NAME: &'static str;
    /// The loss.
    fn value<F: Float>(&self, prediction: F, target: F) -> F;
    /// Its gradient with respect to the prediction.
    fn gradient<F: Float>(&self, prediction: F, target: F) -> F;
    /// Its gradient with respect to the target.
    fn target_gradient<F: Float>(&self, prediction: F, target: F) -> F;
}

/// What a loss compares.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What a network says.
    pub prediction: &'a Tensor,
    /// What it should say.
    pub target: &'a Tensor,
    /// What the loss of each element is multiplied by, if anything.
    pub weight: Option<&'a Tensor>,
}

impl<'a> Pair<'a> {
    /// Without weights.
    pub fn new(prediction: &'a Tensor, target: &'a Tensor) -> Self {
        Self { prediction, target, weight: None }
    }
}

/// One of the two that a loss compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What a network says.
    Prediction,
    /// What it should say.
    Target,
}

/// The loss of every element, times its weight, reduced. The divisor of a mean does not count weights, as in PyTorch.
///
/// # Shapes
/// Prediction, target and weight of one shape; a scalar, or that shape for [`Reduction::None`].
///
/// # Errors
/// [`Error::Shape`] where shapes differ, [`Error::DType`] where types differ or are not `F32` or `F64`.
pub fn forward<L: Loss>(loss: &L, pair: Pair<'_>, reduction: Reduction) -> Result<Tensor> {
    forward_terms(&Plain(loss), pair, None, reduction)
}

/// The gradient of [`forward`] with respect to one side, from that of the result.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where `grad` has not the shape of the result.
pub fn backward<L: Loss>(
    loss: &L,
    pair: Pair<'_>,
    reduction: Reduction,
    grad: &Tensor,
    side: Side,
) -> Result<Tensor> {
    match side {
        Side::Prediction => backward_terms(&Plain(loss), pair, None, reduction, grad),
        Side::Target => backward_terms(&OfTarget(loss), pair, None, reduction, grad),
    }
}

/// [`forward`] of [`BinaryCrossEntropy`] with a weight of the positive class for each channel:
/// `-(positive * target * ln(s) + (1 - target) * ln(1 - s))`, where `s` is the sigmoid of the logit.
///
/// # Shapes
/// Logits `[.., channels]`, positive `[channels]`.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] for another number of positive weights.
pub fn binary_cross_entropy(pair: Pair<'_>, positive: &Tensor, reduction: Reduction) -> Result<Tensor> {
    forward_terms(&BinaryCrossEntropy, pair, Some(positive), reduction)
}

/// The gradient of [`binary_cross_entropy`] with respect to one side.
///
/// # Errors
/// As [`binary_cross_entropy`] and [`backward`].
pub fn binary_cross_entropy_backward(
    pair: Pair<'_>,
    positive: &Tensor,
    reduction: Reduction,
    grad: &Tensor,
    side: Side,
) -> Result<Tensor> {
    match side {
        Side::Prediction => backward_terms(&BinaryCrossEntropy, pair, Some(positive), reduction, grad),
        Side::Target => backward_terms(&members::PositiveOfTarget, pair, Some(positive), reduction, grad),
    }
}

/// Shape and type of the result of an operation of this name.
///
/// # Errors
/// As [`forward`].
pub fn infer(
    op: &'static str,
    prediction: Spec,
    target: Spec,
    weight: Option<Spec>,
    reduction: Reduction,
) -> Result<Spec> {
    if !prediction.dtype.is_compute() {
        return Err(check::not_compute(op, prediction.dtype));
    }
    for (name, spec) in [("target", Some(target)), ("weight", weight)] {
        let Some(spec) = spec else { continue };
        if spec.shape != prediction.shape {
            let problem = format!(
                "prediction {} and {name} {} differ, expected one shape",
                prediction.shape, spec.shape
            );
            return Err(Error::shape(op, problem));
        }
        if spec.dtype != prediction.dtype {
            return Err(Error::dtype(op, spec.dtype, prediction.dtype.name()));
        }
    }
    Ok(Spec::new(reduction.shape(prediction.shape), prediction.dtype))
}

/// What the loops sum and write: a function of prediction, target and a number of the channel.
trait Terms: Sync {
    const NAME: &'static str;
    fn value<F: Float>(&self, prediction: F, target: F, channel: F) -> F;
    fn gradient<F: Float>(&self, prediction: F, target: F, channel: F) -> F;
}

/// A loss that knows nothing of channels.
struct Plain<'a, L>(&'a L);

impl<L: Loss> Terms for Plain<'_, L> {
    const NAME: &'static str = L::NAME;

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F, _channel: F) -> F {
        self.0.value(prediction, target)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F, _channel: F) -> F {
        self.0.gradient(prediction, target)
    }
}

/// A loss whose gradient is that of the target.
struct OfTarget<'a, L>(&'a L);

impl<L: Loss> Terms for OfTarget<'_, L> {
    const NAME: &'static str = L::NAME;

    #[inline(always)]
    fn value<F: Float>(&self, prediction: F, target: F, _channel: F) -> F {
        self.0.value(prediction, target)
    }

    #[inline(always)]
    fn gradient<F: Float>(&self, prediction: F, target: F, _channel: F) -> F {
        self.0.target_gradient(prediction, target)
    }
}

/// The slices that the loops read: all of one length, but for one number for each channel.
struct Operands<'a, F> {
    prediction: &'a [F],
    target: &'a [F],
    weight: Option<&'a [F]>,
    channels: &'a [F],
}

impl<'a, F: Float> Operands<'a, F> {
    fn new(pair: Pair<'a>, channels: Option<&'a Tensor>, one: &'a [F; 1]) -> Result<Self> {
        Ok(Self {
            prediction: pair.prediction.as_slice()?,
            target: pair.target.as_slice()?,
            weight: pair.weight.map(Tensor::as_slice).transpose()?,
            channels: channels.map_or(Ok(one.as_slice()), Tensor::as_slice)?,
        })
    }
}

fn forward_terms<T: Terms>(
    terms: &T,
    pair: Pair<'_>,
    channels: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let spec = check_pair(T::NAME, pair, channels, reduction)?;
    let divisor = reduction.divisor(pair.prediction.shape());
    let mut output = Tensor::stale(&spec.shape, spec.dtype)?;
    match (spec.dtype, reduction) {
        (DType::F32, Reduction::None) => {
            let operands = Operands::new(pair, channels, &[1.0])?;
            vector::each(terms, &operands, vector::Part::Value, &[1.0], output.as_mut_slice()?)?;
        }
        (DType::F32, _) => {
            let sum = vector::sum(terms, &Operands::new(pair, channels, &[1.0])?)?;
            output.as_mut_slice::<f32>()?.fill((sum / divisor) as f32);
        }
        (_, Reduction::None) => {
            reference::values(terms, &Operands::<f64>::new(pair, channels, &[1.0])?, output.as_mut_slice()?);
        }
        _ => {
            let sum = reference::sum(terms, &Operands::<f64>::new(pair, channels, &[1.0])?);
            output.as_mut_slice::<f64>()?.fill(sum / divisor);
        }
    }
    Ok(output)
}

fn backward_terms<T: Terms>(
    terms: &T,
    pair: Pair<'_>,
    channels: Option<&Tensor>,
    reduction: Reduction,
    grad: &Tensor,
) -> Result<Tensor> {
    let spec = check_pair(T::NAME, pair, channels, reduction)?;
    check::exactly(grad, T::NAME, spec.dtype, &spec.shape)?;
    let divisor = reduction.divisor(pair.prediction.shape());
    let mut output = Tensor::stale(pair.prediction.shape(), spec.dtype)?;
    // One factor for all elements, or one for each.
    match (spec.dtype, reduction) {
        (DType::F32, Reduction::None) => {
            let operands = Operands::new(pair, channels, &[1.0])?;
            vector::each(terms, &operands, vector::Part::Gradient, grad.as_slice()?, output.as_mut_slice()?)?;
        }
        (DType::F32, _) => {
            let operands = Operands::new(pair, channels, &[1.0])?;
            let factor = [(grad.item()? / divisor) as f32];
            vector::each(terms, &operands, vector::Part::Gradient, &factor, output.as_mut_slice()?)?;
        }
        (_, Reduction::None) => {
            let operands = Operands::<f64>::new(pair, channels, &[1.0])?;
            reference::gradients(terms, &operands, grad.as_slice()?, output.as_mut_slice()?);
        }
        _ => {
            let operands = Operands::<f64>::new(pair, channels, &[1.0])?;
            reference::gradients(terms, &operands, &[grad.item()? / divisor], output.as_mut_slice()?);
        }
    }
    Ok(output)
}

fn check_pair(
    op: &'static str,
    pair: Pair<'_>,
    channels: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Spec> {
    let Pair { prediction, target, weight } = pair;
    let spec = infer(op, prediction.spec(), target.spec(), weight.map(Tensor::spec), reduction)?;
    if let Some(channels) = channels {
        check::per_channel(op, prediction, "weight of the positive class", channels)?;
    }
    Ok(spec)
}
