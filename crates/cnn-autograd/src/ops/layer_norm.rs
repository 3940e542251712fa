//! Layer normalisation: `norm(x) * weight + bias` over the last axes, with or without scale and shift.

use cnn_tensor::ops::layer_norm::{self, Backward, Question, Saved as Kept};
use cnn_tensor::ops::reduce;
use cnn_tensor::{Shape, Spec, Tensor};

use crate::affine::{Affine, Learnt};
use crate::function::{Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Value, Var};

/// Inputs are x and, as far as there are any, weight and bias; keeps the statistics of each row.
#[derive(Debug)]
struct LayerNorm {
    normalized_shape: Shape,
    learnt: Learnt,
    epsilon: f64,
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
        let affine =
            layer_norm::Affine { weight: weight.as_ref(), bias: bias.as_ref(), epsilon: self.epsilon };
        let result = layer_norm::forward(&x, &self.normalized_shape, affine)?;
        Ok(Output { value: result.output, extras: vec![result.mean, result.inverse_deviation] })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        if !saved.wants(0) && !saved.wants(self.learnt.weight()) {
            let rows = grad.reshape(&[saved.extra(0)?.len(), self.normalized_shape.len()])?;
            let bias = Some(reduce::sum_leading(&rows)?.reshape(&self.normalized_shape)?);
            return Ok(self.learnt.order(&saved, Backward { bias, ..Backward::default() }));
        }
        let weight = self.learnt.kept_weight(&saved)?;
        let (mean, inverse_deviation) = (saved.extra(0)?, saved.extra(1)?);
        let kept = Kept { x: saved.input(0)?, weight, mean, inverse_deviation };
        let back = layer_norm::backward(kept, self.learnt.gradients(&saved), grad)?;
        Ok(self.learnt.order(&saved, back))
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
    pub fn layer_norm(self, normalized_shape: &[usize], affine: Affine) -> Result<Var> {
        let (learnt, epsilon) = (Learnt::of(&affine), affine.epsilon);
        let rule = LayerNorm { normalized_shape: Shape::new(normalized_shape)?, learnt, epsilon };
        Var::apply(rule, affine.inputs(self))
    }
}
