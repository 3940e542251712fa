//! The dense product with bias and activation.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::{dense, reduce};
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use super::{expect_vector, with_optional};
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Var};

/// `act(x weight + bias)`; inputs are x, weight and, if there is one, bias.
#[derive(Debug)]
struct Dense {
    activation: Activation,
}

impl Function for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("activation", self.activation.name())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([x, weight], bias) = with_optional(self.name(), inputs.to_vec())?;
        let output = dense::infer(x, weight)?;
        if let (Some(bias), Some(&features)) = (bias, output.shape.last()) {
            expect_vector(self.name(), "bias", bias, features, x.dtype)?;
        }
        Ok(output)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        match inputs {
            [x, weight, ..] => {
                let outputs = weight.shape.last().copied().unwrap_or(0);
                (x.shape.len() as u64).saturating_mul(outputs as u64)
            }
            _ => 0,
        }
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let keeps = Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0));
        keeps.output_if(reads_output(self.activation))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([x, weight], bias) = with_optional(self.name(), inputs)?;
        Ok(dense::forward(&x, &weight, bias.as_ref(), self.activation)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.activation, &saved, grad)?;
        let x = saved.if_wanted(0, || Ok(dense::grad_input(&grad, saved.input(1)?)?))?;
        let weight = saved.if_wanted(1, || Ok(dense::grad_weight(saved.input(0)?, &grad)?))?;
        let bias = saved.if_wanted(2, || Ok(reduce::sum_leading(&grad)?))?;
        Ok([x, weight, bias].into_iter().take(saved.input_count()).collect())
    }
}

impl Var {
    /// `x weight + bias`.
    ///
    /// # Shapes
    /// Input `[.., in]`, weight `[in, out]`, bias `[out]`; output `[.., out]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dense(self, weight: Var, bias: Option<Var>) -> Result<Var> {
        self.dense_act(weight, bias, Activation::Identity)
    }

    /// [`Var::dense`] with the activation applied as the output is stored.
    ///
    /// # Shapes
    /// As [`Var::dense`].
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dense_act(self, weight: Var, bias: Option<Var>, activation: Activation) -> Result<Var> {
        let inputs = [self, weight].into_iter().chain(bias).collect();
        Var::apply(Dense { activation }, inputs)
    }
}
