//! Softmax and cross-entropy, the loss of a classifier.

use cnn_tensor::ops::cross_entropy;
use cnn_tensor::{DType, Shape, Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Mean loss over the batch; inputs are logits and labels. Keeps the probabilities.
#[derive(Debug)]
struct CrossEntropy {
    label_smoothing: f64,
}

impl Function for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("label_smoothing", self.label_smoothing)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [logits, labels] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), logits)?;
        let &[batch, _] = logits.shape.dims() else {
            let problem = format!("logits {} should be [batch, classes]", logits.shape);
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        };
        if labels.shape != [batch] || labels.dtype != DType::I64 {
            let problem = format!(
                "labels are {} {} for logits {}, expected i64 [{batch}]",
                labels.dtype, labels.shape, logits.shape
            );
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        }
        Ok(Spec::new(Shape::SCALAR, logits.dtype))
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(1)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(inputs.iter().take(1).copied().collect())
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [logits, labels] = take_inputs(self.name(), inputs)?;
        let forward = cross_entropy::forward(&logits, &labels, self.label_smoothing)?;
        Ok(Output { value: forward.loss, extras: vec![forward.probabilities] })
    }

    fn backward(&self, mut saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let probabilities = saved.take_extra(0)?;
        let logits = cross_entropy::backward(probabilities, saved.input(1)?, self.label_smoothing, &grad)?;
        Ok(vec![Some(logits), None])
    }
}

impl Var {
    /// Mean over the batch of the cross-entropy between the softmax of these logits and the labels, which are
    /// smoothed as `torch.nn.CrossEntropyLoss(label_smoothing=..)` does.
    ///
    /// # Shapes
    /// Logits `[batch, classes]`, labels `[batch]` of type `I64`; a scalar.
    ///
    /// # Errors
    /// As [`Var::apply`]; for a label outside of the classes, naming it and its index.
    pub fn cross_entropy(self, labels: &Tensor, label_smoothing: f64) -> Result<Var> {
        Var::apply(CrossEntropy { label_smoothing }, vec![self, Var::constant(labels.clone())])
    }
}
