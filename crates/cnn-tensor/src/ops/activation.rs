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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_passes_where_the_output_is_positive() {
        let output = Tensor::from_slice(&[4], &[0.0f32, 2.0, 0.0, 1.0]).unwrap();
        let grad = || Tensor::from_slice(&[4], &[5.0f32, 6.0, -7.0, -8.0]).unwrap();
        let through = |activation| backward(activation, &output, grad()).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(through(Activation::Relu), [0.0, 6.0, 0.0, -8.0]);
        assert_eq!(through(Activation::Identity), [5.0, 6.0, -7.0, -8.0]);
    }
}
