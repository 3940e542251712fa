//! The dense product in `f64`, on the `matrixmultiply` crate without its threads.
//!
//! Gradients are checked in `f64`, so this only has to be right and not slow.

use super::Geometry;
use crate::ops::activation::Activation;

/// A matrix over a slice: element `(row, column)` is `data[row * row_step + column * column_step]`.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Matrix<'a> {
    data: &'a [f64],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    pub(in crate::ops) fn new(data: &'a [f64], rows: usize, columns: usize) -> Self {
        assert!(rows.checked_mul(columns) == Some(data.len()), "a matrix of another size");
        Self { data, rows, columns, row_step: columns, column_step: 1 }
    }

    pub(in crate::ops) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// `target = left right`.
pub(in crate::ops) fn multiply(left: Matrix<'_>, right: Matrix<'_>, target: &mut [f64]) {
    let (rows, columns) = (left.rows, right.columns);
    assert!(left.columns == right.rows && rows.checked_mul(columns) == Some(target.len()));
    // SAFETY: `Matrix::new` has shown that each slice holds its whole matrix, in rows or transposed, and the line above
    // that `target` holds the product in rows; `target` is borrowed exclusively, so it overlaps neither input.
    // Sizes and steps are at most a slice's length and so fit `isize`.
    unsafe {
        matrixmultiply::dgemm(
            rows,
            left.columns,
            columns,
            1.0,
            left.data.as_ptr(),
            left.row_step as isize,
            left.column_step as isize,
            right.data.as_ptr(),
            right.row_step as isize,
            right.column_step as isize,
            0.0,
            target.as_mut_ptr(),
            columns as isize,
            1,
        );
    }
}

/// See [`super::forward`].
pub(super) fn forward(
    geometry: &Geometry,
    x: &[f64],
    weight: &[f64],
    bias: Option<&[f64]>,
    activation: Activation,
    target: &mut [f64],
) {
    let Geometry { rows, in_features, out_features } = *geometry;
    multiply(Matrix::new(x, rows, in_features), Matrix::new(weight, in_features, out_features), target);
    for row in target.chunks_exact_mut(out_features) {
        for (column, value) in row.iter_mut().enumerate() {
            *value = activation.value(*value + bias.map_or(0.0, |bias| bias[column]));
        }
    }
}

/// See [`super::grad_input`].
pub(super) fn grad_input(geometry: &Geometry, grad: &[f64], weight: &[f64], target: &mut [f64]) {
    let Geometry { rows, in_features, out_features } = *geometry;
    let weight = Matrix::new(weight, in_features, out_features).transposed();
    multiply(Matrix::new(grad, rows, out_features), weight, target);
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f64], grad: &[f64], target: &mut [f64]) {
    let Geometry { rows, in_features, out_features } = *geometry;
    multiply(Matrix::new(x, rows, in_features).transposed(), Matrix::new(grad, rows, out_features), target);
}
