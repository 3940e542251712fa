//! One of two variables, element by element; the one that is not taken has no gradient there.

use cnn_tensor::ops::select::{self, Side};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Result, Var};

/// The first input where the condition holds, else the second.
#[derive(Debug)]
struct Select {
    condition: Tensor,
}

impl Function for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [yes, no] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), yes)?;
        Ok(select::infer(self.condition.spec(), yes, no)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [yes, no] = take_inputs(self.name(), inputs)?;
        Ok(select::select(&self.condition, &yes, &no)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let side = |index, side| {
            let shape = saved.input_spec(index)?.shape;
            saved.if_wanted(index, || Ok(select::select_backward(&self.condition, &grad, side, &shape)?))
        };
        Ok(vec![side(0, Side::Yes)?, side(1, Side::No)?])
    }
}

impl Var {
    /// `self` where the condition holds, else `other`; all three broadcast.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn select(self, condition: &Tensor, other: Var) -> Result<Var> {
        Var::apply(Select { condition: condition.clone() }, vec![self, other])
    }
}
