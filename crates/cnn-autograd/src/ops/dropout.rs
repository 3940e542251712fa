//! Dropout: the same key drops the same elements, so nothing is kept for backward.

use cnn_tensor::ops::dropout::dropout;
use cnn_tensor::random::Key;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Zeros with a probability, the rest scaled up.
#[derive(Debug)]
struct Dropout {
    probability: f64,
    key: Key,
}

impl Function for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("probability", self.probability)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        if !(0.0..=1.0).contains(&self.probability) {
            let met = self.probability;
            return Err(cnn_tensor::Error::argument(self.name(), "probability", met, "0 to 1").into());
        }
        Ok(x)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(dropout(x, self.probability, self.key)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(dropout(grad, self.probability, self.key)?)])
    }
}

impl Var {
    /// Zeros each element with a probability and divides the rest by one less it; the key says which.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dropout(self, probability: f64, key: Key) -> Result<Var> {
        Var::apply(Dropout { probability, key }, vec![self])
    }
}
