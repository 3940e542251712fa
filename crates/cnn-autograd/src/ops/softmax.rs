//! Softmax and its logarithm over an axis; both gradients read the output.

use cnn_tensor::ops::softmax;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Shares of an axis, or their logarithms.
#[derive(Debug)]
struct Softmax {
    kind: Kind,
    axis: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Shares,
    Logarithms,
}

impl Function for Softmax {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Shares => "softmax",
            Kind::Logarithms => "log_softmax",
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        if self.axis >= x.shape.rank() {
            let problem = format!("input {} has no axis {}", x.shape, self.axis);
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        }
        Ok(x)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().output()
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        let value = match self.kind {
            Kind::Shares => softmax::softmax(x, self.axis),
            Kind::Logarithms => softmax::log_softmax(x, self.axis),
        };
        Ok(value?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let gradient = match self.kind {
            Kind::Shares => softmax::softmax_backward(saved.output()?, grad, self.axis),
            Kind::Logarithms => softmax::log_softmax_backward(saved.output()?, grad, self.axis),
        };
        Ok(vec![Some(gradient?)])
    }
}

impl Var {
    /// `exp(x) / sum(exp(x))`, where the sum is over an axis.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`]; where there is no such axis.
    pub fn softmax(self, axis: usize) -> Result<Var> {
        Var::apply(Softmax { kind: Kind::Shares, axis }, vec![self])
    }

    /// The logarithm of [`Var::softmax`], also where that is too small for a number.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::softmax`].
    pub fn log_softmax(self, axis: usize) -> Result<Var> {
        Var::apply(Softmax { kind: Kind::Logarithms, axis }, vec![self])
    }
}
