//! Elements reversed or moved along an axis; the gradient goes the same way back.

use cnn_tensor::ops::flip;
use cnn_tensor::ops::reduce::{Keep, reduced_shape};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// The order along some axes reversed.
#[derive(Debug)]
struct Flip(Vec<usize>);

/// The elements moved around the end of an axis.
#[derive(Debug)]
struct Roll {
    shift: i64,
    axis: usize,
}

impl Function for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axes", self.0.as_slice())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs, &self.0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(flip::flip(&x, &self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(flip::flip(&grad, &self.0)?)])
    }
}

impl Function for Roll {
    fn name(&self) -> &'static str {
        "roll"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("shift", self.shift), Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs, &[self.axis])
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(flip::roll(&x, self.shift, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        // A shift may be any number; what is left of it within the axis can be taken back.
        let len = saved.input_spec(0)?.shape[self.axis] as i64;
        let shift = self.shift.checked_rem_euclid(len).unwrap_or(0);
        Ok(vec![Some(flip::roll(&grad, -shift, self.axis)?)])
    }
}

fn infer(op: &'static str, inputs: &[Spec], axes: &[usize]) -> Result<Spec> {
    let [x] = expect_inputs(op, inputs)?;
    expect_compute(op, x)?;
    reduced_shape(op, &x.shape, axes, Keep::Axes)?;
    Ok(x)
}

impl Var {
    /// The order along the given axes reversed.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn flip(self, axes: &[usize]) -> Result<Var> {
        Var::apply(Flip(axes.to_vec()), vec![self])
    }

    /// The elements moved along an axis by `shift` towards its end; those that pass it come in at the start.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn roll(self, shift: i64, axis: usize) -> Result<Var> {
        Var::apply(Roll { shift, axis }, vec![self])
    }
}
