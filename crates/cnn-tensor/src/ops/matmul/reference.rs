//! The product as its definition reads: the oracle.

use super::Transpose;
use crate::ops::broadcast::reference::place;
use crate::{Result, Tensor};

/// The product, and the sum of the absolute values of the products that each number is made of.
pub(super) fn matmul(a: &Tensor, b: &Tensor, transpose: Transpose, shape: &[usize]) -> Result<[Tensor; 2]> {
    let ([batch @ .., rows, columns], a_dims, b_dims) = (shape, a.shape(), b.shape()) else { unreachable!() };
    let depth = a_dims[a_dims.len() - if transpose.left() { 2 } else { 1 }];
    let (a_values, b_values) = (a.to_f64_vec()?, b.to_f64_vec()?);
    let (mut sums, mut sizes) = (Vec::new(), Vec::new());
    for matrix in 0..batch.iter().product() {
        let a_start = place(matrix, batch, &a_dims[..a_dims.len() - 2]) * rows * depth;
        let b_start = place(matrix, batch, &b_dims[..b_dims.len() - 2]) * depth * columns;
        for row in 0..*rows {
            for column in 0..*columns {
                let terms: Vec<f64> = (0..depth)
                    .map(|k| {
                        let a_at = if transpose.left() { k * rows + row } else { row * depth + k };
                        let b_at = if transpose.right() { column * depth + k } else { k * columns + column };
                        a_values[a_start + a_at] * b_values[b_start + b_at]
                    })
                    .collect();
                sums.push(terms.iter().sum::<f64>());
                sizes.push(terms.iter().map(|term| term.abs()).sum::<f64>());
            }
        }
    }
    Ok([Tensor::from_slice(shape, &sums)?, Tensor::from_slice(shape, &sizes)?])
}
