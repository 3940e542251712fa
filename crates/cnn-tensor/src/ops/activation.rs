//! Activations that a kernel applies while it writes its output.
//!
//! Only functions whose derivative can be read off the output are here, so that the input need not be kept.

use crate::{Result, Tensor};

/// What is applied to each element of an output before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`; NaN stays NaN, as in PyTorch.
    Relu,
}

impl Activation {
    /// Lower-case name, as in a graph.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::Identity => "identity",
            Activation::Relu => "relu",
        }
    }
}

/// Gradient before the activation, from the gradient after it and the activation's output.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the shapes differ.
pub fn backward(activation: Activation, output: &Tensor, grad: Tensor) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(grad),
        Activation::Relu => super::unary::relu_backward(output, grad),
    }
}
