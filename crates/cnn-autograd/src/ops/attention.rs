//! Scaled dot-product attention in several heads, of queries, keys and values apart or in one.

use cnn_tensor::ops::attention::{self, Causality, Gradients, InputSpecs, Inputs, Options, Wanted as Choice};
use cnn_tensor::{Spec, Tensor};

use super::with_optional;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Error, Result, Var};

/// Inputs are queries, keys, values and, if there is one, the mask; backward computes the weights again.
#[derive(Debug)]
struct Attention {
    options: Options,
    masked: bool,
}

/// Inputs are one tensor of queries, keys and values and, if there is one, the mask.
#[derive(Debug)]
struct PackedAttention {
    options: Options,
    masked: bool,
}

fn attributes(options: &Options) -> Vec<Attribute> {
    let causality = match options.causality {
        Causality::All => "all",
        Causality::Causal => "causal",
    };
    let mut attributes = vec![Attribute::new("heads", options.heads), Attribute::new("causality", causality)];
    attributes.extend(options.scale.map(|scale| Attribute::new("scale", scale)));
    attributes.extend(options.dropout.map(|dropout| Attribute::new("dropout", dropout.probability)));
    attributes
}

/// The inputs, and the mask if there is one.
fn take<T, const N: usize>(op: &'static str, masked: bool, inputs: Vec<T>) -> Result<([T; N], Option<T>)> {
    match with_optional(op, inputs)? {
        (inputs, mask) if mask.is_some() == masked => Ok((inputs, mask)),
        (_, mask) => {
            let (met, expected) = (N + usize::from(mask.is_some()), N + usize::from(masked));
            Err(Error::Inputs { op, met, expected: expected.to_string() })
        }
    }
}

/// Refuses to differentiate with respect to a mask.
fn expect_constant(op: &'static str, saved: &Saved, mask: usize) -> Result<()> {
    if saved.wants(mask) {
        return Err(Error::operation(op, "the mask wants a gradient, expected a constant"));
    }
    Ok(())
}

impl Function for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn attributes(&self) -> Vec<Attribute> {
        attributes(&self.options)
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([query, key, value], mask) = take(self.name(), self.masked, inputs.to_vec())?;
        Ok(attention::infer(InputSpecs::Apart { query, key, value }, mask, &self.options)?)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        match *inputs {
            [query, key, value, ..] => {
                attention::multiply_adds(InputSpecs::Apart { query, key, value }, &self.options)
            }
            _ => 0,
        }
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let any = (0..3).any(|input| wanted.input(input));
        (0..3 + usize::from(self.masked)).fold(Keeps::nothing(), |keeps, input| keeps.input_if(input, any))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([query, key, value], mask) = take(self.name(), self.masked, inputs)?;
        let inputs = Inputs::Apart { query: &query, key: &key, value: &value };
        Ok(attention::forward(inputs, mask.as_ref(), &self.options)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        expect_constant(self.name(), &saved, 3)?;
        let mask = if self.masked { Some(saved.input(3)?) } else { None };
        let (query, key, value) = (saved.input(0)?, saved.input(1)?, saved.input(2)?);
        let wanted = Choice { query: saved.wants(0), key: saved.wants(1), value: saved.wants(2) };
        let inputs = Inputs::Apart { query, key, value };
        match attention::backward(inputs, mask, &self.options, wanted, &grad)? {
            Gradients::Apart { query, key, value } => {
                Ok([query, key, value, None].into_iter().take(saved.input_count()).collect())
            }
            Gradients::Packed(_) => {
                Err(Error::rule(self.name(), "the kernel gave one gradient for all inputs"))
            }
        }
    }
}

impl Function for PackedAttention {
    fn name(&self) -> &'static str {
        "packed_attention"
    }

    fn attributes(&self) -> Vec<Attribute> {
        attributes(&self.options)
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([packed], mask) = take(self.name(), self.masked, inputs.to_vec())?;
        Ok(attention::infer(InputSpecs::Packed(packed), mask, &self.options)?)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        inputs
            .first()
            .map_or(0, |&packed| attention::multiply_adds(InputSpecs::Packed(packed), &self.options))
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input_if(1, self.masked)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([packed], mask) = take(self.name(), self.masked, inputs)?;
        Ok(attention::forward(Inputs::Packed(&packed), mask.as_ref(), &self.options)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        expect_constant(self.name(), &saved, 1)?;
        let mask = if self.masked { Some(saved.input(1)?) } else { None };
        let wanted = Choice { query: true, key: true, value: true };
        let inputs = Inputs::Packed(saved.input(0)?);
        match attention::backward(inputs, mask, &self.options, wanted, &grad)? {
            Gradients::Packed(packed) => {
                Ok([Some(packed), None].into_iter().take(saved.input_count()).collect())
            }
            Gradients::Apart { .. } => Err(Error::rule(self.name(), "the kernel gave gradients apart")),
        }
    }
}

/// What queries attend to.
#[derive(Debug, Clone)]
pub struct KeysAndValues {
    /// `[batch, keys, heads * head_size]`.
    pub keys: Var,
    /// `[batch, keys, heads * value_size]`.
    pub values: Var,
}

impl Var {
    /// The values, each query's weighted by the softmax of its products with their keys, head by head.
    ///
    /// # Shapes
    /// Queries `[batch, queries, heads * head_size]`, keys and values as [`KeysAndValues`] says, output
    /// `[batch, queries, heads * value_size]`. A mask, a constant to the gradient, is as in [`attention::forward`].
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn attention(self, to: KeysAndValues, mask: Option<Tensor>, options: Options) -> Result<Var> {
        let rule = Attention { options, masked: mask.is_some() };
        let inputs = [self, to.keys, to.values].into_iter().chain(mask.map(Var::constant));
        Var::apply(rule, inputs.collect())
    }

    /// [`Var::attention`] of queries, keys and values in the thirds of the channels of one tensor.
    ///
    /// # Shapes
    /// `[batch, length, 3 * heads * head_size]` to `[batch, length, heads * head_size]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn packed_attention(self, mask: Option<Tensor>, options: Options) -> Result<Var> {
        let rule = PackedAttention { options, masked: mask.is_some() };
        Var::apply(rule, [self].into_iter().chain(mask.map(Var::constant)).collect())
    }
}
