//! Softmax and cross-entropy, the loss of a classifier.

use cnn_tensor::ops::cross_entropy::{self, Options};
use cnn_tensor::ops::loss::Reduction;
use cnn_tensor::{DType, Shape, Spec, Tensor};

use super::{expect_compute, expect_same, expect_vector, with_optional};
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Var};

/// Against labels; inputs are logits, labels and, if there are any, the weights of the classes. Keeps the probabilities.
#[derive(Debug)]
struct CrossEntropy(Settings);

/// Against distributions, which are constants; inputs as those of [`CrossEntropy`].
#[derive(Debug)]
struct SoftCrossEntropy(Settings);

#[derive(Debug, Clone, Copy)]
struct Settings {
    label_smoothing: f64,
    ignored: Option<i64>,
    reduction: Reduction,
}

impl Settings {
    fn attributes(self) -> Vec<Attribute> {
        let ignored = self.ignored.map(|label| Attribute::new("ignore_index", label));
        [
            Attribute::new("label_smoothing", self.label_smoothing),
            Attribute::new("reduction", self.reduction.name()),
        ]
        .into_iter()
        .chain(ignored)
        .collect()
    }

    fn options(self, weights: Option<&Tensor>) -> Options<'_> {
        let Self { label_smoothing, ignored, reduction } = self;
        Options { label_smoothing, weights, ignored, reduction }
    }
}

impl Function for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([logits, labels], weights) = with_optional(self.name(), inputs.to_vec())?;
        infer_labels(self.name(), logits, labels, weights, self.0.reduction)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1).input(2)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(inputs.iter().take(1).copied().collect())
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([logits, labels], weights) = with_optional(self.name(), inputs)?;
        let forward = cross_entropy::forward(&logits, &labels, &self.0.options(weights.as_ref()))?;
        Ok(Output { value: forward.loss, extras: vec![forward.probabilities] })
    }

    fn backward(&self, mut saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let probabilities = saved.take_extra(0)?;
        let weights = if saved.input_count() > 2 { Some(saved.input(2)?) } else { None };
        let options = self.0.options(weights);
        let logits = cross_entropy::backward(probabilities, saved.input(1)?, &options, &grad)?;
        Ok([Some(logits), None, None].into_iter().take(saved.input_count()).collect())
    }
}

impl Function for SoftCrossEntropy {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([logits, targets], weights) = with_optional(self.name(), inputs.to_vec())?;
        expect_same(self.name(), logits, targets)?;
        infer_rows(self.name(), logits, weights, self.0.reduction)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1).input(2)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(inputs.iter().take(1).copied().collect())
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([logits, targets], weights) = with_optional(self.name(), inputs)?;
        let forward = cross_entropy::forward_soft(&logits, &targets, &self.0.options(weights.as_ref()))?;
        Ok(Output { value: forward.loss, extras: vec![forward.probabilities] })
    }

    fn backward(&self, mut saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let probabilities = saved.take_extra(0)?;
        let weights = if saved.input_count() > 2 { Some(saved.input(2)?) } else { None };
        let options = self.0.options(weights);
        let logits = cross_entropy::backward_soft(probabilities, saved.input(1)?, &options, &grad)?;
        Ok([Some(logits), None, None].into_iter().take(saved.input_count()).collect())
    }
}

/// The loss of rows of classes against labels.
pub(super) fn infer_labels(
    op: &'static str,
    x: Spec,
    labels: Spec,
    weights: Option<Spec>,
    reduction: Reduction,
) -> Result<Spec> {
    let loss = infer_rows(op, x, weights, reduction)?;
    let rows = &x.shape[..x.shape.rank() - 1];
    if labels.shape.dims() != rows || labels.dtype != DType::I64 {
        let problem = format!(
            "labels are {} {} for input {}, expected i64 {rows:?}",
            labels.dtype, labels.shape, x.shape
        );
        return Err(cnn_tensor::Error::shape(op, problem).into());
    }
    Ok(loss)
}

/// The loss of rows of classes.
fn infer_rows(op: &'static str, x: Spec, weights: Option<Spec>, reduction: Reduction) -> Result<Spec> {
    expect_compute(op, x)?;
    let [rows @ .., classes] = x.shape.dims() else {
        let problem = format!("input {} should be [.., classes]", x.shape);
        return Err(cnn_tensor::Error::shape(op, problem).into());
    };
    if let Some(weights) = weights {
        expect_vector(op, "weights", weights, *classes, x.dtype)?;
    }
    Ok(Spec::new(reduction.shape(Shape::new(rows)?), x.dtype))
}

impl Var {
    /// The cross-entropy between the softmax of these logits and the labels, as `torch.nn.functional.cross_entropy`:
    /// smoothed, weighted and reduced as the options say. A [`Reduction`] alone is options too.
    ///
    /// # Shapes
    /// Logits `[.., classes]`, labels `[..]` of type `I64`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::apply`]; for a label outside of the classes, naming it and its index.
    pub fn cross_entropy<'a>(self, labels: &Tensor, options: impl Into<Options<'a>>) -> Result<Var> {
        let Options { label_smoothing, weights, ignored, reduction } = options.into();
        let constants = [labels].into_iter().chain(weights).map(|tensor| Var::constant(tensor.clone()));
        let settings = Settings { label_smoothing, ignored, reduction };
        Var::apply(CrossEntropy(settings), [self].into_iter().chain(constants).collect())
    }

    /// The cross-entropy between the softmax of these logits and distributions over the classes, which are constants.
    ///
    /// # Shapes
    /// Logits and targets `[.., classes]`; a scalar, or `[..]` for [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Var::apply`]; for an ignored label.
    pub fn soft_cross_entropy<'a>(self, targets: &Tensor, options: impl Into<Options<'a>>) -> Result<Var> {
        let Options { label_smoothing, weights, ignored, reduction } = options.into();
        let constants = [targets].into_iter().chain(weights).map(|tensor| Var::constant(tensor.clone()));
        let settings = Settings { label_smoothing, ignored, reduction };
        Var::apply(SoftCrossEntropy(settings), [self].into_iter().chain(constants).collect())
    }
}
