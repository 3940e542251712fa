//! Elements picked by index, and added by index: each is the gradient of the other.
//!
//! Indices are the second input, a constant. A rule is asked for shapes without their values, so the methods check these.

use cnn_tensor::ops::gather;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// One element for each index along an axis.
#[derive(Debug)]
struct Gather {
    axis: usize,
}

/// One slice across an axis for each index.
#[derive(Debug)]
struct IndexSelect {
    axis: usize,
}

/// The third input added to the first, each element at the index along an axis that the second has for it.
#[derive(Debug)]
struct ScatterAdd {
    axis: usize,
}

/// The third input added to the first, each slice across an axis at the index that the second has for it.
#[derive(Debug)]
struct IndexAdd {
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
        let [x, indices] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(gather::infer_gather(x, &indices.into(), self.axis)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, indices] = take_inputs(self.name(), inputs)?;
        Ok(gather::gather(&x, &indices, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        let zeros = Tensor::zeros(&input.shape, input.dtype)?;
        Ok(vec![Some(gather::scatter_add(zeros, saved.input(1)?, &grad, self.axis)?), None])
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
        let [x, indices] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(gather::infer_index_select(x, &indices.into(), self.axis)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, indices] = take_inputs(self.name(), inputs)?;
        Ok(gather::index_select(&x, &indices, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?;
        let zeros = Tensor::zeros(&input.shape, input.dtype)?;
        Ok(vec![Some(gather::index_add(zeros, saved.input(1)?, &grad, self.axis)?), None])
    }
}

impl Function for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x, indices, source] = expect_inputs(self.name(), inputs)?;
        Ok(gather::infer_scatter_add(x, &indices.into(), source, self.axis)?)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(1, wanted.input(2))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, indices, source] = take_inputs(self.name(), inputs)?;
        Ok(gather::scatter_add(x, &indices, &source, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let source = saved.if_wanted(2, || Ok(gather::gather(&grad, saved.input(1)?, self.axis)?))?;
        Ok(vec![Some(grad), None, source])
    }
}

impl Function for IndexAdd {
    fn name(&self) -> &'static str {
        "index_add"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x, indices, source] = expect_inputs(self.name(), inputs)?;
        Ok(gather::infer_index_add(x, &indices.into(), source, self.axis)?)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(1, wanted.input(2))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x, indices, source] = take_inputs(self.name(), inputs)?;
        Ok(gather::index_add(x, &indices, &source, self.axis)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let source = saved.if_wanted(2, || Ok(gather::index_select(&grad, saved.input(1)?, self.axis)?))?;
        Ok(vec![Some(grad), None, source])
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
        gather::infer_gather(self.spec(), indices, axis)?;
        Var::apply(Gather { axis }, vec![self, Var::constant(indices.clone())])
    }

    /// The slices across an axis that the indices, `I64` `[n]`, name.
    ///
    /// # Shapes
    /// Indices `[n]`; the output has `n` along the axis and else the sizes of the input.
    ///
    /// # Errors
    /// As [`Var::apply`]; an index out of range is named.
    pub fn index_select(self, indices: &Tensor, axis: usize) -> Result<Var> {
        gather::infer_index_select(self.spec(), indices, axis)?;
        Var::apply(IndexSelect { axis }, vec![self, Var::constant(indices.clone())])
    }

    /// `self` with the elements of `source` added at the indices along an axis.
    ///
    /// # Shapes
    /// `source` has the shape of the indices, which have the sizes of `self` but along the axis.
    ///
    /// # Errors
    /// As [`Var::apply`]; an index out of range is named.
    pub fn scatter_add(self, indices: &Tensor, source: Var, axis: usize) -> Result<Var> {
        gather::infer_scatter_add(self.spec(), indices, source.spec(), axis)?;
        Var::apply(ScatterAdd { axis }, vec![self, Var::constant(indices.clone()), source])
    }

    /// `self` with the slices of `source` added to those across an axis that the indices, `I64` `[n]`, name.
    ///
    /// # Shapes
    /// Indices `[n]`; `source` has `n` along the axis and else the sizes of `self`, which the output has.
    ///
    /// # Errors
    /// As [`Var::apply`]; an index out of range is named.
    pub fn index_add(self, indices: &Tensor, source: Var, axis: usize) -> Result<Var> {
        gather::infer_index_add(self.spec(), indices, source.spec(), axis)?;
        Var::apply(IndexAdd { axis }, vec![self, Var::constant(indices.clone()), source])
    }
}
