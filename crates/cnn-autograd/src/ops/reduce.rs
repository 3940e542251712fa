//! Sum and mean of all elements; sums, means, variances, extremes and norms over some axes.

use cnn_tensor::ops::binary::Extreme;
use cnn_tensor::ops::reduce::{self, Keep, Norm, Variance};
use cnn_tensor::ops::{broadcast, unary};
use cnn_tensor::{Shape, Spec, Tensor};

use super::expect_compute;
use crate::function::{Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs};
use crate::{Attribute, Result, Var};

/// What is made of elements that are added up.
#[derive(Debug, Clone, Copy)]
enum Added {
    Sum,
    Mean,
}

impl Added {
    /// The part that each of so many elements has in the result.
    fn share(self, elements: f64) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 1.0 / elements,
        }
    }
}

/// The sum or the mean of all elements.
#[derive(Debug)]
struct All(Added);

/// The axes that a reduction goes over, and whether they stay.
#[derive(Debug)]
struct Over {
    axes: Vec<usize>,
    keep: Keep,
}

/// The sums or the means over axes.
#[derive(Debug)]
struct AddedOver(Over, Added);

/// The variances over axes; keeps the input.
#[derive(Debug)]
struct VarOver(Over, Variance);

/// The largest or smallest values over axes; keeps input and output, to know which they are.
#[derive(Debug)]
struct ExtremeOver(Over, Extreme);

/// The roots of the sums of squares over axes; keeps input and output.
#[derive(Debug)]
struct L2Over(Over);

impl Over {
    fn attributes(&self) -> Vec<Attribute> {
        let keep = match self.keep {
            Keep::Axes => "axes",
            Keep::Dropped => "dropped",
        };
        vec![Attribute::new("axes", self.axes.as_slice()), Attribute::new("keep", keep)]
    }

    fn infer(&self, op: &'static str, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(op, inputs)?;
        expect_compute(op, x)?;
        Ok(Spec::new(reduce::reduced_shape(op, &x.shape, &self.axes, self.keep)?, x.dtype))
    }

    /// The gradient of each sum for all of its terms.
    fn spread(&self, op: &'static str, saved: &Saved, grad: Tensor) -> Result<Tensor> {
        let shape = saved.input_spec(0)?.shape;
        let kept = reduce::reduced_shape(op, &shape, &self.axes, Keep::Axes)?;
        Ok(broadcast::to(&grad.reshape(&kept)?, &shape)?)
    }
}

impl Function for AddedOver {
    fn name(&self) -> &'static str {
        match self.1 {
            Added::Sum => "sum_over",
            Added::Mean => "mean_over",
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        self.0.infer(self.name(), inputs)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        let value = match self.1 {
            Added::Sum => reduce::sum_over(&x, &self.0.axes, self.0.keep),
            Added::Mean => reduce::mean_over(&x, &self.0.axes, self.0.keep),
        };
        Ok(value?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let share = self.1.share(saved.input_spec(0)?.shape.len() as f64 / grad.len() as f64);
        let grad = if share == 1.0 { grad } else { unary::scale(grad, share)? };
        Ok(vec![Some(self.0.spread(self.name(), &saved, grad)?)])
    }
}

impl Function for VarOver {
    fn name(&self) -> &'static str {
        "var_over"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let variance = match self.1 {
            Variance::Biased => "biased",
            Variance::Unbiased => "unbiased",
        };
        let mut attributes = self.0.attributes();
        attributes.push(Attribute::new("variance", variance));
        attributes
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        self.0.infer(self.name(), inputs)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reduce::var_over(&x, &self.0.axes, self.1, self.0.keep)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(reduce::var_over_backward(saved.input(0)?, grad, &self.0.axes, self.1)?)])
    }
}

