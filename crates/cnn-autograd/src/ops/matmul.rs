//! Products of matrices in batches; each gradient is such a product with other sides transposed.

use cnn_tensor::ops::matmul::{self, Transpose};
use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// `a b`, either side transposed.
#[derive(Debug)]
struct Matmul(Transpose);

impl Function for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let transpose = match self.0 {
            Transpose::Neither => "neither",
            Transpose::Left => "left",
            Transpose::Right => "right",
            Transpose::Both => "both",
        };
        vec![Attribute::new("transpose", transpose)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [a, b] = expect_inputs(self.name(), inputs)?;
        Ok(matmul::infer(a, b, self.0)?)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        let depth = match (inputs, self.0) {
            ([a, _], Transpose::Left | Transpose::Both) => a.shape.iter().rev().nth(1),
            ([a, _], _) => a.shape.last(),
            _ => None,
        };
        let outputs = self.infer(inputs).map_or(0, |output| output.shape.len() as u64);
        outputs.saturating_mul(depth.map_or(0, |&depth| depth as u64))
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(matmul::matmul(&a, &b, self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let shape = |index| saved.input_spec(index).map(|spec| spec.shape);
        let left =
            saved.if_wanted(0, || Ok(matmul::backward_left(&grad, saved.input(1)?, self.0, &shape(0)?)?))?;
        let right =
            saved.if_wanted(1, || Ok(matmul::backward_right(saved.input(0)?, &grad, self.0, &shape(1)?)?))?;
        Ok(vec![left, right])
    }
}

impl Var {
    /// The products of all matrices of `self` with those of `other`.
    ///
    /// # Shapes
    /// `[.., m, k]` times `[.., k, n]` is `[.., m, n]`; the leading axes broadcast.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn matmul(self, other: Var) -> Result<Var> {
        self.matmul_transposed(other, Transpose::Neither)
    }

    /// [`Var::matmul`] with the last two axes of either side exchanged before, without a copy.
    ///
    /// # Shapes
    /// As [`Var::matmul`], with the last two axes of the transposed side exchanged.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn matmul_transposed(self, other: Var, transpose: Transpose) -> Result<Var> {
        Var::apply(Matmul(transpose), vec![self, other])
    }
}
