//! One of two variables, element by element; the one that is not taken has no gradient there.

use cnn_tensor::ops::select::{self, Side};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Result, Var};

/// Inputs are the condition, a constant, what is taken where it holds, and what is taken elsewhere.
#[derive(Debug)]
struct Select;

impl Function for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [condition, yes, no] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), yes)?;
        Ok(select::infer(condition, yes, no)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [condition, yes, no] = take_inputs(self.name(), inputs)?;
        Ok(select::select(&condition, &yes, &no)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let side = |index, side| {
            let shape = saved.input_spec(index)?.shape;
            saved.if_wanted(index, || Ok(select::select_backward(saved.input(0)?, &grad, side, &shape)?))
        };
        Ok(vec![None, side(1, Side::Yes)?, side(2, Side::No)?])
    }
}

impl Var {
    /// `self` where the condition holds, else `other`; all three broadcast.
    ///
    /// # Shapes
    /// Any three that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn select(self, condition: &Tensor, other: Var) -> Result<Var> {
        Var::apply(Select, vec![Var::constant(condition.clone()), self, other])
    }
}
