//! Scale and shift behind a normalisation: `norm(x) * weight + bias`, with both, one of them or none.
//!
//! Layer and group norm know all four cases, and have no input for what is left out. The kernels of batch norm ask for
//! both, so there what is left out is a constant.

use cnn_tensor::ops::layer_norm::{Backward, Wanted as Gradients};
use cnn_tensor::{DType, Tensor};

use crate::function::{Keeps, Saved, Wanted};
use crate::{Error, Result, Var};

/// Learnt scale and shift, of which either may be left out, and the number under the root.
#[derive(Debug, Clone)]
pub struct Affine {
    /// Scale of the normalised value.
    pub weight: Option<Var>,
    /// Shift of the normalised value.
    pub bias: Option<Var>,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

impl Affine {
    /// The input, and what there is of scale and shift.
    pub(crate) fn inputs(self, x: Var) -> Vec<Var> {
        [x].into_iter().chain(self.weight).chain(self.bias).collect()
    }

    /// The input, scale and shift: 1 and 0 for each channel where they are left out.
    pub(crate) fn all_inputs(self, x: Var) -> Result<[Var; 3]> {
        let channels = x.shape().last().copied().unwrap_or(0);
        // A type that does not compute is for the rule to refuse.
        let dtype = if x.dtype().is_compute() { x.dtype() } else { DType::F32 };
        let filled = |learnt: Option<Var>, value| match learnt {
            Some(learnt) => Ok(learnt),
            None => Ok::<_, Error>(Var::constant(Tensor::full(&[channels], value, dtype)?)),
        };
        let (weight, bias) = (filled(self.weight, 1.0)?, filled(self.bias, 0.0)?);
        Ok([x, weight, bias])
    }
}

/// Which of scale and shift a normalisation has. They follow its input, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learnt {
    weight: bool,
    bias: bool,
}

impl Learnt {
    pub(crate) fn of(affine: &Affine) -> Self {
        Self { weight: affine.weight.is_some(), bias: affine.bias.is_some() }
    }

    /// Which input is the scale; where there is none, no input.
    pub(crate) fn weight(self) -> usize {
        if self.weight { 1 } else { usize::MAX }
    }

    /// Which input is the shift; where there is none, no input.
    pub(crate) fn bias(self) -> usize {
        if self.bias { 1 + usize::from(self.weight) } else { usize::MAX }
    }

    /// The input, and what there is of scale and shift.
    pub(crate) fn take<T>(self, op: &'static str, inputs: Vec<T>) -> Result<(T, [Option<T>; 2])> {
        let (met, expected) = (inputs.len(), 1 + usize::from(self.weight) + usize::from(self.bias));
        let mut inputs = inputs.into_iter();
        match inputs.next() {
            Some(x) if met == expected => {
                let weight = if self.weight { inputs.next() } else { None };
                Ok((x, [weight, inputs.next()]))
            }
            _ => Err(Error::Inputs { op, met, expected: expected.to_string() }),
        }
    }

    /// What backward reads beside the statistics.
    pub(crate) fn keeps(self, wanted: &Wanted) -> Keeps {
        let kernel = wanted.input(0) || wanted.input(self.weight());
        Keeps::nothing().input_if(0, kernel).input_if(1, self.weight && wanted.input(0))
    }

    /// The scale, where the input's gradient reads it.
    pub(crate) fn kept_weight(self, saved: &Saved) -> Result<Option<&Tensor>> {
        (self.weight && saved.wants(0)).then(|| saved.input(1)).transpose()
    }

    /// The gradients in the order of the inputs, those that nobody wants left out.
    pub(crate) fn order(self, saved: &Saved, back: Backward) -> Vec<Option<Tensor>> {
        let mut gradients = vec![back.input];
        if self.weight {
            gradients.push(back.weight.filter(|_| saved.wants(self.weight())));
        }
        if self.bias {
            gradients.push(back.bias.filter(|_| saved.wants(self.bias())));
        }
        gradients
    }

    /// What the kernels compute.
    pub(crate) fn gradients(self, saved: &Saved) -> Gradients {
        let affine = saved.wants(self.weight()) || saved.wants(self.bias());
        Gradients { input: saved.wants(0), affine }
    }
}
