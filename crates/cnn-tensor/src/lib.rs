//! Dense tensors and the kernels of convolutional networks, forward and backward, for CPUs.
//!
//! A [`Tensor`] is always row-major and dense; images are `[batch, height, width, channels]`.
//! Operations are functions in [`ops`]; each has a plain `reference`, which is nearly always its `f64` form too, and fast
//! `f32` algorithms that choose the best instruction set at run time ([`simd`]).
//! For programs that compute with arrays and no network, [`mod@array`] has the operations as methods of [`Tensor`].
//! This crate does not know that gradients exist: a backward kernel is an ordinary function of tensors.

pub mod array;
mod create;
mod display;
mod dtype;
mod error;
mod gemm;
pub mod limits;
mod math;
pub mod npy;
pub mod ops;
pub mod parallel;
pub mod pool;
pub mod random;
mod shape;
pub mod simd;
mod storage;
mod tensor;
pub mod testing;

pub use array::Operand;
pub use dtype::{DType, Element, Float};
pub use error::{Error, Result};
pub use shape::{MAX_RANK, Shape};
pub use tensor::{Spec, Tensor};
