//! Group normalisation (Wu and He, arXiv:1803.08494): each group of channels of each image by its own mean and
//! variance. One channel in a group is instance normalisation (Ulyanov, Vedaldi and Lempitsky, arXiv:1607.08022).
//!
//! `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, with the biased variance over the image and the
//! channels of the group; scale and shift have an element for each channel. Channels of a group are neighbours.

mod kernels;
mod reference;
mod small;
#[cfg(test)]
mod tests;
mod vector;

pub use crate::ops::layer_norm::{Affine, Backward, Forward, Saved, Wanted};

use crate::ops::check;
use crate::ops::images::Images;
use crate::{DType, Error, Result, Shape, Spec, Tensor};

const OP: &str = "group_norm";

/// What [`infer`] is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The input.
    pub x: Spec,
    /// Number of groups.
    pub groups: usize,
    /// The learnt scale.
    pub weight: Option<Spec>,
    /// The learnt shift.
    pub bias: Option<Spec>,
    /// Added to the variance.
    pub epsilon: f64,
}

/// The shape of the statistics. The output has the input's shape.
///
/// # Errors
/// [`Error::Shape`] unless the input is `[batch, .., channels]` and scale and shift have a value for each channel;
/// [`Error::Argument`] unless the groups divide the channels, and for an epsilon that is negative or not finite;
/// [`Error::DType`] where the types differ or are not `F32` or `F64`.
pub fn infer(question: Question) -> Result<Spec> {
    let Question { x, groups, weight, bias, epsilon } = question;
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    let (2.., Some(&batch), Some(&channels)) = (x.shape.rank(), x.shape.first(), x.shape.last()) else {
        return Err(Error::shape(OP, format!("input {}, expected [batch, .., channels]", x.shape)));
    };
    if groups == 0 || channels == 0 || channels % groups != 0 {
        let met = format!("{groups} for the {channels} channels of {}", x.shape);
        return Err(Error::argument(OP, "groups", met, "1 or more, a divisor of the channels"));
    }
    for (name, values) in [("weight", weight), ("bias", bias)] {
        let Some(values) = values else { continue };
        if values.shape != [channels] {
            let problem = format!("{name} is {}, expected [{channels}]", values.shape);
            return Err(Error::shape(OP, problem));
        }
        if values.dtype != x.dtype {
            return Err(Error::dtype(OP, values.dtype, x.dtype.name()));
        }
    }
    check::epsilon(OP, epsilon)?;
    Ok(Spec::new(Shape::new(&[batch, groups])?, DType::F64))
}

/// Sizes of a checked input.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    batch: usize,
    /// Pixels of an image.
    pixels: usize,
    channels: usize,
    groups: usize,
}

impl Geometry {
    fn new(x: &Tensor, groups: usize) -> Self {
        let [batch, spatial @ .., channels] = x.shape() else {
            return Self { batch: 0, pixels: 0, channels: 1, groups: 1 };
        };
        Self { batch: *batch, pixels: spatial.iter().product(), channels: *channels, groups }
    }

    /// Channels of a group.
    fn width(&self) -> usize {
        self.channels / self.groups
    }

    /// Numbers of an image.
    fn image(&self) -> usize {
        self.pixels * self.channels
    }

    /// How images are handed out that are not empty.
    fn images(&self) -> Images {
        Images::new(self.pixels, self.channels)
    }

    /// Whether an image has no more numbers than sums go over at a time.
    fn is_small(&self) -> bool {
        self.image() <= self.images().cut.group
    }
}