impl Function for ExtremeOver {
    fn name(&self) -> &'static str {
        match self.1 {
            Extreme::Maximum => "max_over",
            Extreme::Minimum => "min_over",
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let output = self.0.infer(self.name(), inputs)?;
        let [x] = expect_inputs(self.name(), inputs)?;
        reduce::extreme_shape(self.name(), &x.shape, &self.0.axes, self.0.keep)?;
        Ok(output)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).output()
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        let Over { axes, keep } = &self.0;
        let value = match self.1 {
            Extreme::Maximum => reduce::max_over(&x, axes, *keep),
            Extreme::Minimum => reduce::min_over(&x, axes, *keep),
        };
        Ok(value?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let back = reduce::extreme_over_backward(saved.input(0)?, saved.output()?, grad, &self.0.axes)?;
        Ok(vec![Some(back)])
    }
}

impl Function for L2Over {
    fn name(&self) -> &'static str {
        "l2_over"
    }

    fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes()
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        self.0.infer(self.name(), inputs)
    }

    fn keeps(&self, _wanted: &Wanted) -> Keeps {
        Keeps::nothing().input(0).output()
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reduce::norm_over(&x, &self.0.axes, Norm::L2, self.0.keep)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let back = reduce::l2_over_backward(saved.input(0)?, saved.output()?, grad, &self.0.axes)?;
        Ok(vec![Some(back)])
    }
}

impl Function for All {
    fn name(&self) -> &'static str {
        match self.0 {
            Added::Sum => "sum",
            Added::Mean => "mean",
        }
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        expect_compute(self.name(), x)?;
        Ok(Spec::new(Shape::SCALAR, x.dtype))
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        let value = match self.0 {
            Added::Sum => reduce::sum(&x),
            Added::Mean => reduce::mean(&x),
        };
        Ok(value?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let Spec { shape, dtype } = saved.input_spec(0)?;
        let share = grad.item()? * self.0.share(shape.len() as f64);
        Ok(vec![Some(Tensor::full(&shape, share, dtype)?)])
    }
}

impl Var {
    /// The sum of all elements, a scalar.
    ///
    /// # Shapes
    /// Any, to a scalar.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn sum(self) -> Result<Var> {
        Var::apply(All(Added::Sum), vec![self])
    }

    /// The mean of all elements, a scalar; NaN where there are none.
    ///
    /// # Shapes
    /// Any, to a scalar.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn mean(self) -> Result<Var> {
        Var::apply(All(Added::Mean), vec![self])
    }

    /// The sums over the given axes.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn sum_over(self, axes: &[usize], keep: Keep) -> Result<Var> {
        Var::apply(AddedOver(Over { axes: axes.to_vec(), keep }, Added::Sum), vec![self])
    }

    /// The means over the given axes.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn mean_over(self, axes: &[usize], keep: Keep) -> Result<Var> {
        Var::apply(AddedOver(Over { axes: axes.to_vec(), keep }, Added::Mean), vec![self])
    }

    /// The variances over the given axes.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn var_over(self, axes: &[usize], variance: Variance, keep: Keep) -> Result<Var> {
        Var::apply(VarOver(Over { axes: axes.to_vec(), keep }, variance), vec![self])
    }

    /// The largest values over the given axes; equal ones share the gradient.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn max_over(self, axes: &[usize], keep: Keep) -> Result<Var> {
        Var::apply(ExtremeOver(Over { axes: axes.to_vec(), keep }, Extreme::Maximum), vec![self])
    }

    /// The smallest values over the given axes; equal ones share the gradient.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn min_over(self, axes: &[usize], keep: Keep) -> Result<Var> {
        Var::apply(ExtremeOver(Over { axes: axes.to_vec(), keep }, Extreme::Minimum), vec![self])
    }

    /// The norms over the given axes. The gradient of [`Norm::L2`] is 0 where the norm is.
    ///
    /// # Shapes
    /// Any; the output is without the axes, or has 1 in their place, as `keep` says.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn norm_over(self, axes: &[usize], norm: Norm, keep: Keep) -> Result<Var> {
        match norm {
            Norm::L1 => self.abs()?.sum_over(axes, keep),
            Norm::L2 => Var::apply(L2Over(Over { axes: axes.to_vec(), keep }), vec![self]),
            Norm::Max => self.abs()?.max_over(axes, keep),
        }
    }
}
