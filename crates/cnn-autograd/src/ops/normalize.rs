//! Division of vectors by their Euclidean length.

use cnn_tensor::ops::normalize;
use cnn_tensor::{Spec, Tensor};

use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Vectors along an axis by their lengths; keeps its input, whose lengths are cheap to compute again.
#[derive(Debug)]
struct Normalize {
    axis: usize,
    epsilon: f64,
}

impl Function for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis), Attribute::new("epsilon", self.epsilon)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(normalize::infer(x, self.axis, self.epsilon)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(normalize::forward(x, self.axis, self.epsilon)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(normalize::backward(saved.input(0)?, self.axis, self.epsilon, grad)?)])
    }
}

impl Var {
    /// `x / max(length of x, epsilon)`, where a vector is what lies along an axis.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`]; where there is no such axis.
    pub fn normalize(self, axis: usize, epsilon: f64) -> Result<Var> {
        Var::apply(Normalize { axis, epsilon }, vec![self])
    }
}
