//! What batch normalisation takes and gives.

use crate::{Result, Tensor};

/// The learnt scale and shift, `[channels]` each, and the number under the root.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// Scale of the normalised value.
    pub weight: &'a Tensor,
    /// Shift of the normalised value.
    pub bias: &'a Tensor,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

/// Given statistics, `[channels]` each: the running averages of training.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// Mean of each channel.
    pub mean: &'a Tensor,
    /// Variance of each channel.
    pub variance: &'a Tensor,
}

/// What [`forward_train`](super::forward_train) computes.
#[derive(Debug, Clone)]
pub struct TrainForward {
    /// The normalised input, after residual and activation.
    pub output: Tensor,
    /// Mean of each channel over the batch.
    pub mean: Tensor,
    /// `1 / sqrt(variance + epsilon)` of each channel, with the biased variance; kept for the gradient.
    pub inverse_deviation: Tensor,
    /// Variance of each channel over the batch, divided by one less than the number of values: what a
    /// running average takes.
    pub unbiased_variance: Tensor,
}

impl TrainForward {
    /// The statistics of no values: NaN.
    pub(super) fn of_nothing(&mut self) -> Result<()> {
        for statistics in [&mut self.mean, &mut self.inverse_deviation, &mut self.unbiased_variance] {
            *statistics = Tensor::full(statistics.shape(), f64::NAN, statistics.dtype())?;
        }
        Ok(())
    }
}

/// What the gradient of [`forward_train`](super::forward_train) reads.
#[derive(Debug, Clone, Copy)]
pub struct TrainSaved<'a> {
    /// The input.
    pub x: &'a Tensor,
    /// The output, from which the activation's gradient is read.
    pub output: &'a Tensor,
    /// The learnt scale.
    pub weight: &'a Tensor,
    /// [`TrainForward::mean`].
    pub mean: &'a Tensor,
    /// [`TrainForward::inverse_deviation`].
    pub inverse_deviation: &'a Tensor,
}

/// What the gradient of [`forward_eval`](super::forward_eval) reads.
#[derive(Debug, Clone, Copy)]
pub struct EvalSaved<'a> {
    /// The input.
    pub x: &'a Tensor,
    /// The output, from which the activation's gradient is read.
    pub output: &'a Tensor,
    /// The statistics that were given.
    pub running: Running<'a>,
    /// Scale and shift.
    pub affine: Affine<'a>,
}

/// Which gradients are computed. Each that is left out saves work: without the input's there is no second pass
/// over memory; with given statistics, the input's alone take one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the input.
    pub input: bool,
    /// Those of scale and shift.
    pub affine: bool,
    /// That of the residual, if there was one.
    pub residual: bool,
}

/// Gradients with respect to what went in, where they were wanted.
#[derive(Debug, Clone, Default)]
pub struct Backward {
    /// Of the input.
    pub input: Option<Tensor>,
    /// Of the scale.
    pub weight: Option<Tensor>,
    /// Of the shift.
    pub bias: Option<Tensor>,
    /// Of the residual.
    pub residual: Option<Tensor>,
}

impl Backward {
    /// The gradients of an empty input, to which none arrives.
    pub(super) fn of_nothing(wanted: Wanted, weight: &Tensor, grad: Tensor) -> Result<Self> {
        let zeros = || wanted.affine.then(|| Tensor::zeros(weight.shape(), grad.dtype())).transpose();
        let (weight, bias) = (zeros()?, zeros()?);
        let residual = wanted.residual.then(|| grad.clone());
        Ok(Self { weight, bias, residual, input: wanted.input.then_some(grad) })
    }
}
