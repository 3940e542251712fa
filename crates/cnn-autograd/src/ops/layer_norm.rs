//! Layer normalisation: `norm(x) * weight + bias` over the last axes, with or without scale and shift.

use cnn_tensor::ops::layer_norm::{self, Affine, Backward, Question, Saved as Kept, Wanted as Gradients};
use cnn_tensor::ops::reduce;
use cnn_tensor::{Shape, Spec, Tensor};

use crate::function::{Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Error, Result, Value, Var};

/// Inputs are x and, as far as there are any, weight and bias; keeps the statistics of each row.
#[derive(Debug)]
struct LayerNorm {
    normalized_shape: Shape,
    learnt: Learnt,
    epsilon: f64,
}

/// Which of scale and shift a normalisation has. They follow its input, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learnt {
    weight: bool,
    bias: bool,
}

impl Learnt {
    pub(super) fn of(rescale: &Rescale) -> Self {
        Self { weight: rescale.weight.is_some(), bias: rescale.bias.is_some() }
    }

    /// Which input is the scale; where there is none, no input.
    pub(super) fn weight(self) -> usize {
        if self.weight { 1 } else { usize::MAX }
    }

    /// Which input is the shift; where there is none, no input.
    pub(super) fn bias(self) -> usize {
        if self.bias { 1 + usize::from(self.weight) } else { usize::MAX }
    }

    /// The input, and what there is of scale and shift.
    pub(super) fn take<T>(self, op: &'static str, inputs: Vec<T>) -> Result<(T, [Option<T>; 2])> {
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
    pub(super) fn keeps(self, wanted: &Wanted) -> Keeps {
        let kernel = wanted.input(0) || wanted.input(self.weight());
        Keeps::nothing().input_if(0, kernel).input_if(1, self.weight && wanted.input(0))
    }

    /// The gradients in the order of the inputs, those that nobody wants left out.
    pub(super) fn order(self, saved: &Saved, back: Backward) -> Vec<Option<Tensor>> {
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
    pub(super) fn gradients(self, saved: &Saved) -> Gradients {
        let affine = saved.wants(self.weight()) || saved.wants(self.bias());
        Gradients { input: saved.wants(0), affine }
    }
}

impl LayerNorm {
    fn statistics(&self, inputs: &[Spec]) -> Result<Spec> {
        let (x, [weight, bias]) = self.learnt.take(self.name(), inputs.to_vec())?;
        let normalized_shape = self.normalized_shape.dims();
        Ok(layer_norm::infer(Question { x, normalized_shape, weight, bias, epsilon: self.epsilon })?)
    }
}

impl Function for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let dims = self.normalized_shape.iter().map(|&dim| dim as u64).collect();
        vec![
            Attribute { name: "normalized_shape", value: Value::Integers(dims) },
            Attribute::new("epsilon", self.epsilon),
        ]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        self.statistics(inputs)?;
        let (x, _) = self.learnt.take(self.name(), inputs.to_vec())?;
        Ok(x)
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        self.learnt.keeps(wanted)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(vec![self.statistics(inputs)?; 2])
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers { output: Buffer::New, gradient: Some(0) }
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let (x, [weight, bias]) = self.learnt.take(self.name(), inputs)?;
        let affine = Affine { weight: weight.as_ref(), bias: bias.as_ref(), epsilon: self.epsilon };
        let result = layer_norm::forward(&x, &self.normalized_shape, affine)?;
        Ok(Output { value: result.output, extras: vec![result.mean, result.inverse_deviation] })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        if !saved.wants(0) && !saved.wants(self.learnt.weight()) {
            let rows = grad.reshape(&[saved.extra(0)?.len(), self.normalized_shape.len()])?;
            let bias = Some(reduce::sum_leading(&rows)?.reshape(&self.normalized_shape)?);
            return Ok(self.learnt.order(&saved, Backward { bias, ..Backward::default() }));
        }
        let weight = if self.learnt.weight && saved.wants(0) { Some(saved.input(1)?) } else { None };
        let (mean, inverse_deviation) = (saved.extra(0)?, saved.extra(1)?);
        let kept = Kept { x: saved.input(0)?, weight, mean, inverse_deviation };
        let back = layer_norm::backward(kept, self.learnt.gradients(&saved), grad)?;
        Ok(self.learnt.order(&saved, back))
    }
}

/// Learnt scale and shift, of which either may be left out, and the number under the root.
#[derive(Debug, Clone)]
pub struct Rescale {
    /// Scale of the normalised value.
    pub weight: Option<Var>,
    /// Shift of the normalised value.
    pub bias: Option<Var>,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

impl Rescale {
    pub(super) fn inputs(self, x: Var) -> Vec<Var> {
        [x].into_iter().chain(self.weight).chain(self.bias).collect()
    }
}

impl Var {
    /// Normalises by the mean and biased variance over the last axes, which have the normalized shape.
    ///
    /// # Shapes
    /// `[.., normalized_shape..]`, unchanged; weight and bias `normalized_shape`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn layer_norm(self, normalized_shape: &[usize], rescale: Rescale) -> Result<Var> {
        let (learnt, epsilon) = (Learnt::of(&rescale), rescale.epsilon);
        let rule = LayerNorm { normalized_shape: Shape::new(normalized_shape)?, learnt, epsilon };
        Var::apply(rule, rescale.inputs(self))
    }
}
