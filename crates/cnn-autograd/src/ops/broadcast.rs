//! Copies along axes of size 1: what broadcasting saves where an operation takes operands of several shapes.

use cnn_tensor::ops::broadcast;
use cnn_tensor::{Shape, Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// The input repeated to a shape.
#[derive(Debug)]
struct BroadcastTo(Shape);

impl Function for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("shape", self.0.dims())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        broadcast::expect_fits(self.name(), &x.shape, &self.0)?;
        Ok(Spec::new(self.0, x.dtype))
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        match inputs {
            [x] if x.shape == self.0 => Buffers::shared(0),
            _ => Buffers::default(),
        }
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(broadcast::to(&x, &self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(broadcast::sum_to(grad, &saved.input_spec(0)?.shape)?)])
    }
}

impl Var {
    /// The elements repeated along the axes in which `shape` is larger; those have size 1, or are missing in front.
    ///
    /// # Shapes
    /// Any that fits into `shape`, which the output has.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn broadcast_to(self, shape: &[usize]) -> Result<Var> {
        Var::apply(BroadcastTo(Shape::new(shape)?), vec![self])
    }
}
