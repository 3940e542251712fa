//! Soft dice: how little two masks of probabilities overlap, for segmentation.
//!
//! For each example and class, `1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s)` over all pixels, where `s` smooths; with
//! squares in the denominator it is the loss of Milletari et al., "V-Net", arXiv:1606.04797, without them
//! that of Sudre et al., arXiv:1707.03237. The sums are accumulated in double precision.

mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::loss::{Reduction, Side};
use crate::{DType, Error, Float, Result, Shape, Spec, Tensor};

const OP: &str = "dice_loss";

/// What the overlap is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Denominator {
    /// The sums of both masks.
    #[default]
    Sums,
    /// The sums of their squares.
    Squares,
}

/// Settings of the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Added to numerator and denominator, so that two empty masks are equal.
    pub smoothing: f64,
    /// What the overlap is compared with.
    pub denominator: Denominator,
    /// How the losses of examples and classes become the result.
    pub reduction: Reduction,
}

impl Default for Options {
    /// Smoothing 1, sums, the mean.
    fn default() -> Self {
        Self { smoothing: 1.0, denominator: Denominator::Sums, reduction: Reduction::Mean }
    }
}

impl From<Reduction> for Options {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}

/// What [`forward`] computes.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The loss: a scalar, or one for each example and class.
    pub loss: Tensor,
    /// Numerators and denominators, `[batch, 2, classes]`, which [`backward`] reads.
    pub ratios: Tensor,
}

/// The loss of probabilities against a target of probabilities, mostly 0 and 1.
///
/// # Shapes
/// Both `[batch, .., classes]`; the loss a scalar, or `[batch, classes]` for [`Reduction::None`].
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::dice::{self, Options}};
/// let mask = Tensor::from_slice(&[1, 3, 1], &[1.0f32, 0.0, 1.0])?;
/// let other = Tensor::from_slice(&[1, 3, 1], &[1.0f32, 1.0, 0.0])?;
/// // One pixel in common, two in each: (2 + 1) / (4 + 1).
/// let loss = dice::forward(&mask, &other, &Options::default())?.loss.item()?;
/// assert!((loss - 0.4).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] for other shapes, [`Error::Argument`] for smoothing that is negative or not finite, [`Error::DType`].
pub fn forward(prediction: &Tensor, target: &Tensor, options: &Options) -> Result<Forward> {
    let spec = infer(prediction.spec(), target.spec(), options)?;
    let geometry = Geometry::new(prediction.shape());
    let Geometry { batch, classes, .. } = geometry;
    // Overlaps, then what they are compared with, for each example.
    let mut ratios = Tensor::zeros(&[batch, 2, classes], DType::F64)?;
    let mut losses = Tensor::stale(&[batch, classes], DType::F64)?;
    let (sums, of_losses) = (ratios.as_mut_slice::<f64>()?, losses.as_mut_slice::<f64>()?);
    let denominator = options.denominator;
    match prediction.dtype() {
        DType::F32 => {
            vector::sums(prediction.as_slice()?, target.as_slice()?, geometry, denominator, sums)?;
        }
        _ => {
            reference::sums::<f64>(prediction.as_slice()?, target.as_slice()?, geometry, denominator, sums);
        }
    }
    sums.chunks_mut(classes.max(1)).step_by(2).flatten().for_each(|overlap| *overlap *= 2.0);
    sums.iter_mut().for_each(|sum| *sum += options.smoothing);
    let rows = of_losses.chunks_mut(classes.max(1)).zip(sums.chunks(2 * classes.max(1)));
    for (losses, ratios) in rows {
        let (numerators, denominators) = ratios.split_at(classes);
        for ((loss, numerator), denominator) in losses.iter_mut().zip(numerators).zip(denominators) {
            *loss = 1.0 - numerator / denominator;
        }
    }
    let loss = match options.reduction {
        Reduction::None => losses,
        reduction => Tensor::scalar(of_losses.iter().sum::<f64>() / reduction.divisor(&[batch, classes]))?,
    };
    Ok(Forward { loss: loss.to_dtype(spec.dtype)?, ratios: ratios.to_dtype(spec.dtype)? })
}

