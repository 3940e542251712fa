//! Sum and mean of all elements.

use cnn_tensor::ops::reduce;
use cnn_tensor::{Shape, Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Result, Var};

/// The sum of all elements.
#[derive(Debug)]
struct Sum;

/// The mean of all elements.
#[derive(Debug)]
struct Mean;

impl Function for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reduce::sum(&x)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        Ok(vec![Some(Tensor::full(&input.shape, grad.item()?, input.dtype)?)])
    }
}

impl Function for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reduce::mean(&x)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        let share = grad.item()? / input.shape.len() as f64;
        Ok(vec![Some(Tensor::full(&input.shape, share, input.dtype)?)])
    }
}

fn infer(op: &'static str, inputs: &[Spec]) -> Result<Spec> {
    let [x] = expect_inputs(op, inputs)?;
    expect_compute(op, x)?;
    Ok(Spec::new(Shape::SCALAR, x.dtype))
}

impl Var {
    /// The sum of all elements, a scalar.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn sum(self) -> Result<Var> {
        Var::apply(Sum, vec![self])
    }

    /// The mean of all elements, a scalar; NaN where there are none.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn mean(self) -> Result<Var> {
        Var::apply(Mean, vec![self])
    }
}
