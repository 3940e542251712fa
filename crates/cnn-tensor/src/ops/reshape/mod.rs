//! Moving elements without changing them: permuted axes, and the channels-first order of files.
//!
//! Works on every element type. A change of shape alone is [`Tensor::reshape`] and moves nothing.

mod blocked;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use crate::{DType, Element, Error, Result, Shape, Spec, Tensor};

/// The tensor with its axes in another order: axis `i` of the result is axis `axes[i]` of `x`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::reshape};
/// let x = Tensor::from_slice(&[2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let y = reshape::permute(&x, &[1, 0])?;
/// assert_eq!(y.shape(), [3, 2]);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] unless `axes` holds each axis of `x` once.
pub fn permute(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let dims = infer_permute(x.spec(), axes)?.shape;
    // Axes of one element do not move anything.
    let moved: Vec<usize> = axes.iter().copied().filter(|&axis| x.shape()[axis] != 1).collect();
    if moved.is_sorted() || x.is_empty() {
        return x.clone().reshape(&dims);
    }
    let mut output = Tensor::stale(&dims, x.dtype())?;
    match x.dtype() {
        DType::F32 => blocked::permute_f32(x.as_slice()?, x.shape(), axes, output.as_mut_slice()?)?,
        DType::F64 => permute_elements::<f64>(x, axes, &mut output)?,
        DType::BF16 => permute_elements::<half::bf16>(x, axes, &mut output)?,
        DType::F16 => permute_elements::<half::f16>(x, axes, &mut output)?,
        DType::U8 | DType::Bool => permute_elements::<u8>(x, axes, &mut output)?,
        DType::I8 => permute_elements::<i8>(x, axes, &mut output)?,
        DType::U16 => permute_elements::<u16>(x, axes, &mut output)?,
        DType::I32 => permute_elements::<i32>(x, axes, &mut output)?,
        DType::I64 => permute_elements::<i64>(x, axes, &mut output)?,
    }
    Ok(output)
}

/// Shape and type of [`permute`].
///
/// # Errors
/// As [`permute`].
pub fn infer_permute(x: Spec, axes: &[usize]) -> Result<Spec> {
    let (rank, mut seen) = (x.shape.rank(), [false; crate::MAX_RANK]);
    let valid = axes.len() == rank
        && axes.iter().all(|&axis| axis < rank && !std::mem::replace(&mut seen[axis], true));
    if !valid {
        let problem = format!("axes {axes:?} are not an order of the {rank} axes of {}", x.shape);
        return Err(Error::shape("permute", problem));
    }
    let dims: Vec<usize> = axes.iter().map(|&axis| x.shape[axis]).collect();
    Ok(Spec::new(Shape::new(&dims)?, x.dtype))
}

/// An image as one row of features in channels-first order, as PyTorch's `flatten` of an NCHW image gives
/// it, so that the weights of a dense layer behind it need no permutation.
///
/// # Shapes
/// `[batch, spatial.., channels]` to `[batch, channels * spatial]`.
///
/// # Errors
/// [`Error::Shape`] with fewer than two axes.
pub fn flatten_channels_first(x: Tensor) -> Result<Tensor> {
    let [batch, spatial, channels] = image("flatten_channels_first", x.shape())?;
    permute(&x.reshape(&[batch, spatial, channels])?, &[0, 2, 1])?.reshape(&[batch, channels * spatial])
}

/// The inverse of [`flatten_channels_first`], which is also its gradient.
///
/// # Shapes
/// `[batch, channels * spatial]` to `shape`, `[batch, spatial.., channels]`.
///
/// # Errors
/// [`Error::Shape`] where `x` is not the flattened form of `shape`.
pub fn unflatten_channels_first(x: Tensor, shape: &[usize]) -> Result<Tensor> {
    const OP: &str = "unflatten_channels_first";
    // Checks the product as well.
    Shape::new(shape)?;
    let [batch, spatial, channels] = image(OP, shape)?;
    if x.shape() != [batch, channels * spatial] {
        return Err(Error::shape(
            OP,
            format!("input {:?} is not the flattened form of {shape:?}", x.shape()),
        ));
    }
    permute(&x.reshape(&[batch, channels, spatial])?, &[0, 2, 1])?.reshape(shape)
}

/// Batch, positions and channels of an image of any number of spatial axes.
fn image(op: &'static str, shape: &[usize]) -> Result<[usize; 3]> {
    match shape {
        [batch, spatial @ .., channels] => Ok([*batch, spatial.iter().product(), *channels]),
        _ => Err(Error::shape(op, format!("shape {shape:?}, expected [batch, spatial.., channels]"))),
    }
}

fn permute_elements<E: Element>(x: &Tensor, axes: &[usize], output: &mut Tensor) -> Result<()> {
    blocked::permute(x.as_slice::<E>()?, x.shape(), axes, output.as_mut_slice::<E>()?)
}
