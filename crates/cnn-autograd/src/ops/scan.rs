//! Running sums; the gradient runs the other way.

use cnn_tensor::ops::reduce::{Keep, reduced_shape};
use cnn_tensor::ops::scan::{self, From};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Running sums along an axis.
#[derive(Debug)]
struct Cumsum {
    axis: usize,
    from: From,
}

impl Function for Cumsum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let from = match self.from {
            From::Start => "start",
            From::End => "end",
        };
        vec![Attribute::new("axis", self.axis), Attribute::new("from", from)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        reduced_shape(self.name(), &x.shape, &[self.axis], Keep::Axes)?;
        Ok(x)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(scan::cumsum(&x, self.axis, self.from)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let back = match self.from {
            From::Start => From::End,
            From::End => From::Start,
        };
        Ok(vec![Some(scan::cumsum(&grad, self.axis, back)?)])
    }
}

impl Var {
    /// The sum of each element and all those before it along an axis, or after it.
    ///
    /// # Shapes
    /// Any, unchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn cumsum(self, axis: usize, from: From) -> Result<Var> {
        Var::apply(Cumsum { axis, from }, vec![self])
    }
}
