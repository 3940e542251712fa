//! Dense tensors and the kernels of convolutional networks, forward and backward, for CPUs.
//!
//! A [`Tensor`] is always row-major and dense; images are `[batch, height, width, channels]`.
//! Operations are functions in [`ops`]; each has a plain `reference`, which is nearly always its `f64` form too, and fast
//! `f32` algorithms that choose the best instruction set at run time ([`simd`]).
//! This crate does not know that gradients exist: a backward kernel is an ordinary function of tensors.

mod dtype;
mod error;
mod gemm;
pub mod limits;
mod math;
pub mod ops;
pub mod parallel;
pub mod pool;
pub mod random;
mod shape;
pub mod simd;
mod storage;
mod tensor;
pub mod testing;

pub use dtype::{DType, Element, Float};
pub use error::{Error, Result};
pub use shape::{MAX_RANK, Shape};
pub use tensor::{Spec, Tensor};
