//! Fused activations: what the rules of operations that end in one share.
//!
//! An activation on its own is a function of one element and has its rule in [`super::unary`].

use cnn_tensor::Tensor;
use cnn_tensor::ops::activation::{self, Activation};

use crate::function::Saved;
use crate::{Result, Var};

/// The gradient before the activation, from the gradient after it and the output.
pub(super) fn through(activation: Activation, saved: &Saved, grad: Tensor) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(grad),
        activation => Ok(activation::backward(activation, saved.output()?, grad)?),
    }
}

/// Whether backward through the activation reads the output, which then has to be kept.
pub(super) fn reads_output(activation: Activation) -> bool {
    activation != Activation::Identity
}

impl Var {
    /// The activation by itself, where nothing fuses it.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn activate(self, activation: Activation) -> Result<Var> {
        match activation {
            Activation::Identity => Ok(self),
            Activation::Relu => self.relu(),
        }
    }
}
