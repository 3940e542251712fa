//! Scaled dot-product attention in several heads (Vaswani et al., arXiv:1706.03762).
//!
//! For each image and head `softmax(scale * query key^T + mask) value`. A head is a range of the channels, which the
//! kernels read and write where it lies: nothing is permuted or copied apart.
//!
//! Backward computes the weights again instead of keeping them. There are as many as queries times keys for each head,
//! mostly more numbers than in all inputs together, and to write and read them costs about as much as the one product
//! in five that computes them again. Blocks of queries are small enough that their weights never leave the caches.

mod arguments;
mod fast;
mod geometry;
mod kernels;
mod reference;
#[cfg(test)]
mod tests;

pub use arguments::{Causality, Dropout, Gradients, Inputs, Options, Wanted};
use geometry::Geometry;

use crate::ops::check;
use crate::{DType, Result, Shape, Spec, Tensor};

const OP: &str = "attention";

/// Shapes and types of [`Inputs`].
#[derive(Debug, Clone, Copy)]
pub enum InputSpecs {
    /// Those of [`Inputs::Apart`].
    Apart {
        /// Of the queries.
        query: Spec,
        /// Of the keys.
        key: Spec,
        /// Of the values.
        value: Spec,
    },
    /// That of [`Inputs::Packed`].
    Packed(Spec),
}

impl Inputs<'_> {
    fn specs(&self) -> InputSpecs {
        match self {
            Self::Apart { query, key, value } => {
                InputSpecs::Apart { query: query.spec(), key: key.spec(), value: value.spec() }
            }
            Self::Packed(packed) => InputSpecs::Packed(packed.spec()),
        }
    }
}

/// Shape and type of the output.
///
/// # Errors
/// As [`forward`].
pub fn infer(inputs: InputSpecs, mask: Option<Spec>, options: &Options) -> Result<Spec> {
    let (geometry, dtype) = Geometry::new(inputs, mask, options)?;
    let Geometry { batch, queries, heads, value_size, .. } = geometry;
    Ok(Spec::new(Shape::new(&[batch, queries, heads * value_size])?, dtype))
}

/// Multiplications with an addition that [`forward`] does, where all keys are seen.
pub fn multiply_adds(inputs: InputSpecs, options: &Options) -> u64 {
    let Ok((geometry, _)) = Geometry::new(inputs, None, options) else { return 0 };
    let Geometry { batch, queries, keys, heads, head_size, value_size, .. } = geometry;
    let sizes = [batch, heads, queries, keys, head_size + value_size];
    sizes.into_iter().fold(1, |product: u64, size| product.saturating_mul(size as u64))
}

/// The values, each query's weighted by how well their keys match it.
///
/// A query that sees no key gets zeros, as in PyTorch.
///
/// # Shapes
/// As [`Inputs`] says; output `[batch, queries, heads * value_size]`. The mask is `[queries, keys]` or
/// `[batch, heads, queries, keys]`, where batch, heads and queries may be 1: of `Bool`, true where a query sees a key,
/// or numbers of the inputs' type, which are added to the scores. Number `i` of the mask's keys is that of key `i`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::attention::{self, Inputs, Options}};
/// let query = Tensor::from_slice(&[1, 1, 1], &[0.0f32])?;
/// let key = Tensor::from_slice(&[1, 2, 1], &[5.0f32, -3.0])?;
/// let value = Tensor::from_slice(&[1, 2, 1], &[1.0f32, 2.0])?;
/// let inputs = Inputs::Apart { query: &query, key: &key, value: &value };
/// // Both keys match a query of zero alike.
/// assert_eq!(attention::forward(inputs, None, &Options::new(1))?.item()?, 1.5);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the shapes do not fit each other; [`Error::Argument`](crate::Error::Argument) for heads that do not divide the channels,
/// a scale that is not finite and a probability outside 0 to 1; [`Error::DType`](crate::Error::DType) unless all are `F32` or all `F64`.
pub fn forward(inputs: Inputs<'_>, mask: Option<&Tensor>, options: &Options) -> Result<Tensor> {
    let output = infer(inputs.specs(), mask.map(Tensor::spec), options)?;
    let (geometry, _) = Geometry::new(inputs.specs(), mask.map(Tensor::spec), options)?;
    if geometry.keys == 0 || output.bytes() == 0 {
        return Tensor::zeros(&output.shape, output.dtype);
    }
    let mut result = Tensor::stale(&output.shape, output.dtype)?;
    match output.dtype {
        DType::F32 => fast::forward(&geometry, inputs, mask, options, result.as_mut_slice()?)?,
        _ => reference::forward::<f64>(&geometry, inputs, mask, options, result.as_mut_slice()?)?,
    }
    Ok(result)
}

/// The gradients of [`forward`] with respect to its inputs; the mask is a constant.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`](crate::Error::Shape) where the gradient has not the output's shape.
pub fn backward(
    inputs: Inputs<'_>,
    mask: Option<&Tensor>,
    options: &Options,
    wanted: Wanted,
    grad: &Tensor,
) -> Result<Gradients> {
    let output = infer(inputs.specs(), mask.map(Tensor::spec), options)?;
    check::exactly(grad, OP, output.dtype, &output.shape)?;
    let (geometry, _) = Geometry::new(inputs.specs(), mask.map(Tensor::spec), options)?;
    let empty = geometry.keys == 0 || grad.is_empty();
    let like = |x: &Tensor| match empty {
        true => Tensor::zeros(x.shape(), x.dtype()),
        false => Tensor::stale(x.shape(), x.dtype()),
    };
    let mut gradients = match inputs {
        Inputs::Packed(packed) => Gradients::Packed(like(packed)?),
        Inputs::Apart { query, key, value } => Gradients::Apart {
            query: wanted.query.then(|| like(query)).transpose()?,
            key: wanted.key.then(|| like(key)).transpose()?,
            value: wanted.value.then(|| like(value)).transpose()?,
        },
    };
    match output.dtype {
        _ if empty => {}
        DType::F32 => fast::backward(&geometry, inputs, mask, options, grad.as_slice()?, &mut gradients)?,
        _ => reference::backward::<f64>(&geometry, inputs, mask, options, grad, &mut gradients)?,
    }
    Ok(gradients)
}
