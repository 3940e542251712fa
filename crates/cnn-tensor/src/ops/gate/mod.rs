//! Each channel of each image times a number of its own: what squeeze-and-excitation ends in (Hu, Shen and Sun,
//! arXiv:1709.01507).
//!
//! The product of two broadcast tensors is the same numbers; here its two gradients are one pass over memory.

mod kernels;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::images::Images;
use crate::ops::in_place::map;
use crate::{DType, Error, Result, Spec, Tensor};

const OP: &str = "gate";

/// Checks the inputs; the output has the shape of `x`.
///
/// # Errors
/// [`Error::Shape`] unless `x` is `[batch, .., channels]` and the factors are too, with ones in between or nothing;
/// [`Error::DType`] where the types differ or are not `F32` or `F64`.
pub fn infer(x: Spec, factors: Spec) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if factors.dtype != x.dtype {
        return Err(Error::dtype(OP, factors.dtype, x.dtype.name()));
    }
    let (&[batch, .., channels], &[first, ref between @ .., last]) = (x.shape.dims(), factors.shape.dims())
    else {
        let problem =
            format!("input {} and factors {}, expected [batch, .., channels]", x.shape, factors.shape);
        return Err(Error::shape(OP, problem));
    };
    if [first, last] != [batch, channels] || between.iter().any(|&size| size != 1) {
        let problem = format!(
            "input {} and factors {}, expected a factor for each image and channel: [{batch}, 1.., {channels}]",
            x.shape, factors.shape
        );
        return Err(Error::shape(OP, problem));
    }
    Ok(x)
}

/// Sizes of a checked input that is not empty.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Geometry {
    /// Pixels of an image.
    pub(in crate::ops) pixels: usize,
    pub(in crate::ops) channels: usize,
}

impl Geometry {
    fn new(x: &Tensor, factors: &Tensor) -> Self {
        let channels = x.shape().last().copied().unwrap_or(0).max(1);
        Self { pixels: x.len() / factors.len().max(1), channels }
    }

    /// Numbers of an image.
    fn image(&self) -> usize {
        self.pixels * self.channels
    }

    fn images(&self) -> Images {
        Images::new(self.pixels, self.channels)
    }
}

/// Which gradients are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// That of the input.
    pub input: bool,
    /// That of the factors.
    pub factors: bool,
}

/// Gradients with respect to what went in, where they were wanted.
#[derive(Debug, Clone, Default)]
pub struct Backward {
    /// Of the input.
    pub input: Option<Tensor>,
    /// Of the factors.
    pub factors: Option<Tensor>,
}

/// `y[image, .., channel] = x[image, .., channel] * factors[image, channel]`, in the buffer of `x` where nobody else
/// holds it.
///
/// # Shapes
/// Input and output `[batch, .., channels]`, factors `[batch, channels]` or with ones in between.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::gate};
/// let x = Tensor::from_slice(&[1, 2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
/// let factors = Tensor::from_slice(&[1, 2], &[10.0f32, 0.5])?;
/// assert_eq!(gate::forward(x, &factors)?.to_vec::<f32>()?, [10.0, 1.0, 30.0, 2.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`infer`].
pub fn forward(x: Tensor, factors: &Tensor) -> Result<Tensor> {
    infer(x.spec(), factors.spec())?;
    if x.is_empty() {
        return Ok(x);
    }
    let geometry = Geometry::new(&x, factors);
    scale(geometry, factors, x)
}

/// [`forward`] of what has been checked and is not empty.
pub(in crate::ops) fn scale(geometry: Geometry, factors: &Tensor, x: Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 => map(x, |x, output| vector::scale(geometry, factors.as_slice()?, x, output)),
        _ => map(x, |x, output| {
            reference::scale::<f64>(geometry, factors.as_slice()?, x, output);
            Ok(())
        }),
    }
}

/// The gradients of [`forward`].
///
/// # Errors
/// As [`infer`]; [`Error::Shape`] and [`Error::DType`] where the gradient does not fit.
pub fn backward(x: &Tensor, factors: &Tensor, wanted: Wanted, grad: Tensor) -> Result<Backward> {
    infer(x.spec(), factors.spec())?;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    let mut back = Backward::default();
    let geometry = Geometry::new(x, factors);
    if x.is_empty() {
        back.factors = wanted.factors.then(|| Tensor::zeros(factors.shape(), factors.dtype())).transpose()?;
        back.input = wanted.input.then_some(grad);
        return Ok(back);
    }
    if !wanted.factors {
        back.input = wanted.input.then(|| forward(grad, factors)).transpose()?;
        return Ok(back);
    }
    let mut of_factors = Tensor::stale(factors.shape(), factors.dtype())?;
    match x.dtype() {
        DType::F32 => {
            let (sums, x, factors) = (of_factors.as_mut_slice::<f32>()?, x.as_slice()?, factors.as_slice()?);
            if wanted.input {
                back.input =
                    Some(map(grad, |grad, result| vector::both(geometry, x, factors, grad, result, sums))?);
            } else {
                vector::sums(geometry, x, grad.as_slice()?, sums)?;
            }
        }
        _ => {
            reference::sums::<f64>(geometry, x.as_slice()?, grad.as_slice()?, of_factors.as_mut_slice()?);
            back.input = wanted.input.then(|| forward(grad, factors)).transpose()?;
        }
    }
    back.factors = Some(of_factors);
    Ok(back)
}
