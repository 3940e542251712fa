//! Dropout: the same key drops the same elements, so nothing is kept for backward.

use cnn_tensor::ops::dropout::{self, Unit, dropout_of};
use cnn_tensor::random::Key;
use cnn_tensor::{Spec, Tensor};

use crate::function::{Buffers, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Zeros with a probability, the rest scaled up.
#[derive(Debug)]
struct Dropout {
    unit: Unit,
    probability: f64,
    key: Key,
}

impl Function for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("probability", self.probability), Attribute::new("unit", self.unit.name())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(dropout::infer(self.unit, x, self.probability)?)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(dropout_of(self.unit, x, self.probability, self.key)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(dropout_of(self.unit, grad, self.probability, self.key)?)])
    }
}

impl Var {
    /// Zeros each element with a probability and divides the rest by one less it; the key says which.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dropout(self, probability: f64, key: Key) -> Result<Var> {
        self.dropout_of(Unit::Element, probability, key)
    }

    /// [`Var::dropout`] of whole channels, of whole examples, or of everything.
    ///
    /// # Shapes
    /// `[batch, .., channels]` for channels, `[batch, ..]` for examples, any for the others.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dropout_of(self, unit: Unit, probability: f64, key: Key) -> Result<Var> {
        Var::apply(Dropout { unit, probability, key }, vec![self])
    }
}
