//! Max and average pooling over windows of an image.

use cnn_tensor::ops::pool2d::{self, MaxPooled, PaddingCounts, Pool2dOptions, Windows};
use cnn_tensor::ops::window::Rounding;
use cnn_tensor::{Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Error, Result, Var};

/// The maximum of each window; keeps where it was.
#[derive(Debug)]
struct MaxPool2d(Windows);

/// The mean of each window; keeps nothing.
#[derive(Debug)]
struct AveragePool2d(Windows);

impl Function for MaxPool2d {
    fn name(&self) -> &'static str {
        self.0.max_name()
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = attributes(&self.0);
        if let Windows::Sliding(Pool2dOptions { dilation, .. }) = self.0 {
            attributes.push(Attribute::new("dilation", dilation));
        }
        attributes
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(pool2d::max_infer(x, self.0)?)
    }

    fn extras(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let ([x], output) = (expect_inputs(self.name(), inputs)?, self.infer(inputs)?);
        Ok(vec![Spec::new(output.shape, pool2d::index_dtype(&x.shape, self.0)?)])
    }

    fn forward(&self, inputs: Vec<Tensor>, purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        let MaxPooled { output, indices } = pool2d::max_forward(&x, self.0)?;
        let extras = if purpose == Purpose::Gradient { vec![indices] } else { Vec::new() };
        Ok(Output { value: output, extras })
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?.shape;
        Ok(vec![Some(pool2d::max_backward(saved.extra(0)?, &grad, &input, self.0)?)])
    }
}

impl Function for AveragePool2d {
    fn name(&self) -> &'static str {
        self.0.average_name()
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = attributes(&self.0);
        if let Windows::Sliding(Pool2dOptions { padding_counts, .. }) = self.0 {
            let counts = match padding_counts {
                PaddingCounts::Included => "included",
                PaddingCounts::Excluded => "excluded",
            };
            attributes.push(Attribute::new("padding_counts", counts));
        }
        attributes
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(pool2d::average_infer(x, self.0)?)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(pool2d::average_forward(&x, self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let input = saved.input_spec(0)?.shape;
        Ok(vec![Some(pool2d::average_backward(&grad, &input, self.0)?)])
    }
}

fn attributes(windows: &Windows) -> Vec<Attribute> {
    let Pool2dOptions { kernel, stride, padding, rounding, .. } = match *windows {
        Windows::Sliding(options) => options,
        Windows::Adaptive(output) => return vec![Attribute::new("output_size", output)],
    };
    let rounding = match rounding {
        Rounding::Floor => "floor",
        Rounding::Ceil => "ceil",
    };
    vec![
        Attribute::new("kernel", kernel),
        Attribute::new("stride", stride),
        Attribute::new("padding", [padding.top, padding.bottom, padding.left, padding.right]),
        Attribute::new("rounding", rounding),
    ]
}

/// What a pooling method takes: full options, or the side of square windows that tile the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling(pub Pool2dOptions);

impl From<usize> for Pooling {
    fn from(side: usize) -> Self {
        Self(Pool2dOptions::new([side, side]))
    }
}

impl From<[usize; 2]> for Pooling {
    fn from(kernel: [usize; 2]) -> Self {
        Self(Pool2dOptions::new(kernel))
    }
}

impl From<Pool2dOptions> for Pooling {
    fn from(options: Pool2dOptions) -> Self {
        Self(options)
    }
}

impl Var {
    /// The maximum of each window.
    ///
    /// # Shapes
    /// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn max_pool2d(self, pooling: impl Into<Pooling>) -> Result<Var> {
        Var::apply(MaxPool2d(pooling.into().0.into()), vec![self])
    }

    /// The mean of each window.
    ///
    /// # Shapes
    /// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn average_pool2d(self, pooling: impl Into<Pooling>) -> Result<Var> {
        Var::apply(AveragePool2d(pooling.into().0.into()), vec![self])
    }

    /// The maximum of each of `output` windows `[vertical, horizontal]` of about equal size.
    ///
    /// # Shapes
    /// `[batch, in_h, in_w, channels]` to `[batch, output.., channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn adaptive_max_pool2d(self, output: [usize; 2]) -> Result<Var> {
        Var::apply(MaxPool2d(Windows::Adaptive(output)), vec![self])
    }

    /// The mean of each of `output` windows `[vertical, horizontal]` of about equal size.
    ///
    /// # Shapes
    /// `[batch, in_h, in_w, channels]` to `[batch, output.., channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn adaptive_average_pool2d(self, output: [usize; 2]) -> Result<Var> {
        Var::apply(AveragePool2d(Windows::Adaptive(output)), vec![self])
    }

    /// The mean of each channel over the whole image.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]` to `[batch, 1, 1, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn global_average_pool2d(self) -> Result<Var> {
        let kernel = size_of_image("global_average_pool2d", &self)?;
        self.average_pool2d(kernel)
    }

    /// The maximum of each channel over the whole image.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]` to `[batch, 1, 1, channels]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn global_max_pool2d(self) -> Result<Var> {
        let kernel = size_of_image("global_max_pool2d", &self)?;
        self.max_pool2d(kernel)
    }
}

/// Height and width of an image, a window over the whole of it.
fn size_of_image(op: &'static str, x: &Var) -> Result<[usize; 2]> {
    match *x.shape() {
        [_, height, width, _] => Ok([height, width]),
        _ => {
            let problem = format!("input {:?} should be [batch, height, width, channels]", x.shape());
            Err(Error::Tensor(cnn_tensor::Error::shape(op, problem)))
        }
    }
}
