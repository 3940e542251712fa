//! Sum, difference and product of two tensors of one shape.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::{binary, unary};
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use super::expect_same;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// `act(a + b)`.
#[derive(Debug)]
struct Add {
    activation: Activation,
}

/// `a - b`.
#[derive(Debug)]
struct Sub;

/// `a * b`, element by element.
#[derive(Debug)]
struct Mul;

impl Function for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("activation", self.activation.name())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().output_if(reads_output(self.activation))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::add_act(a, &b, self.activation)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.activation, &saved, grad)?;
        let left = saved.if_wanted(0, || Ok(grad.clone()))?;
        Ok(vec![left, Some(grad)])
    }
}

impl Function for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::sub(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let left = saved.if_wanted(0, || Ok(grad.clone()))?;
        let right = saved.if_wanted(1, || Ok(unary::scale(grad, -1.0)?))?;
        Ok(vec![left, right])
    }
}

impl Function for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::mul(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let left = saved.if_wanted(0, || Ok(binary::mul(grad.clone(), saved.input(1)?)?))?;
        let right = saved.if_wanted(1, || Ok(binary::mul(grad, saved.input(0)?)?))?;
        Ok(vec![left, right])
    }
}

fn infer(op: &'static str, inputs: &[Spec]) -> Result<Spec> {
    let [a, b] = expect_inputs(op, inputs)?;
    expect_same(op, a, b)?;
    Ok(a)
}

impl Var {
    /// `self + other`, of the same shape.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn add(self, other: Var) -> Result<Var> {
        self.add_act(other, Activation::Identity)
    }

    /// [`Var::add`] with the activation applied as the sum is stored: the end of a residual block.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn add_act(self, other: Var, activation: Activation) -> Result<Var> {
        Var::apply(Add { activation }, vec![self, other])
    }

    /// `self - other`, of the same shape.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn sub(self, other: Var) -> Result<Var> {
        Var::apply(Sub, vec![self, other])
    }

    /// `self * other`, element by element, of the same shape.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn mul(self, other: Var) -> Result<Var> {
        Var::apply(Mul, vec![self, other])
    }
}
