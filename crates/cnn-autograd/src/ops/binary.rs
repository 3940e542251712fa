//! Functions of two tensors, broadcast to the shape that they have in common.
//!
//! The gradient of an operand that was broadcast is the sum over its copies.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::binary::{self, Extreme};
use cnn_tensor::ops::{broadcast, unary};
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use crate::function::{
    Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs,
};
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

/// `a / b`; keeps the quotient for the gradient of the divisor.
#[derive(Debug)]
struct Div;

/// Both are read on the way back.
#[derive(Debug)]
enum OfBoth {
    /// The larger or the smaller of both.
    Extreme(Extreme),
    /// `a` to the power `b`.
    Pow,
}

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

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        buffers(inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::add_act(a, &b, self.activation)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.activation, &saved, grad)?;
        let left = saved.if_wanted(0, || gradient(&saved, 0, grad.clone()))?;
        let right = saved.if_wanted(1, || gradient(&saved, 1, grad))?;
        Ok(vec![left, right])
    }
}

impl Function for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        buffers(inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::sub(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let left = saved.if_wanted(0, || gradient(&saved, 0, grad.clone()))?;
        let right = saved.if_wanted(1, || Ok(unary::scale(gradient(&saved, 1, grad)?, -1.0)?))?;
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

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        buffers(inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::mul(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let left = saved.if_wanted(0, || gradient(&saved, 0, binary::mul(grad.clone(), saved.input(1)?)?))?;
        let right = saved.if_wanted(1, || gradient(&saved, 1, binary::mul(grad, saved.input(0)?)?))?;
        Ok(vec![left, right])
    }
}

impl Function for Div {
    fn name(&self) -> &'static str {
        "div"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1).output_if(wanted.input(1))
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        buffers(inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        Ok(binary::div(a, &b)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let over = binary::div(grad, saved.input(1)?)?;
        let left = saved.if_wanted(0, || gradient(&saved, 0, over.clone()))?;
        let right = saved.if_wanted(1, || {
            let product = binary::mul(over, saved.output()?)?;
            Ok(unary::scale(gradient(&saved, 1, product)?, -1.0)?)
        })?;
        Ok(vec![left, right])
    }
}

impl Function for OfBoth {
    fn name(&self) -> &'static str {
        match self {
            Self::Extreme(Extreme::Maximum) => "maximum",
            Self::Extreme(Extreme::Minimum) => "minimum",
            Self::Pow => "pow",
        }
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        infer(self.name(), inputs)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input(1)
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        buffers(inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [a, b] = take_inputs(self.name(), inputs)?;
        let value = match self {
            Self::Extreme(Extreme::Maximum) => binary::maximum(a, &b),
            Self::Extreme(Extreme::Minimum) => binary::minimum(a, &b),
            Self::Pow => binary::pow(a, &b),
        };
        Ok(value?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let (a, b) = (saved.input(0)?, saved.input(1)?);
        let left = |grad: &Tensor| match self {
            Self::Extreme(extreme) => binary::extreme_backward(grad, a, b, *extreme),
            Self::Pow => binary::pow_backward_base(grad, a, b),
        };
        let right = |grad: &Tensor| match self {
            Self::Extreme(extreme) => binary::extreme_backward(grad, b, a, *extreme),
            Self::Pow => binary::pow_backward_exponent(grad, a, b),
        };
        let first = saved.if_wanted(0, || gradient(&saved, 0, left(&grad)?))?;
        let second = saved.if_wanted(1, || gradient(&saved, 1, right(&grad)?))?;
        Ok(vec![first, second])
    }
}

fn infer(op: &'static str, inputs: &[Spec]) -> Result<Spec> {
    let [a, b] = expect_inputs(op, inputs)?;
    Ok(binary::infer(op, a, b)?)
}

/// The first operand's buffer is taken over where it has the output's shape.
fn buffers(inputs: &[Spec]) -> Buffers {
    match inputs {
        [a, b] if a.shape == b.shape => Buffers::in_place(0),
        // The gradient of a copied side is made of a whole product before it is summed up.
        [a, b] if broadcast::expect_fits("", &b.shape, &a.shape).is_ok() => {
            Buffers { output: Buffer::TakesOver(0), gradient: None }
        }
        _ => Buffers::default(),
    }
}

/// The gradient of an operand, from that of its copies.
fn gradient(saved: &Saved, index: usize, grad: Tensor) -> Result<Tensor> {
    Ok(broadcast::sum_to(grad, &saved.input_spec(index)?.shape)?)
}

impl Var {
    /// `self + other`, broadcast.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn add(self, other: Var) -> Result<Var> {
        self.add_act(other, Activation::Identity)
    }

    /// [`Var::add`] with the activation applied as the sum is stored: the end of a residual block.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn add_act(self, other: Var, activation: Activation) -> Result<Var> {
        Var::apply(Add { activation }, vec![self, other])
    }

    /// `self - other`, broadcast.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn sub(self, other: Var) -> Result<Var> {
        Var::apply(Sub, vec![self, other])
    }

    /// `self * other`, element by element, broadcast.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn mul(self, other: Var) -> Result<Var> {
        Var::apply(Mul, vec![self, other])
    }

    /// `self / other`, broadcast.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    #[expect(clippy::should_implement_trait, reason = "an operator cannot return an error")]
    pub fn div(self, other: Var) -> Result<Var> {
        Var::apply(Div, vec![self, other])
    }

    /// The larger of both, broadcast; equal numbers share the gradient.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn maximum(self, other: Var) -> Result<Var> {
        Var::apply(OfBoth::Extreme(Extreme::Maximum), vec![self, other])
    }

    /// The smaller of both, broadcast; equal numbers share the gradient.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn minimum(self, other: Var) -> Result<Var> {
        Var::apply(OfBoth::Extreme(Extreme::Minimum), vec![self, other])
    }

    /// `self` to the power `exponent`, broadcast.
    ///
    /// # Shapes
    /// Any two that broadcast; the output has the shape that they have in common.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn pow(self, exponent: Var) -> Result<Var> {
        Var::apply(OfBoth::Pow, vec![self, exponent])
    }
}
