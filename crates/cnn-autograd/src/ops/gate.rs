//! Each channel of each image times a number of its own.

use cnn_tensor::ops::gate::{self, Backward, Wanted as Choice};
use cnn_tensor::{Spec, Tensor};

use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Result, Var};

/// Inputs are the images and the factors.
#[derive(Debug)]
struct Gate;

impl Function for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x, factors] = expect_inputs(self.name(), inputs)?;
        Ok(gate::infer(x, factors)?)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0) || wanted.input(1))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, factors] = take_inputs(self.name(), inputs)?;
        Ok(gate::forward(x, &factors)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let wanted = Choice { input: saved.wants(0), factors: saved.wants(1) };
        if !wanted.factors {
            return Ok(vec![Some(gate::forward(grad, saved.input(1)?)?), None]);
        }
        let Backward { input, factors } = gate::backward(saved.input(0)?, saved.input(1)?, wanted, grad)?;
        Ok(vec![input, factors])
    }
}

impl Var {
    /// Each channel of each image times its factor: [`Var::mul`] of images and factors, with a faster gradient.
    ///
    /// # Shapes
    /// `[batch, .., channels]`, unchanged; factors `[batch, channels]` or with ones in between.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn gate(self, factors: Var) -> Result<Var> {
        Var::apply(Gate, vec![self, factors])
    }
}
