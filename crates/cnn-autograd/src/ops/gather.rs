//! Elements picked by index; the gradients of those that were picked several times add up.

use cnn_tensor::ops::gather;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// One element for each index along an axis.
#[derive(Debug)]
struct Gather {
    indices: Tensor,
    axis: usize,
}

/// One slice across an axis for each index.
#[derive(Debug)]
struct IndexSelect {
    indices: Tensor,
    axis: usize,
}

impl Function for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(gather::infer_gather(x, &self.indices, self.axis)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(gather::gather(&x, &self.indices, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        let zeros = Tensor::zeros(&input.shape, input.dtype)?;
        Ok(vec![Some(gather::scatter_add(zeros, &self.indices, &grad, self.axis)?)])
    }
}

impl Function for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(gather::infer_index_select(x, &self.indices, self.axis)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(gather::index_select(&x, &self.indices, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        let zeros = Tensor::zeros(&input.shape, input.dtype)?;
        Ok(vec![Some(gather::index_add(zeros, &self.indices, &grad, self.axis)?)])
    }
}

impl Var {
    /// The element at each index along an axis; its other places are the index's own.
    ///
    /// # Shapes
    /// `indices` are `I64` and have the sizes of `self` but along the axis; the output has their shape.
    ///
    /// # Errors
    /// As [`Var::apply`]; an index out of range is named.
    pub fn gather(self, indices: &Tensor, axis: usize) -> Result<Var> {
        Var::apply(Gather { indices: indices.clone(), axis }, vec![self])
    }

    /// The slices across an axis that the indices, `I64` `[n]`, name.
    ///
    /// # Errors
    /// As [`Var::apply`]; an index out of range is named.
    pub fn index_select(self, indices: &Tensor, axis: usize) -> Result<Var> {
        Var::apply(IndexSelect { indices: indices.clone(), axis }, vec![self])
    }
}
