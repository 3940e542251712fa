//! What a normalisation by statistics of its own input takes and gives: this one and that over groups of channels.

use crate::{DType, Result, Tensor};

/// The learnt scale and shift, and the number under the root. Either may be left out: a scale of one, a shift of zero.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// Scale of the normalised value.
    pub weight: Option<&'a Tensor>,
    /// Shift of the normalised value.
    pub bias: Option<&'a Tensor>,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

/// The output, and what the gradient reads.
///
/// The statistics are `F64` whatever the type of the input, so that a mean that is large beside the deviation costs
/// the gradient no accuracy.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The normalised input, scaled and shifted.
    pub output: Tensor,
    /// Mean of each row or group.
    pub mean: Tensor,
    /// `1 / sqrt(variance + epsilon)` of each row or group, with the biased variance.
    pub inverse_deviation: Tensor,
}

/// What the gradient reads.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// The input.
    pub x: &'a Tensor,
    /// The learnt scale, if there is one.
    pub weight: Option<&'a Tensor>,
    /// [`Forward::mean`].
    pub mean: &'a Tensor,
    /// [`Forward::inverse_deviation`].
    pub inverse_deviation: &'a Tensor,
}

/// Which gradients are computed. Without the input's there is no second pass over memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the input.
    pub input: bool,
    /// Those of scale and shift.
    pub affine: bool,
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
}

impl Backward {
    /// The gradients of an empty input, whose own is empty; scale and shift have this shape.
    pub(in crate::ops) fn of_nothing(wanted: Wanted, shape: &[usize], grad: Tensor) -> Result<Self> {
        let zeros = || wanted.affine.then(|| Tensor::zeros(shape, grad.dtype())).transpose();
        Ok(Self { weight: zeros()?, bias: zeros()?, input: wanted.input.then_some(grad) })
    }
}

/// Sums in single precision.
pub(in crate::ops) fn rounded(shape: &[usize], sums: &[f64]) -> Result<Tensor> {
    let mut tensor = Tensor::stale(shape, DType::F32)?;
    let values = tensor.as_mut_slice::<f32>()?.iter_mut().zip(sums);
    values.for_each(|(value, &sum)| *value = sum as f32);
    Ok(tensor)
}
