//! Losses: functions of a network's output and a target, one file for each operation of `cnn_tensor::ops`.
//!
//! A loss of one's own between two numbers is a [`Loss`](cnn_tensor::ops::loss::Loss), given to [`Var::loss`].

pub(crate) mod cross_entropy;
pub(crate) mod dice;
pub(crate) mod loss;
pub(crate) mod nll;

use cnn_autograd::Var;
use cnn_tensor::{DType, Tensor};

use crate::Result;

/// A weight for each class, or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClassWeights(Option<Tensor>);

impl ClassWeights {
    pub(crate) fn new(weights: &[f64]) -> Result<Self> {
        Ok(Self(Some(Tensor::from_slice(&[weights.len()], weights)?.to_dtype(DType::F32)?)))
    }

    /// The weights in the type of the logits.
    pub(crate) fn of(&self, logits: &Var) -> Result<Option<Tensor>> {
        Ok(self.0.as_ref().map(|weights| weights.to_dtype(logits.dtype())).transpose()?)
    }
}
