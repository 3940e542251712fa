//! Padding of images in each mode, and cropping, which is its inverse.

use cnn_tensor::ops::pad::{self, PaddingMode};
use cnn_tensor::ops::window::Padding2d;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// Rows and columns around an image; keeps nothing.
#[derive(Debug)]
struct Pad {
    sides: Padding2d,
    mode: PaddingMode,
}

/// An image without some of its rows and columns; keeps nothing.
#[derive(Debug)]
struct Crop(Padding2d);

impl Function for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![of_sides(&self.sides), Attribute::new("mode", self.mode.name())];
        if let PaddingMode::Constant(value) = self.mode {
            attributes.push(Attribute::new("value", value));
        }
        attributes
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(pad::infer(x, &self.sides, self.mode)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(pad::forward(&x, &self.sides, self.mode)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?.shape;
        Ok(vec![Some(pad::backward(&grad, &input, &self.sides, self.mode)?)])
    }
}

impl Function for Crop {
    fn name(&self) -> &'static str {
        "crop"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![of_sides(&self.0)]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(pad::crop_infer(x, &self.0)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(pad::crop(&x, &self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(pad::crop_backward(&grad, &saved.input_spec(0)?.shape, &self.0)?)])
    }
}

fn of_sides(sides: &Padding2d) -> Attribute {
    Attribute::new("padding", [sides.top, sides.bottom, sides.left, sides.right])
}

impl Var {
    /// The image with rows and columns around it.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]` to `[batch, top + height + bottom, left + width + right, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn pad(self, sides: Padding2d, mode: PaddingMode) -> Result<Var> {
        Var::apply(Pad { sides, mode }, vec![self])
    }

    /// The image without rows and columns at its sides: the inverse of [`Var::pad`].
    ///
    /// # Shapes
    /// `[batch, top + height + bottom, left + width + right, channels]` to `[batch, height, width, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn crop(self, sides: Padding2d) -> Result<Var> {
        Var::apply(Crop(sides), vec![self])
    }
}
