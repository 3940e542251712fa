//! Gradients of what [`cnn_tensor`] computes: it decides when, the kernels there compute.
//!
//! A [`Ctx`] belongs to one step. It holds the tape (or none), the mode, the random key and the layer path.
//! Tensors enter it as [`Var`]s; an operation takes variables by value, so that memory is freed as soon as
//! nothing needs it, and records itself if one of its inputs wants a gradient.
//! [`Ctx::backward`] consumes the tape and returns a [`Step`]: gradients by parameter, and the batch statistics
//! that the step collected.
//!
//! ```
//! use cnn_autograd::{Ctx, random::Key};
//! use cnn_tensor::Tensor;
//! # fn main() -> cnn_autograd::Result<()> {
//! let mut cx = Ctx::training(Key::new(1));
//! let x = cx.variable(Tensor::from_slice(&[3], &[1.0f32, -2.0, 3.0])?);
//! let loss = x.clone().mul(x.clone())?.sum()?;
//! let step = cx.backward(loss)?;
//! assert_eq!(step.gradients.of(&x).unwrap().to_vec::<f32>()?, [2.0, -4.0, 6.0]);
//! # Ok(()) }
//! ```
//!
//! Every operation implements [`Function`], the built-in ones in [`ops`] and a user's own alike; [`gradcheck`]
//! proves a rule by finite differences. There is no double backward.

#![forbid(unsafe_code)]

mod affine;
mod attribute;
mod ctx;
mod error;
mod function;
pub mod gradcheck;
mod gradients;
pub mod graph;
pub mod ops;
mod path;
mod step;
mod sweep;
mod tape;
mod variable;

pub use affine::Affine;
pub use attribute::{Attribute, Value};
pub use cnn_tensor::random;
pub use ctx::{Ctx, Mode, Recording, Trainable};
pub use error::{Error, Locate, Result};
pub use function::{
    Buffer, Buffers, Function, Keeps, Output, Purpose, Saved, Wanted, expect_inputs, take_inputs,
};
pub use gradients::{Gradients, ParameterId, Seeded};
pub use path::{Named, Place};
pub use step::{BatchStatistics, Step};
pub use variable::{Applied, Var};
