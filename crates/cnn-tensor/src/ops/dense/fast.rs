//! The three dense products in `f32`, as products of matrices that stay where they are.

use super::Geometry;
use super::product::{Product, Right};
use crate::gemm::product::Left;
use crate::ops::activation::Activation;

/// See [`super::forward`].
pub(super) fn forward_product<'a>(
    geometry: &Geometry,
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    activation: Activation,
) -> Product<'a> {
    let Geometry { rows, in_features, out_features } = *geometry;
    Product {
        left: Left { data: x, row: in_features, step: 1 },
        right: Right::Plain(weight),
        rows,
        depth: in_features,
        columns: out_features,
        bias,
        activation,
    }
}

/// See [`super::grad_input`].
pub(super) fn grad_input_product<'a>(geometry: &Geometry, grad: &'a [f32], weight: &'a [f32]) -> Product<'a> {
    let Geometry { rows, in_features, out_features } = *geometry;
    Product {
        left: Left { data: grad, row: out_features, step: 1 },
        right: Right::Transposed(weight),
        rows,
        depth: out_features,
        columns: in_features,
        bias: None,
        activation: Activation::Identity,
    }
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight_product<'a>(geometry: &Geometry, x: &'a [f32], grad: &'a [f32]) -> Product<'a> {
    let Geometry { rows, in_features, out_features } = *geometry;
    Product {
        left: Left { data: x, row: 1, step: in_features },
        right: Right::Plain(grad),
        rows: in_features,
        depth: rows,
        columns: out_features,
        bias: None,
        activation: Activation::Identity,
    }
}
