//! The rules: one file for each operation of [`cnn_tensor::ops`], under the same name.
//!
//! A file holds the operation's [`Function`](crate::Function)s and its methods of [`Var`](crate::Var).
//! Rules call kernels and decide which; there are no loops over elements here.

pub mod activation;
pub mod attention;
pub mod batch_norm;
pub mod binary;
pub mod broadcast;
pub mod concat;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod cross_entropy;
pub mod dense;
pub mod dice;
pub mod dropout;
pub mod flip;
pub mod gate;
pub mod gather;
pub mod group_norm;
pub mod interpolate;
pub mod layer_norm;
pub mod local_response_norm;
pub mod loss;
pub mod matmul;
pub mod narrow;
pub mod nll;
pub mod normalize;
pub mod pad;
pub mod pool2d;
pub mod prelu;
pub mod reduce;
pub mod reshape;
pub mod scan;
pub mod select;
pub mod shuffle;
pub mod softmax;
pub mod unary;

use cnn_tensor::{DType, Spec};

use crate::{Error, Result};

/// Refuses an input that has not one value for each of `channels`.
fn expect_vector(op: &'static str, name: &str, met: Spec, channels: usize, dtype: DType) -> Result<()> {
    if met.shape == [channels] && met.dtype == dtype {
        return Ok(());
    }
    let problem = format!("{name} is {} {}, expected {dtype} [{channels}]", met.dtype, met.shape);
    Err(cnn_tensor::Error::shape(op, problem).into())
}

/// Refuses two inputs that differ in shape or type.
fn expect_same(op: &'static str, left: Spec, right: Spec) -> Result<()> {
    if left == right {
        return expect_compute(op, left);
    }
    let problem = format!(
        "the left input is {} {}, the right one {} {}, expected the same",
        left.dtype, left.shape, right.dtype, right.shape
    );
    Err(cnn_tensor::Error::shape(op, problem).into())
}

/// Refuses an element type that does not compute.
fn expect_compute(op: &'static str, met: Spec) -> Result<()> {
    if met.dtype.is_compute() {
        return Ok(());
    }
    Err(cnn_tensor::Error::dtype(op, met.dtype, "f32 or f64").into())
}

/// Inputs and an optional one behind them.
fn with_optional<T, const N: usize>(op: &'static str, inputs: Vec<T>) -> Result<([T; N], Option<T>)> {
    let met = inputs.len();
    let wrong = || Error::Inputs { op, met, expected: format!("{N} or {}", N + 1) };
    let mut inputs = inputs;
    let last = if met == N + 1 { inputs.pop() } else { None };
    Ok((inputs.try_into().map_err(|_| wrong())?, last))
}