/// The gradient of [`forward`] with respect to one side, from that of the loss.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where `ratios` or `grad_loss` is not of the forward pass.
pub fn backward(
    masks: Masks<'_>,
    ratios: &Tensor,
    options: &Options,
    grad_loss: &Tensor,
    side: Side,
) -> Result<Tensor> {
    let Masks { prediction, target } = masks;
    let spec = infer(prediction.spec(), target.spec(), options)?;
    let geometry = Geometry::new(prediction.shape());
    let Geometry { batch, classes, .. } = geometry;
    check::exactly(grad_loss, OP, spec.dtype, &spec.shape)?;
    check::exactly(ratios, OP, spec.dtype, &[batch, 2, classes])?;
    let divisor = options.reduction.divisor(&[batch, classes]);
    if prediction.is_empty() {
        return Tensor::zeros(prediction.shape(), spec.dtype);
    }
    let (grads, ratios) = (grad_loss.to_f64_vec()?, ratios.to_f64_vec()?);
    let (own, other) = match side {
        Side::Prediction => (prediction, target),
        Side::Target => (target, prediction),
    };
    let mut output = Tensor::stale(prediction.shape(), spec.dtype)?;
    let denominator = options.denominator;
    match spec.dtype {
        DType::F32 => {
            let coefficients = Coefficients::new(&grads, divisor, &ratios, classes);
            let (own, other, output) = (own.as_slice()?, other.as_slice()?, output.as_mut_slice()?);
            vector::gradient(own, other, output, geometry, &coefficients, denominator)?;
        }
        _ => {
            let coefficients = Coefficients::new(&grads, divisor, &ratios, classes);
            let (own, other, output) = (own.as_slice::<f64>()?, other.as_slice()?, output.as_mut_slice()?);
            reference::gradient(own, other, output, geometry, &coefficients, denominator);
        }
    }
    Ok(output)
}

/// What the loss compares.
#[derive(Debug, Clone, Copy)]
pub struct Masks<'a> {
    /// What a network says.
    pub prediction: &'a Tensor,
    /// What it should say.
    pub target: &'a Tensor,
}

/// Shape and type of the loss.
///
/// # Errors
/// As [`forward`].
pub fn infer(prediction: Spec, target: Spec, options: &Options) -> Result<Spec> {
    if !prediction.dtype.is_compute() {
        return Err(check::not_compute(OP, prediction.dtype));
    }
    if prediction.shape != target.shape || prediction.shape.rank() < 2 {
        let problem = format!(
            "prediction {} and target {}, expected one shape [batch, .., classes]",
            prediction.shape, target.shape
        );
        return Err(Error::shape(OP, problem));
    }
    if target.dtype != prediction.dtype {
        return Err(Error::dtype(OP, target.dtype, prediction.dtype.name()));
    }
    if !(options.smoothing >= 0.0 && options.smoothing.is_finite()) {
        return Err(Error::argument(OP, "smoothing", options.smoothing, "a finite number from 0 on"));
    }
    let rows = ratios_spec(prediction)?;
    let losses = Shape::new(&[rows.shape[0], rows.shape[2]])?;
    Ok(Spec::new(options.reduction.shape(losses), prediction.dtype))
}

/// Shape and type of [`Forward::ratios`].
///
/// # Errors
/// [`Error::Shape`] for less than two axes.
pub fn ratios_spec(prediction: Spec) -> Result<Spec> {
    match *prediction.shape.dims() {
        [batch, .., classes] => Ok(Spec::new(Shape::new(&[batch, 2, classes])?, prediction.dtype)),
        _ => Err(Error::shape(OP, format!("prediction {}, expected [batch, .., classes]", prediction.shape))),
    }
}

/// Examples of so many numbers, which are pixels of so many classes.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    batch: usize,
    classes: usize,
    /// Numbers of an example.
    example: usize,
}

impl Geometry {
    fn new(shape: &[usize]) -> Self {
        let (batch, classes) = (shape[0], shape[shape.len() - 1]);
        Self { batch, classes, example: shape[1..].iter().product() }
    }
}

/// Of each example and class: what the other mask and the own one are multiplied by in the gradient.
struct Coefficients<F> {
    of_other: Vec<F>,
    own: Vec<F>,
}

impl<F: Float> Coefficients<F> {
    /// From the gradients of the losses, which are divided by `divisor`: one for each, or one for all.
    ///
    /// The gradient is `of_other * other + own`, or `of_other * other + own * 2 self`.
    fn new(grads: &[f64], divisor: f64, ratios: &[f64], classes: usize) -> Self {
        let mut all = Self { of_other: Vec::new(), own: Vec::new() };
        let grads = grads.iter().cycle().map(|grad| grad / divisor);
        let rows = ratios.chunks_exact(2 * classes).map(|row| row.split_at(classes));
        let pairs = rows.flat_map(|(numerators, denominators)| numerators.iter().zip(denominators));
        for ((&numerator, &denominator), grad) in pairs.zip(grads) {
            all.of_other.push(F::from_f64(-2.0 * grad / denominator));
            all.own.push(F::from_f64(grad * numerator / (denominator * denominator)));
        }
        all
    }
}

/// What an element adds to the denominator.
#[inline(always)]
fn size<F: Float>(a: F, b: F, denominator: Denominator) -> F {
    match denominator {
        Denominator::Sums => a + b,
        Denominator::Squares => a * a + b * b,
    }
}

/// The gradient of an element.
#[inline(always)]
fn slope<F: Float>(own: F, other: F, coefficients: [F; 2], denominator: Denominator) -> F {
    let [of_other, of_own] = coefficients;
    match denominator {
        Denominator::Sums => of_other * other + of_own,
        Denominator::Squares => of_other * other + of_own * (own + own),
    }
}
