//! Two-dimensional transposed convolution with bias and activation.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv_transpose2d::{self, ConvTranspose2dOptions};
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use super::{expect_vector, with_optional};
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Var};

/// `act(conv_transpose(x, weight) + bias)`; inputs are x, weight and, if there is one, bias.
#[derive(Debug)]
struct ConvTranspose2d {
    options: ConvTranspose2dOptions,
    activation: Activation,
}

impl Function for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups } = self.options;
        vec![
            Attribute::new("stride", stride),
            Attribute::new("padding", [padding.top, padding.bottom, padding.left, padding.right]),
            Attribute::new("output_padding", output_padding),
            Attribute::new("dilation", dilation),
            Attribute::new("groups", groups),
            Attribute::new("activation", self.activation.name()),
        ]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([x, weight], bias) = with_optional(self.name(), inputs.to_vec())?;
        let output = conv_transpose2d::infer(x, weight, &self.options)?;
        if let (Some(bias), Some(&channels)) = (bias, output.shape.last()) {
            expect_vector(self.name(), "bias", bias, channels, x.dtype)?;
        }
        Ok(output)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        match inputs {
            [x, weight, ..] => conv_transpose2d::multiply_adds(*x, *weight, &self.options).unwrap_or(0),
            _ => 0,
        }
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let keeps = Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0));
        keeps.output_if(reads_output(self.activation))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([x, weight], bias) = with_optional(self.name(), inputs)?;
        Ok(conv_transpose2d::forward(&x, &weight, bias.as_ref(), self.activation, &self.options)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.activation, &saved, grad)?;
        let (input, kernel) = (saved.input_spec(0)?.shape, saved.input_spec(1)?.shape);
        let x = saved.if_wanted(0, || {
            Ok(conv_transpose2d::grad_input(&grad, saved.input(1)?, &input, &self.options)?)
        })?;
        let weight = saved.if_wanted(1, || {
            Ok(conv_transpose2d::grad_weight(saved.input(0)?, &grad, &kernel, &self.options)?)
        })?;
        let bias = saved.if_wanted(2, || Ok(conv_transpose2d::grad_bias(&grad)?))?;
        Ok([x, weight, bias].into_iter().take(saved.input_count()).collect())
    }
}

impl Var {
    /// Transposed convolution: every pixel is spread over a window of the output.
    ///
    /// # Shapes
    /// Input `[batch, in_h, in_w, in_c]`, weight `[k_h, k_w, out_c / groups, in_c]`, bias `[out_c]`; output
    /// `[batch, out_h, out_w, out_c]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn conv_transpose2d(
        self,
        weight: Var,
        bias: Option<Var>,
        options: &ConvTranspose2dOptions,
    ) -> Result<Var> {
        self.conv_transpose2d_act(weight, bias, Activation::Identity, options)
    }

    /// [`Var::conv_transpose2d`] with the activation applied in the pass that adds the bias.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn conv_transpose2d_act(
        self,
        weight: Var,
        bias: Option<Var>,
        activation: Activation,
        options: &ConvTranspose2dOptions,
    ) -> Result<Var> {
        let inputs = [self, weight].into_iter().chain(bias).collect();
        Var::apply(ConvTranspose2d { options: *options, activation }, inputs)
    }
}
