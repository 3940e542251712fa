//! Local response normalisation across channels.

use cnn_tensor::ops::local_response_norm::{self, Options};
use cnn_tensor::{Spec, Tensor};

use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Each number by its neighbours in the other channels; keeps its input, from which the rest is cheap to compute again.
#[derive(Debug)]
struct LocalResponseNorm(Options);

impl Function for LocalResponseNorm {
    fn name(&self) -> &'static str {
        "local_response_norm"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let Options { size, alpha, beta, k } = self.0;
        vec![
            Attribute::new("size", size),
            Attribute::new("alpha", alpha),
            Attribute::new("beta", beta),
            Attribute::new("k", k),
        ]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(local_response_norm::infer(x, &self.0)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(local_response_norm::forward(x, &self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(local_response_norm::backward(saved.input(0)?, &self.0, grad)?)])
    }
}

impl Var {
    /// `x[c] / (k + alpha / size * sum of x[i]^2 over the window of c)^beta`, over windows of neighbouring channels.
    ///
    /// # Shapes
    /// `[batch, .., channels]`, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn local_response_norm(self, options: Options) -> Result<Var> {
        Var::apply(LocalResponseNorm(options), vec![self])
    }
}
