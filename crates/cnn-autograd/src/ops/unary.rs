//! Functions of one element: one rule for the whole family.

use std::fmt::Debug;

use cnn_tensor::ops::unary::{self, Kept, Relu, Scale, Unary};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Any member of [`Unary`]; keeps its input or its output, as the member says.
#[derive(Debug)]
pub struct Elementwise<U> {
    member: U,
    attributes: Vec<Attribute>,
}

impl<U: Unary + Debug + 'static> Elementwise<U> {
    /// The rule of a member without settings.
    pub fn new(member: U) -> Self {
        Self { member, attributes: Vec::new() }
    }

    /// The rule of a member with settings.
    pub fn with_attributes(member: U, attributes: Vec<Attribute>) -> Self {
        Self { member, attributes }
    }
}

impl<U: Unary + Debug + 'static> Function for Elementwise<U> {
    fn name(&self) -> &'static str {
        U::NAME
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.attributes.clone()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(U::NAME, inputs)?;
        expect_compute(U::NAME, x)?;
        Ok(x)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        match U::KEPT {
            Kept::Input => Keeps::nothing().input(0),
            Kept::Output => Keeps::nothing().output(),
        }
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(U::NAME, inputs)?;
        Ok(unary::forward(&self.member, x)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let kept = match U::KEPT {
            Kept::Input => saved.input(0)?,
            Kept::Output => saved.output()?,
        };
        Ok(vec![Some(unary::backward(&self.member, kept, grad)?)])
    }
}

/// Multiplication by a number, whose gradient reads neither input nor output.
#[derive(Debug)]
struct ScaleRule(f64);

impl Function for ScaleRule {
    fn name(&self) -> &'static str {
        Scale::NAME
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("factor", self.0)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(Scale::NAME, inputs)?;
        expect_compute(Scale::NAME, x)?;
        Ok(x)
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::in_place(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(Scale::NAME, inputs)?;
        Ok(unary::scale(x, self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(unary::scale(grad, self.0)?)])
    }
}

impl Var {
    /// `max(x, 0)`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn relu(self) -> Result<Var> {
        self.unary(Relu)
    }

    /// Every element times `factor`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn scale(self, factor: f64) -> Result<Var> {
        Var::apply(ScaleRule(factor), vec![self])
    }

    /// A member of the family, built in or the user's own.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn unary(self, member: impl Unary + Debug + 'static) -> Result<Var> {
        Var::apply(Elementwise::new(member), vec![self])
    }
}
