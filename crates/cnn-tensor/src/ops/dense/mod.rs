//! Matrix product with a weight matrix: the dense (fully connected) layer and its gradients.
//!
//! `fast` states the three products, `cut` chooses the algorithm and the pieces of work, `product` hands them out,
//! `piece` computes one. Matrices are read where they lie, transposed or not; what a piece reads again and again, and
//! the caches would not hold as it lies, is packed within the piece. `double` is the path of `f64`.

mod cut;
pub(in crate::ops) mod double;
mod fast;
mod piece;
pub(in crate::ops) mod product;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::check;
use crate::{DType, Error, Result, Shape, Spec, Tensor};

/// Sizes of one dense product: `rows` vectors of `in_features` become vectors of `out_features`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) rows: usize,
    pub(crate) in_features: usize,
    pub(crate) out_features: usize,
}

/// Shape and type of the output: the last dimension is replaced.
///
/// # Errors
/// [`Error::Shape`] where the input's last dimension is not the weight's first; [`Error::DType`] unless both are
/// `F32` or both `F64`.
pub fn infer(x: Spec, weight: Spec) -> Result<Spec> {
    if !x.dtype.is_compute() {
        return Err(Error::dtype("dense", x.dtype, "f32 or f64"));
    }
    if weight.dtype != x.dtype {
        return Err(Error::dtype("dense weight", weight.dtype, x.dtype.name()));
    }
    let geometry = geometry(&x.shape, &weight.shape)?;
    let mut dims = x.shape.to_vec();
    dims.pop();
    dims.push(geometry.out_features);
    Ok(Spec::new(Shape::new(&dims)?, x.dtype))
}

/// `act(x weight + bias)`.
///
/// # Shapes
/// Input `[.., in_features]`, weight `[in_features, out_features]`, bias `[out_features]`; output `[.., out_features]`.
///
/// # Errors
/// As [`infer`]; [`Error::OutOfMemory`].
pub fn forward(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
    let output = infer(x.spec(), weight.spec())?;
    let geometry = geometry(x.shape(), weight.shape())?;
    if let Some(bias) = bias {
        check::exactly(bias, "dense bias", x.dtype(), &[geometry.out_features])?;
    }
    let mut result = Tensor::stale(&output.shape, x.dtype())?;
    if x.dtype() == DType::F64 {
        let bias = bias.map(Tensor::as_slice).transpose()?;
        double::forward(
            &geometry,
            x.as_slice()?,
            weight.as_slice()?,
            bias,
            activation,
            result.as_mut_slice()?,
        );
        return Ok(result);
    }
    let bias = bias.map(Tensor::as_slice).transpose()?;
    fast::forward_product(&geometry, x.as_slice()?, weight.as_slice()?, bias, activation)
        .run(result.as_mut_slice()?)?;
    Ok(result)
}

/// Gradient with respect to the input: `grad_output weight^T`.
///
/// # Errors
/// As [`infer`].
pub fn grad_input(grad_output: &Tensor, weight: &Tensor) -> Result<Tensor> {
    const OP: &str = "dense gradient of the input";
    let &[in_features, out_features] = weight.shape() else {
        return Err(Error::shape(OP, format!("weight {:?} should be [in, out]", weight.shape())));
    };
    if in_features == 0 || out_features == 0 {
        return Err(Error::shape(OP, format!("weight {:?} needs features on both sides", weight.shape())));
    }
    grad_output.expect_compute(OP)?;
    let mut dims = grad_output.shape().to_vec();
    if dims.pop() != Some(out_features) || grad_output.dtype() != weight.dtype() {
        return Err(Error::shape(
            OP,
            format!("gradient {:?} does not fit the weight {:?}", grad_output.spec(), weight.spec()),
        ));
    }
    let rows = dims.iter().product();
    dims.push(in_features);
    let geometry = Geometry { rows, in_features, out_features };
    let mut result = Tensor::stale(&dims, weight.dtype())?;
    if weight.dtype() == DType::F64 {
        double::grad_input(&geometry, grad_output.as_slice()?, weight.as_slice()?, result.as_mut_slice()?);
        return Ok(result);
    }
    fast::grad_input_product(&geometry, grad_output.as_slice()?, weight.as_slice()?)
        .run(result.as_mut_slice()?)?;
    Ok(result)
}

/// Gradient with respect to the weight: `x^T grad_output`, summed over all leading dimensions.
///
/// # Errors
/// As [`infer`].
pub fn grad_weight(x: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
    const OP: &str = "dense gradient of the weight";
    x.expect_compute(OP)?;
    let (Some((&in_features, x_rows)), Some((&out_features, grad_rows))) =
        (x.shape().split_last(), grad_output.shape().split_last())
    else {
        return Err(Error::shape(OP, "input and gradient need a last dimension"));
    };
    if in_features == 0 || out_features == 0 || x_rows != grad_rows || x.dtype() != grad_output.dtype() {
        return Err(Error::shape(
            OP,
            format!("input {:?} and gradient {:?} do not fit", x.spec(), grad_output.spec()),
        ));
    }
    let geometry = Geometry { rows: x_rows.iter().product(), in_features, out_features };
    let mut result = Tensor::stale(&[in_features, out_features], x.dtype())?;
    if x.dtype() == DType::F64 {
        double::grad_weight(&geometry, x.as_slice()?, grad_output.as_slice()?, result.as_mut_slice()?);
        return Ok(result);
    }
    fast::grad_weight_product(&geometry, x.as_slice()?, grad_output.as_slice()?)
        .run(result.as_mut_slice()?)?;
    Ok(result)
}

fn geometry(x: &[usize], weight: &[usize]) -> Result<Geometry> {
    let &[in_features, out_features] = weight else {
        return Err(Error::shape(
            "dense",
            format!("weight {weight:?} should be [in features, out features]"),
        ));
    };
    if in_features == 0 || out_features == 0 {
        return Err(Error::shape("dense", format!("weight {weight:?} needs features on both sides")));
    }
    let Some((&features, rows)) = x.split_last() else {
        return Err(Error::shape("dense", "the input is a scalar, expected [.., in features]"));
    };
    if features != in_features {
        return Err(Error::shape(
            "dense",
            format!("input {x:?} has {features} features, the weight {weight:?} takes {in_features}"),
        ));
    }
    Ok(Geometry { rows: rows.iter().product(), in_features, out_features })
}
