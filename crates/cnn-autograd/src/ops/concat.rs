//! Joining along an axis; each input's gradient is its part of the output's.

use cnn_tensor::ops::{concat, narrow};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved};
use crate::{Attribute, Error, Result, Var};

/// Any number of inputs, one after the other along an axis.
#[derive(Debug)]
struct Concat {
    axis: usize,
}

impl Function for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let output = concat::infer(inputs, self.axis)?;
        expect_compute(self.name(), output)?;
        Ok(output)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        Ok(concat::concat(&inputs.iter().collect::<Vec<_>>(), self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let mut start = 0;
        let part = |index| {
            let end = start + saved.input_spec(index)?.shape[self.axis];
            let range = std::mem::replace(&mut start, end)..end;
            saved.if_wanted(index, || Ok(narrow::narrow(&grad, self.axis, range)?))
        };
        (0..saved.input_count()).map(part).collect()
    }
}

impl Var {
    /// The variables one after the other along an axis, in which alone they may differ in size.
    ///
    /// # Shapes
    /// Of one rank and the same sizes but along the axis, along which the output has the sum of them.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn concat(inputs: Vec<Var>, axis: usize) -> Result<Var> {
        Var::apply(Concat { axis }, inputs)
    }

    /// The variables, all of one shape, along a new axis before the given one.
    ///
    /// # Shapes
    /// All the same; the output has one axis more, of their number.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn stack(inputs: Vec<Var>, axis: usize) -> Result<Var> {
        let first =
            inputs.first().ok_or(Error::Inputs { op: "stack", met: 0, expected: "1 or more".into() })?;
        let dims = first.shape().to_vec();
        if axis > dims.len() || inputs.iter().any(|input| input.shape() != dims) {
            let shapes: Vec<&[usize]> = inputs.iter().map(Var::shape).collect();
            let problem =
                format!("inputs {shapes:?} along axis {axis}, expected one shape that has room for it");
            return Err(cnn_tensor::Error::shape("stack", problem).into());
        }
        let mut wider = dims;
        wider.insert(axis, 1);
        Var::concat(inputs.into_iter().map(|input| input.reshape(&wider)).collect::<Result<_>>()?, axis)
    }
}
