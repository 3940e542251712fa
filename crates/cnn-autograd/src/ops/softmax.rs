//! Softmax and its logarithm over an axis; both gradients read the output.

use cnn_tensor::ops::softmax;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Shares of an axis.
#[derive(Debug)]
struct Softmax {
    axis: usize,
}

/// Logarithms of the shares of an axis.
#[derive(Debug)]
struct LogSoftmax {
    axis: usize,
}

impl Function for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs, self.axis)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().output()
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(softmax::softmax(x, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(softmax::softmax_backward(saved.output()?, grad, self.axis)?)])
    }
}

impl Function for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs, self.axis)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().output()
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(softmax::log_softmax(x, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(softmax::log_softmax_backward(saved.output()?, grad, self.axis)?)])
    }
}

fn infer(op: &'static str, inputs: &[Spec], axis: usize) -> Result<Spec> {
    let [x] = expect_inputs(op, inputs)?;
    expect_compute(op, x)?;
    if axis >= x.shape.rank() {
        let problem = format!("input {} has no axis {axis}", x.shape);
        return Err(cnn_tensor::Error::shape(op, problem).into());
    }
    Ok(x)
}

impl Var {
    /// `exp(x) / sum(exp(x))`, where the sum is over an axis.
    ///
    /// # Errors
    /// As [`Var::apply`]; where there is no such axis.
    pub fn softmax(self, axis: usize) -> Result<Var> {
        Var::apply(Softmax { axis }, vec![self])
    }

    /// The logarithm of [`Var::softmax`], also where that is too small for a number.
    ///
    /// # Errors
    /// As [`Var::softmax`].
    pub fn log_softmax(self, axis: usize) -> Result<Var> {
        Var::apply(LogSoftmax { axis }, vec![self])
    }
}
