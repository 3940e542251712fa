//! Soft dice, with gradients of both masks.

use cnn_tensor::ops::dice::{self, Denominator, Masks, Options};
use cnn_tensor::ops::loss::Side;
use cnn_tensor::{Spec, Tensor};

use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Inputs are the masks of probabilities; keeps both, and the ratios of each example and class.
#[derive(Debug)]
struct Dice(Options);

impl Function for Dice {
    fn name(&self) -> &'static str {
        "dice_loss"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let denominator = match self.0.denominator {
            Denominator::Sums => "sums",
            Denominator::Squares => "squares",
        };
        vec![
            Attribute::new("smoothing", self.0.smoothing),
            Attribute::new("denominator", denominator),
            Attribute::new("reduction", self.0.reduction.name()),
        ]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [prediction, target] = expect_inputs(self.name(), inputs)?;
        Ok(dice::infer(prediction, target, &self.0)?)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).input(1)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let [prediction, _] = expect_inputs(self.name(), inputs)?;
        Ok(vec![dice::ratios_spec(prediction)?])
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [prediction, target] = take_inputs(self.name(), inputs)?;
        let forward = dice::forward(&prediction, &target, &self.0)?;
        Ok(Output { value: forward.loss, extras: vec![forward.ratios] })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let masks = Masks { prediction: saved.input(0)?, target: saved.input(1)? };
        let ratios = saved.extra(0)?;
        let of = |side| Ok(dice::backward(masks, ratios, &self.0, &grad, side)?);
        let prediction = saved.if_wanted(0, || of(Side::Prediction))?;
        let target = saved.if_wanted(1, || of(Side::Target))?;
        Ok(vec![prediction, target])
    }
}

impl Var {
    /// How little these probabilities overlap with a target of probabilities, for each example and class.
    ///
    /// # Shapes
    /// Both `[batch, .., classes]`; a scalar, or `[batch, classes]` without a reduction.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn dice_loss(self, target: Var, options: impl Into<Options>) -> Result<Var> {
        Var::apply(Dice(options.into()), vec![self, target])
    }
}
