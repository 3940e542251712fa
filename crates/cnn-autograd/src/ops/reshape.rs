//! Other shapes of the same elements: flattening of images, reshaping, and axes in another order.

use cnn_tensor::ops::reshape;
use cnn_tensor::{Shape, Spec, Tensor};

use super::expect_compute;
use crate::function::{Buffers, Function, Output, Purpose, Saved, expect_inputs, take_inputs};
use crate::{Attribute, Error, Result, Var};

/// Images to rows, channels first.
#[derive(Debug)]
struct Flatten;

/// The same elements in the same order under another shape.
#[derive(Debug)]
struct Reshape(Shape);

/// The axes in another order.
#[derive(Debug)]
struct Permute(Vec<usize>);

impl Function for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::new("axes", self.0.as_slice())]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        Ok(reshape::infer_permute(x, &self.0)?)
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        let stays = |x: &Spec| {
            let moved = self.0.iter().filter(|&&axis| x.shape.get(axis).is_some_and(|&size| size != 1));
            moved.is_sorted()
        };
        if inputs.first().is_some_and(stays) { Buffers::shared(0) } else { Buffers::default() }
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reshape::permute(&x, &self.0)?.into())
    }

    fn backward(&self, _saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        let mut back = vec![0; self.0.len()];
        for (to, &from) in self.0.iter().enumerate() {
            back[from] = to;
        }
        Ok(vec![Some(reshape::permute(&grad, &back)?)])
    }
}

impl Function for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        let [batch, features @ ..] = x.shape.dims() else {
            let problem = "the input is a scalar, expected [batch, spatial.., channels]";
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        };
        if features.is_empty() {
            let problem = format!("the input is {}, expected [batch, spatial.., channels]", x.shape);
            return Err(cnn_tensor::Error::shape(self.name(), problem).into());
        }
        Ok(Spec::new(Shape::new(&[*batch, features.iter().product()])?, x.dtype))
    }

    fn buffers(&self, inputs: &[Spec]) -> Buffers {
        let moves = inputs.first().is_some_and(|x| match x.shape.dims() {
            [_, spatial @ .., channels] => *channels != 1 && spatial.iter().any(|&size| size != 1),
            _ => false,
        });
        if moves { Buffers::default() } else { Buffers::shared(0) }
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(reshape::flatten_channels_first(x)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(reshape::unflatten_channels_first(grad, &saved.input_spec(0)?.shape)?)])
    }
}

impl Function for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let dims = self.0.iter().map(|&dim| dim as u64).collect();
        vec![Attribute { name: "shape", value: crate::Value::Integers(dims) }]
    }

    fn infer(&self, inputs: &[Spec]) -> Result<Spec> {
        let [x] = expect_inputs(self.name(), inputs)?;
        if x.shape.len() != self.0.len() {
            return Err(cnn_tensor::Error::Length { shape: self.0, given: x.shape.len() }.into());
        }
        Ok(Spec::new(self.0, x.dtype))
    }

    fn buffers(&self, _inputs: &[Spec]) -> Buffers {
        Buffers::shared(0)
    }

    fn forward(&self, inputs: Vec<Tensor>, _purpose: Purpose) -> Result<Output> {
        let [x] = take_inputs(self.name(), inputs)?;
        Ok(x.reshape(&self.0)?.into())
    }

    fn backward(&self, saved: Saved, grad: Tensor) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(grad.reshape(&saved.input_spec(0)?.shape)?)])
    }
}

/// An error of an operation on images as that of the operation on sequences.
fn named(op: &'static str, error: Error) -> Error {
    use cnn_tensor::Error::{Argument, DType, Shape};
    match error {
        Error::Tensor(Shape { problem, .. }) => Error::Tensor(Shape { op, problem }),
        Error::Tensor(DType { met, expected, .. }) => Error::Tensor(DType { op, met, expected }),
        Error::Tensor(Argument { name, met, expected, .. }) => {
            Error::Tensor(Argument { op, name, met, expected })
        }
        Error::OutOfMemory { source, .. } => Error::OutOfMemory { op, source },
        other => other.of(op),
    }
}

impl Var {
    /// Images as rows of features in channels-first order, as PyTorch's `flatten(1)` of NCHW gives them.
    ///
    /// # Shapes
    /// `[batch, spatial.., channels]` to `[batch, channels * spatial]`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn flatten(self) -> Result<Var> {
        Var::apply(Flatten, vec![self])
    }

    /// The same elements, in the same order, under another shape.
    ///
    /// # Shapes
    /// Any of as many elements as `shape`.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn reshape(self, shape: &[usize]) -> Result<Var> {
        Var::apply(Reshape(Shape::new(shape)?), vec![self])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of `self`.
    ///
    /// # Shapes
    /// Any; axis `i` of the output is `axes[i]` of the input.
    ///
    /// # Errors
    /// As [`Var::apply`].
    pub fn permute(self, axes: &[usize]) -> Result<Var> {
        Var::apply(Permute(axes.to_vec()), vec![self])
    }

    /// Runs operations on images over sequences, as over images of one row: a convolution or a pooling along the
    /// length. Copies nothing. Errors are those of the operation of this name.
    ///
    /// # Shapes
    /// `[batch, length, channels]` to `[batch, length, channels]`, where `run` takes `[batch, 1, length, channels]` to
    /// the like.
    ///
    /// # Errors
    /// As [`Var::apply`]; for sequences of no length; where `run` gives images of several rows; those of `run`.
    pub fn as_images(self, op: &'static str, run: impl FnOnce(Var) -> Result<Var>) -> Result<Var> {
        let &[batch, length, channels] = self.shape() else {
            let problem = format!("input {:?} should be [batch, length, channels]", self.shape());
            return Err(cnn_tensor::Error::shape(op, problem).into());
        };
        if length == 0 {
            let problem = format!("input {:?} has no length (only the batch may be empty)", self.shape());
            return Err(cnn_tensor::Error::shape(op, problem).into());
        }
        expect_compute(op, self.spec())?;
        let images = run(self.reshape(&[batch, 1, length, channels])?).map_err(|error| named(op, error))?;
        match *images.shape() {
            [batch, 1, length, channels] => images.reshape(&[batch, length, channels]),
            ref met => {
                let problem =
                    format!("output {met:?} of images of one row, expected [batch, 1, length, channels]");
                Err(cnn_tensor::Error::shape(op, problem).into())
            }
        }
    }

    /// The last two axes exchanged.
    ///
    /// # Shapes
    /// `[.., rows, columns]` to `[.., columns, rows]`.
    ///
    /// # Errors
    /// As [`Var::apply`]; with fewer than two axes.
    pub fn transpose(self) -> Result<Var> {
        let mut axes: Vec<usize> = (0..self.shape().len()).collect();
        match axes.as_mut_slice() {
            [.., rows, columns] => std::mem::swap(rows, columns),
            _ => {
                let problem = format!("input {:?}, expected two axes or more", self.shape());
                return Err(cnn_tensor::Error::shape("transpose", problem).into());
            }
        }
        self.permute(&axes)
    }
}
