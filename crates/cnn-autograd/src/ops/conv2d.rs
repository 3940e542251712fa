//! Two-dimensional convolution with bias and activation; the transposed one follows the same rule.

use std::fmt::Debug;

use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::conv2d::{self, Conv2dOptions};
use cnn_tensor::ops::reduce;
use cnn_tensor::{Spec, Tensor};

use super::activation::{reads_output, through};
use super::{expect_vector, with_optional};
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted};
use crate::{Attribute, Result, Var};

/// `act(convolution(x, weight) + bias)`, of either direction; inputs are x, weight and, if there is one, bias.
#[derive(Debug)]
pub(super) struct Convolution<K> {
    pub(super) options: K,
    pub(super) activation: Activation,
}

/// The settings of a convolution, and the kernels that compute it by them.
pub(super) trait Kernels: Debug + 'static {
    const NAME: &'static str;

    fn attributes(&self) -> Vec<Attribute>;

    fn infer(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<Spec>;

    fn multiply_adds(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<u64>;

    fn forward(
        &self,
        inputs: [&Tensor; 2],
        bias: Option<&Tensor>,
        act: Activation,
    ) -> cnn_tensor::Result<Tensor>;

    fn grad_input(&self, grad: &Tensor, weight: &Tensor, input: &[usize]) -> cnn_tensor::Result<Tensor>;

    fn grad_weight(&self, x: &Tensor, grad: &Tensor, kernel: &[usize]) -> cnn_tensor::Result<Tensor>;
}

impl Kernels for Conv2dOptions {
    const NAME: &'static str = "conv2d";

    fn attributes(&self) -> Vec<Attribute> {
        let Conv2dOptions { stride, padding, dilation, groups } = *self;
        vec![
            Attribute::new("stride", stride),
            Attribute::new("padding", [padding.top, padding.bottom, padding.left, padding.right]),
            Attribute::new("dilation", dilation),
            Attribute::new("groups", groups),
        ]
    }

    fn infer(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<Spec> {
        conv2d::infer(x, weight, self)
    }

    fn multiply_adds(&self, x: Spec, weight: Spec) -> cnn_tensor::Result<u64> {
        conv2d::multiply_adds(x, weight, self)
    }

    fn forward(
        &self,
        [x, weight]: [&Tensor; 2],
        bias: Option<&Tensor>,
        act: Activation,
    ) -> cnn_tensor::Result<Tensor> {
        conv2d::forward(x, weight, bias, act, self)
    }

    fn grad_input(&self, grad: &Tensor, weight: &Tensor, input: &[usize]) -> cnn_tensor::Result<Tensor> {
        conv2d::grad_input(grad, weight, input, self)
    }

    fn grad_weight(&self, x: &Tensor, grad: &Tensor, kernel: &[usize]) -> cnn_tensor::Result<Tensor> {
        conv2d::grad_weight(x, grad, kernel, self)
    }
}

impl<K: Kernels> Function for Convolution<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn attributes(&self) -> Vec<Attribute> {
        let activation = Attribute::new("activation", self.activation.name());
        self.options.attributes().into_iter().chain([activation]).collect()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let ([x, weight], bias) = with_optional(K::NAME, inputs.to_vec())?;
        let output = self.options.infer(x, weight)?;
        if let (Some(bias), Some(&channels)) = (bias, output.shape.last()) {
            expect_vector(K::NAME, "bias", bias, channels, x.dtype)?;
        }
        Ok(output)
    }

    fn multiply_adds(&self, inputs: &[Spec]) -> u64 {
        match inputs {
            [x, weight, ..] => self.options.multiply_adds(*x, *weight).unwrap_or(0),
            _ => 0,
        }
    }

    fn keeps(&self, wanted: &Wanted) -> Keeps {
        let keeps = Keeps::nothing().input_if(0, wanted.input(1)).input_if(1, wanted.input(0));
        keeps.output_if(reads_output(self.activation))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let ([x, weight], bias) = with_optional(K::NAME, inputs)?;
        Ok(self.options.forward([&x, &weight], bias.as_ref(), self.activation)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let grad = through(self.activation, &saved, grad)?;
        let (input, kernel) = (saved.input_spec(0)?.shape, saved.input_spec(1)?.shape);
        let x = saved.if_wanted(0, || Ok(self.options.grad_input(&grad, saved.input(1)?, &input)?))?;
        let weight =
            saved.if_wanted(1, || Ok(self.options.grad_weight(saved.input(0)?, &grad, &kernel)?))?;
        let bias = saved.if_wanted(2, || Ok(reduce::sum_leading(&grad)?))?;
        Ok([x, weight, bias].into_iter().take(saved.input_count()).collect())
    }
}

impl Var {
    /// Convolution (cross-correlation).
    ///
    /// # Shapes
    /// Input `[batch, in_h, in_w, in_c]`, weight `[k_h, k_w, in_c / groups, out_c]`, bias `[out_c]`; output
    /// `[batch, out_h, out_w, out_c]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn conv2d(self, weight: Var, bias: Option<Var>, options: &Conv2dOptions) -> Result<Var> {
        self.conv2d_act(weight, bias, Activation::Identity, options)
    }

    /// [`Var::conv2d`] with the activation applied as the output is stored.
    ///
    /// # Shapes
    /// As [`Var::conv2d`].
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn conv2d_act(
        self,
        weight: Var,
        bias: Option<Var>,
        activation: Activation,
        options: &Conv2dOptions,
    ) -> Result<Var> {
        let inputs = [self, weight].into_iter().chain(bias).collect();
        Var::apply(Convolution { options: *options, activation }, inputs)
    }
}
