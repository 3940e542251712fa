//! The negative log-likelihood, the loss of a classifier from logarithms of probabilities.

use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::ops::nll;
use cnn_tensor::{Spec, Tensor};

use super::cross_entropy::infer_labels;
use super::with_optional;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Var};

/// Inputs are logarithms, labels and, if there are any, the weights of the classes.
#[derive(Debug)]
struct Nll {
    ignored: Option<i64>,
    reduction: Reduction,
}

impl Nll {
    fn options<'a>(&self, weights: Option<&'a Tensor>) -> nll::Options<'a> {
        nll::Options { weights, ignored: self.ignored, reduction: self.reduction }
    }
}

impl Function for Nll {
    fn name(&self) -> &'static str {
        "nll_loss"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let ignored = self.ignored.map(|label| Attribute::new("ignore_index", label));
        [Attribute::new("reduction", self.reduction.name())].into_iter().chain(ignored).collect()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([logarithms, labels], weights) = with_optional(self.name(), inputs.to_vec())?;
        infer_labels(self.name(), logarithms, labels, weights, self.reduction)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1).input(2)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([logarithms, labels], weights) = with_optional(self.name(), inputs)?;
        Ok(nll::forward(&logarithms, &labels, &self.options(weights.as_ref()))?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let weights = if saved.input_count() > 2 { Some(saved.input(2)?) } else { None };
        let options = self.options(weights);
        let logarithms = nll::backward(saved.input_spec(0)?, saved.input(1)?, &options, &grad)?;
        Ok([Some(logarithms), None, None].into_iter().take(saved.input_count()).collect())
    }
}

impl Var {
    /// The negated logarithm of the probability of each label, of these logarithms of probabilities.
    ///
    /// # Shapes
    /// Logarithms `[.., classes]`, labels `[..]` of type `I64`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::apply`]; for a label outside of the classes, naming it and its index.
    pub fn nll_loss<'a>(self, labels: &Tensor, options: impl Into<nll::Options<'a>>) -> Result<Var> {
        let nll::Options { weights, ignored, reduction } = options.into();
        let constants = [labels].into_iter().chain(weights).map(|tensor| Var::constant(tensor.clone()));
        Var::apply(Nll { ignored, reduction }, [self].into_iter().chain(constants).collect())
    }
}
