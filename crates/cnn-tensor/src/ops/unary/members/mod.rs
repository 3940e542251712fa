//! The members of the family, one file for each kind. Names, formulas and the gradient at kinks are PyTorch's.

mod arithmetic;
mod bends;
mod gates;
mod rectifiers;
#[cfg(test)]
mod tests;

pub use arithmetic::{Abs, Exp, Ln, Neg, Pow, Reciprocal, Scale, Sqrt, Square};
pub use bends::{Elu, LogSigmoid, Selu, Softplus};

pub use gates::{Gelu, GeluTanh, Sigmoid, Silu, Tanh};
pub use rectifiers::{Clamp, HardSigmoid, HardSwish, LeakyRelu, Relu, Relu6};
