//! Images of another size.

use cnn_tensor::ops::interpolate::{self, Corners, InterpolateOptions, Interpolation, Target};
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// An image of another size; keeps nothing.
#[derive(Debug)]
struct Interpolate(InterpolateOptions);

impl Function for Interpolate {
    fn name(&self) -> &'static str {
        "interpolate"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let InterpolateOptions { target, interpolation } = self.0;
        let mut attributes = vec![Attribute::new("mode", interpolation.name())];
        match target {
            Target::Size(size) => attributes.push(Attribute::new("size", size)),
            Target::Factor([vertical, horizontal]) => {
                attributes.push(Attribute::new("vertical_factor", vertical));
                attributes.push(Attribute::new("horizontal_factor", horizontal));
            }
        }
        if let Interpolation::Linear(corners) = interpolation {
            let corners = match corners {
                Corners::OfPixels => "half_pixel",
                Corners::Aligned => "align_corners",
            };
            attributes.push(Attribute::new("coordinate_transformation_mode", corners));
        }
        attributes
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(interpolate::infer(x, &self.0)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(interpolate::forward(&x, &self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(interpolate::backward(&grad, &saved.input_spec(0)?.shape, &self.0)?)])
    }
}

impl Var {
    /// The image at another size, as `torch.nn.functional.interpolate`.
    ///
    /// # Shapes
    /// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn interpolate(self, options: &InterpolateOptions) -> Result<Var> {
        Var::apply(Interpolate(*options), vec![self])
    }
}
