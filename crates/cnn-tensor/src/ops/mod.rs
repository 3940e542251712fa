//! Operations on tensors: one file or folder for each, forward and backward together.
//!
//! A folder holds `mod` (checks, allocation, choice of algorithm), `reference` (plain loops over `f32` or `f64`:
//! the definition, the oracle of the tests and, but for the dense product, the path of `f64`), the fast `f32`
//! algorithms, and `tests`.

pub mod activation;
pub mod attention;
pub mod batch_norm;
pub mod binary;
pub mod broadcast;
mod channels;
mod check;
pub mod compare;
pub mod concat;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod count;
pub mod cross_entropy;
pub mod dense;
pub mod dice;
pub mod dropout;
pub mod flip;
pub mod gate;
pub mod gather;
pub mod group_norm;
mod images;
pub(crate) mod in_place;
pub mod interpolate;
mod labels;
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
mod rows;
pub mod scan;
mod segments;
pub mod select;
mod separable;
pub mod shuffle;
pub mod softmax;
pub mod sort;
mod strips;
pub mod unary;
pub mod update;
pub mod window;
