//! Local response normalisation across channels (Krizhevsky, Sutskever and Hinton, 2012).
//!
//! `y[c] = x[c] / (k + alpha / size * sum of x[i]^2 over the window of c)^beta`, with PyTorch's windows: `size`
//! channels from `c - size / 2` on, what is outside of them counted as zero.

mod kernels;
mod reference;
#[cfg(test)]
mod tests;
mod vector;

use crate::ops::check;
use crate::ops::in_place::map;
use crate::{DType, Error, Result, Spec, Tensor};

const OP: &str = "local_response_norm";

/// Settings; the default has PyTorch's, but for the size, which is that of the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Channels of a window.
    pub size: usize,
    /// Factor of the mean of the squares.
    pub alpha: f64,
    /// The power that the sum is raised to.
    pub beta: f64,
    /// What is added to the mean.
    pub k: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }
}

impl Options {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size of zero, an alpha or k that is negative, and numbers that are not finite.
    pub fn check(&self) -> Result<()> {
        if self.size == 0 {
            return Err(Error::argument(OP, "size", self.size, "1 or more"));
        }
        for (name, value) in [("alpha", self.alpha), ("k", self.k)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::argument(OP, name, value, "a finite number of 0 or more"));
            }
        }
        if !self.beta.is_finite() {
            return Err(Error::argument(OP, "beta", self.beta, "a finite number"));
        }
        Ok(())
    }
}

/// Checks the input; the output has its shape.
///
/// # Errors
/// [`Error::Shape`] unless it is `[batch, .., channels]`; [`Error::DType`] unless `F32` or `F64`; those of
/// [`Options::check`].
pub fn infer(x: Spec, options: &Options) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(check::not_compute(OP, x.dtype));
    }
    if x.shape.rank() < 2 {
        return Err(Error::shape(OP, format!("input {}, expected [batch, .., channels]", x.shape)));
    }
    options.check()?;
    Ok(x)
}

/// How far the window of a channel reaches, as far as there are channels.
#[derive(Debug, Clone, Copy)]
struct Window {
    channels: usize,
    before: usize,
    after: usize,
}

impl Window {
    fn new(channels: usize, size: usize) -> Self {
        let most = channels.saturating_sub(1);
        Self { channels, before: (size / 2).min(most), after: ((size - 1) / 2).min(most) }
    }

    /// The channels whose windows hold a channel lie the other way round.
    fn reversed(self) -> Self {
        Self { before: self.after, after: self.before, ..self }
    }
}

/// Normalises each number by its neighbours in the other channels, in the buffer of `x` where nobody else holds it.
///
/// # Shapes
/// `[batch, .., channels]`, unchanged.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::local_response_norm::{self, Options}};
/// let x = Tensor::from_slice(&[1, 3], &[1.0f32, 2.0, 3.0])?;
/// let options = Options { size: 2, alpha: 2.0, beta: 1.0, k: 0.0 };
/// let y = local_response_norm::forward(x, &options)?.to_vec::<f32>()?;
/// // 1 / 1, 2 / (1 + 4), 3 / (4 + 9)
/// assert!(y.iter().zip([1.0, 0.4, 3.0 / 13.0]).all(|(y, expected)| (y - expected).abs() < 1e-6));
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`infer`].
pub fn forward(x: Tensor, options: &Options) -> Result<Tensor> {
    infer(x.spec(), options)?;
    let window = Window::new(x.shape().last().copied().unwrap_or(0), options.size);
    match x.dtype() {
        _ if x.is_empty() => Ok(x),
        DType::F32 => map(x, |x, output| vector::forward(window, options, x, output)),
        _ => {
            let mut output = Tensor::stale(x.shape(), x.dtype())?;
            reference::forward::<f64>(window, options, x.as_slice()?, output.as_mut_slice()?);
            Ok(output)
        }
    }
}

/// The gradient of [`forward`] with respect to its input `x`.
///
/// # Errors
/// As [`infer`]; [`Error::Shape`] and [`Error::DType`] where the gradient does not fit.
pub fn backward(x: &Tensor, options: &Options, grad: Tensor) -> Result<Tensor> {
    infer(x.spec(), options)?;
    check::same_spec(OP, ("input", x), ("gradient", &grad))?;
    let window = Window::new(x.shape().last().copied().unwrap_or(0), options.size);
    match x.dtype() {
        _ if x.is_empty() => Ok(grad),
        DType::F32 => {
            let x = x.as_slice::<f32>()?;
            map(grad, |grad, result| vector::backward(window, options, x, grad, result))
        }
        _ => {
            let mut result = Tensor::stale(x.shape(), x.dtype())?;
            let (x, grad) = (x.as_slice::<f64>()?, grad.as_slice()?);
            reference::backward(window, options, x, grad, result.as_mut_slice()?);
            Ok(result)
        }
    }
}
