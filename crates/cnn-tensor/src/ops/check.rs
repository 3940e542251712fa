//! Checks that several operations make of their inputs, so that the same mistake reads the same everywhere.

use crate::{DType, Error, Result, Tensor};

/// Both tensors must have one shape; the error names both.
pub(crate) fn same_shape(op: &'static str, a: (&str, &Tensor), b: (&str, &Tensor)) -> Result<()> {
    if a.1.shape() == b.1.shape() {
        return Ok(());
    }
    Err(Error::shape(
        op,
        format!("{} {:?} and {} {:?} differ, expected one shape", a.0, a.1.shape(), b.0, b.1.shape()),
    ))
}

/// The tensor must hold `dtype`.
pub(crate) fn dtype(op: &'static str, tensor: &Tensor, dtype: DType) -> Result<()> {
    if tensor.dtype() == dtype { Ok(()) } else { Err(Error::dtype(op, tensor.dtype(), dtype.name())) }
}

/// Both tensors must have one shape and one element type.
pub(crate) fn same_spec(op: &'static str, a: (&str, &Tensor), b: (&str, &Tensor)) -> Result<()> {
    same_shape(op, a, b)?;
    dtype(op, b.1, a.1.dtype())
}

/// The tensor must be one value for each channel of `x`, whose channels are its last axis.
pub(crate) fn per_channel(op: &'static str, x: &Tensor, name: &str, values: &Tensor) -> Result<()> {
    let Some(&channels) = x.shape().last() else {
        return Err(Error::shape(op, format!("input [] has no channels for {name} {:?}", values.shape())));
    };
    if values.shape() != [channels] {
        return Err(Error::shape(
            op,
            format!(
                "input {:?} has {channels} channels, {name} {:?} is not [{channels}]",
                x.shape(),
                values.shape()
            ),
        ));
    }
    dtype(op, values, x.dtype())
}

/// The tensor must have this element type and this shape.
pub(crate) fn exactly(tensor: &Tensor, op: &'static str, dtype: DType, shape: &[usize]) -> Result<()> {
    self::dtype(op, tensor, dtype)?;
    if tensor.shape() == shape {
        return Ok(());
    }
    Err(Error::shape(op, format!("shape is {:?}, expected {shape:?}", tensor.shape())))
}

/// Batch, height, width and channels of images that have pixels; only the batch may be empty, and the channels.
pub(crate) fn pixels(op: &'static str, shape: &[usize]) -> Result<[usize; 4]> {
    match *shape {
        [batch, height, width, channels] if height > 0 && width > 0 => Ok([batch, height, width, channels]),
        [_, _, _, _] => Err(Error::shape(op, format!("input {shape:?} has no pixels"))),
        _ => Err(Error::shape(op, format!("input {shape:?}, expected [batch, height, width, channels]"))),
    }
}

/// What is added to a variance before its root is taken: a finite number of 0 or more.
pub(crate) fn epsilon(op: &'static str, epsilon: f64) -> Result<()> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(op, "epsilon", epsilon, "a finite number of 0 or more"))
}

/// The error for an element type that has no arithmetic.
pub(crate) fn not_compute(op: &'static str, met: DType) -> Error {
    Error::dtype(op, met, "f32 or f64")
}

/// The axis must be one of the shape's.
pub(crate) fn axis(op: &'static str, dims: &[usize], axis: usize) -> Result<()> {
    if axis < dims.len() {
        return Ok(());
    }
    Err(Error::shape(op, format!("axis {axis} of shape {dims:?}, which has {} axes", dims.len())))
}
