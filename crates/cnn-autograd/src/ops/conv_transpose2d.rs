//! Two-dimensional transposed convolution with bias and activation.

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv_transpose2d::{self, ConvTranspose2dOptions};
use cnn_tensor::{Spec, Tensor};

use super::conv2d::{Convolution, Kernels};
use crate::{Attribute, Result, Var};

impl Kernels for ConvTranspose2dOptions {
    const NAME: &'static str = "conv_transpose2d";

    fn attributes(&self) -> Vec<Attribute> {
        let ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups } = *self;
        vec![
            Attribute::new("stride", stride),
            Attribute::new("padding", [padding.top, padding.bottom, padding.left, padding.right]),
            Attribute::new("output_padding", output_padding),
            Attribute::new("dilation", dilation),
            Attribute::new("groups", groups),
        ]
    }

    fn infer(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<Spec> {
        conv_transpose2d::infer(x, weight, self)
    }

    fn multiply_adds(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<u64> {
        conv_transpose2d::multiply_adds(x, weight, self)
    }

    fn forward(
        &self,
        [x, weight]: [&Tensor; 2],
        bias: Option<&Tensor>,
        act: Activation,
    ) -> cnn_tensor::Result<Tensor> {
        conv_transpose2d::forward(x, weight, bias, act, self)
    }

    fn grad_input(&self, grad: &Tensor, weight: &Tensor, input: &[usize]) -> cnn_tensor::Result<Tensor> {
        conv_transpose2d::grad_input(grad, weight, input, self)
    }

    fn grad_weight(&self, x: &Tensor, grad: &Tensor, kernel: &[usize]) -> cnn_tensor::Result<Tensor> {
        conv_transpose2d::grad_weight(x, grad, kernel, self)
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
    /// # Shapes
    /// As [`Var::conv_transpose2d`].
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
        Var::apply(Convolution { options: *options, activation }, inputs)
    }
}
