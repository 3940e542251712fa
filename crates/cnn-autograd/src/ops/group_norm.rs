//! Group normalisation: `norm(x) * weight + bias` over each group of channels of each image, with or without scale and
//! shift. With one channel in a group it is instance normalisation.

use cnn_tensor::ops::group_norm::{self, Backward, Question, Saved as Kept};
use cnn_tensor::ops::reduce;
use cnn_tensor::{Spec, Tensor};

use crate::affine::{Affine, Learnt};
use crate::function::{Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Error, Result, Var};

/// Inputs are x and, as far as there are any, weight and bias; keeps the statistics of each group.
#[derive(Debug)]
struct GroupNorm {
    groups: usize,
    learnt: Learnt,
    epsilon: f64,
}

impl GroupNorm {
    fn statistics(&self, inputs: &[Spec]) -> Result<Spec> {
        let (x, [weight, bias]) = self.learnt.take(self.name(), inputs.to_vec())?;
        Ok(group_norm::infer(Question { x, groups: self.groups, weight, bias, epsilon: self.epsilon })?)
    }
}

impl Function for GroupNorm {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("groups", self.groups), Attribute::new("epsilon", self.epsilon)]
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
            group_norm::Affine { weight: weight.as_ref(), bias: bias.as_ref(), epsilon: self.epsilon };
        let result = group_norm::forward(&x, self.groups, affine)?;
        Ok(Output { value: result.output, extras: vec![result.mean, result.inverse_deviation] })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        if !saved.wants(0) && !saved.wants(self.learnt.weight()) {
            let bias = Some(reduce::sum_leading(&grad)?);
            return Ok(self.learnt.order(&saved, Backward { bias, ..Backward::default() }));
        }
        let weight = self.learnt.kept_weight(&saved)?;
        let (mean, inverse_deviation) = (saved.extra(0)?, saved.extra(1)?);
        let kept = Kept { x: saved.input(0)?, weight, mean, inverse_deviation };
        let back = group_norm::backward(kept, self.learnt.gradients(&saved), grad)?;
        Ok(self.learnt.order(&saved, back))
    }
}

/// Images normalised in groups of channels.
#[derive(Debug)]
pub struct Grouped {
    /// The output.
    pub output: Var,
    /// Mean of each group of each image, `[batch, groups]`, in `F64`.
    pub mean: Tensor,
    /// `1 / sqrt(variance + epsilon)` of each group of each image, with the biased variance, in `F64`.
    pub inverse_deviation: Tensor,
}

impl Var {
    /// Normalises each group of channels of each image by its mean and biased variance.
    ///
    /// # Shapes
    /// `[batch, .., channels]`, unchanged; weight and bias `[channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn group_norm(self, groups: usize, affine: Affine) -> Result<Var> {
        Ok(self.group_norm_with_statistics(groups, affine)?.output)
    }

    /// [`Var::group_norm`], with the statistics by which it normalised.
    ///
    /// # Shapes
    /// As [`Var::group_norm`]; mean and inverse deviation `[batch, groups]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn group_norm_with_statistics(self, groups: usize, affine: Affine) -> Result<Grouped> {
        let rule = GroupNorm { groups, learnt: Learnt::of(&affine), epsilon: affine.epsilon };
        let name = rule.name();
        let mut applied = Var::apply_with_extras(rule, affine.inputs(self))?;
        match (applied.extras.pop(), applied.extras.pop()) {
            (Some(inverse_deviation), Some(mean)) => {
                Ok(Grouped { output: applied.output, mean, inverse_deviation })
            }
            _ => Err(Error::rule(name, "forward made no statistics")),
        }
    }
}
