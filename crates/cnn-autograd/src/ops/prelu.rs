//! The parametric rectifier, with gradients of input and slopes.

use cnn_tensor::ops::prelu;
use cnn_tensor::{Spec, Tensor};

use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Result, Var};

/// `x` above zero, else the slope times it; inputs are x and weight.
#[derive(Debug)]
struct Prelu;

impl Function for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x, weight] = expect_inputs(self.name(), inputs)?;
        Ok(prelu::infer(x, weight)?)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input_if(1, wanted.input(0))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, weight] = take_inputs(self.name(), inputs)?;
        Ok(prelu::forward(x, &weight)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let x = saved.input(0)?;
        let weight = saved.if_wanted(1, || Ok(prelu::grad_weight(x, saved.input_spec(1)?, &grad)?))?;
        let input = saved.if_wanted(0, || Ok(prelu::grad_input(x, saved.input(1)?, grad)?))?;
        Ok(vec![input, weight])
    }
}

impl Var {
    /// `x` above zero, else `weight * x`, with one slope for all or one for each channel.
    ///
    /// # Shapes
    /// Input `[.., channels]`, weight `[1]` or `[channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn prelu(self, weight: Var) -> Result<Var> {
        Var::apply(Prelu, vec![self, weight])
    }
}