/// Normalises each group of each image by its mean and biased variance.
///
/// A group of one number has a variance of zero, so its output is the bias.
///
/// # Shapes
/// Input and output `[batch, .., channels]`, weight and bias `[channels]`, statistics `[batch, groups]`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::group_norm::{self, Affine}};
/// let x = Tensor::from_slice(&[1, 2, 2], &[1.0f32, 10.0, 3.0, 50.0])?;
/// let affine = Affine { weight: None, bias: None, epsilon: 0.0 };
/// assert_eq!(group_norm::forward(&x, 2, affine)?.output.to_vec::<f32>()?, [-1.0, -1.0, 1.0, 1.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`infer`]; [`Error::OutOfMemory`].
pub fn forward(x: &Tensor, groups: usize, affine: Affine<'_>) -> Result<Forward> {
    let [weight, bias] = [affine.weight, affine.bias].map(|values| values.map(Tensor::spec));
    let statistics = infer(Question { x: x.spec(), groups, weight, bias, epsilon: affine.epsilon })?;
    let mut forward = Forward {
        output: Tensor::stale(x.shape(), x.dtype())?,
        mean: Tensor::stale(&statistics.shape, DType::F64)?,
        inverse_deviation: Tensor::stale(&statistics.shape, DType::F64)?,
    };
    let geometry = Geometry::new(x, groups);
    match x.dtype() {
        _ if x.is_empty() => {
            // Groups without numbers have no mean.
            forward.mean.as_mut_slice::<f64>()?.fill(f64::NAN);
            forward.inverse_deviation.as_mut_slice::<f64>()?.fill(f64::NAN);
        }
        DType::F32 => vector::forward(&geometry, x, affine, &mut forward)?,
        _ => reference::forward::<f64>(&geometry, x, affine, &mut forward)?,
    }
    Ok(forward)
}

/// The gradients of [`forward`].
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where the gradient or the statistics do not fit the input.
pub fn backward(saved: Saved<'_>, wanted: Wanted, grad: Tensor) -> Result<Backward> {
    let Saved { x, weight, mean, inverse_deviation } = saved;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    check::same_spec(OP, ("mean", mean), ("inverse deviation", inverse_deviation))?;
    check::dtype(OP, mean, DType::F64)?;
    let &[_, groups] = mean.shape() else {
        return Err(Error::shape(OP, format!("statistics {:?}, expected [batch, groups]", mean.shape())));
    };
    let weight_spec = weight.map(Tensor::spec);
    let statistics = infer(Question { x: x.spec(), groups, weight: weight_spec, bias: None, epsilon: 0.0 })?;
    if mean.shape_value() != statistics.shape {
        let problem = format!("statistics {:?}, expected {}", mean.shape(), statistics.shape);
        return Err(Error::shape(OP, problem));
    }
    let geometry = Geometry::new(x, groups);
    match grad.dtype() {
        _ if grad.is_empty() => Backward::of_nothing(wanted, &[geometry.channels], grad),
        DType::F32 => vector::backward(&geometry, saved, wanted, grad),
        _ => reference::backward::<f64>(&geometry, saved, wanted, grad),
    }
}

/// What [`averages`] computes, `[groups]` each, in `F64`.
#[derive(Debug, Clone)]
pub struct Averages {
    /// The mean over the batch of each group's mean.
    pub mean: Tensor,
    /// The mean over the batch of each group's variance, divided by one less than the number of its values.
    pub unbiased_variance: Tensor,
}

/// The means over the batch of the statistics of a [`Forward`], of groups of so many values each: what the running
/// averages of instance normalisation take.
///
/// # Errors
/// [`Error::Shape`] unless both are `[batch, groups]`; [`Error::DType`] unless they are `F64`.
pub fn averages(mean: &Tensor, inverse_deviation: &Tensor, epsilon: f64, values: usize) -> Result<Averages> {
    check::same_spec(OP, ("mean", mean), ("inverse deviation", inverse_deviation))?;
    let &[batch, groups] = mean.shape() else {
        return Err(Error::shape(OP, format!("statistics {:?}, expected [batch, groups]", mean.shape())));
    };
    let (means, inverses) = (mean.as_slice::<f64>()?, inverse_deviation.as_slice::<f64>()?);
    let unbiased = values as f64 / (values as f64 - 1.0);
    let mut result = Averages {
        mean: Tensor::zeros(&[groups], DType::F64)?,
        unbiased_variance: Tensor::zeros(&[groups], DType::F64)?,
    };
    let [mean, variances] =
        [result.mean.as_mut_slice::<f64>()?, result.unbiased_variance.as_mut_slice::<f64>()?];
    for (index, (of_mean, inverse)) in means.iter().zip(inverses).enumerate() {
        mean[index % groups] += of_mean / batch as f64;
        let variance = 1.0 / (inverse * inverse) - epsilon;
        // What epsilon hides of a small variance may come out below zero; NaN stays.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        variances[index % groups] += variance * unbiased / batch as f64;
    }
    Ok(result)
}
