//! Parts along an axis; the gradient is zero around them.

use std::ops::Range;

use cnn_tensor::ops::narrow;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffer, Buffers, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// A range of an axis.
#[derive(Debug)]
struct Narrow {
    axis: usize,
    range: Range<usize>,
}

impl Function for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axis", self.axis), Attribute::new("range", [self.range.start, self.range.end])]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(narrow::infer(x, self.axis, &self.range)?)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        // A range of the leading axis shares the buffer.
        let output = if self.axis == 0 { Buffer::Shares(0) } else { Buffer::New };
        Buffers { output, gradient: None }
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(narrow::narrow(&x, self.axis, self.range.clone())?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let shape = saved.input_spec(0)?.shape;
        Ok(vec![Some(narrow::narrow_backward(&grad, self.axis, self.range.clone(), &shape)?)])
    }
}

impl Var {
    /// A range of an axis.
    ///
    /// # Shapes
    /// Any; the output has the length of the range along the axis.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn narrow_along(self, axis: usize, range: Range<usize>) -> Result<Var> {
        Var::apply(Narrow { axis, range }, vec![self])
    }

    /// Parts of these sizes along an axis.
    ///
    /// # Shapes
    /// Any; the parts have the sizes along the axis, which add up to that of the input.
    ///
    /// # Errors
    /// As [`Var::apply`], and where the sizes do not add up to that of the axis.
    pub fn split(self, sizes: &[usize], axis: usize) -> Result<Vec<Var>> {
        let ranges = narrow::split_ranges(self.shape(), sizes, axis)?;
        ranges.into_iter().map(|range| self.clone().narrow_along(axis, range)).collect()
    }

    /// `count` parts along an axis, all but the last of equal size; fewer where that covers the axis.
    ///
    /// # Shapes
    /// Any; so many parts, as even along the axis as they can be.
    ///
    /// # Errors
    /// As [`Var::apply`], and where `count` is 0.
    pub fn chunk(self, count: usize, axis: usize) -> Result<Vec<Var>> {
        let sizes = narrow::chunk_sizes(self.shape(), count, axis)?;
        self.split(&sizes, axis)
    }
}
