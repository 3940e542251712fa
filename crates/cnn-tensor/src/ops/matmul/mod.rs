//! Products of matrices, as many as the leading axes hold, either side transposed.
//!
//! The matrices stay where they are: a transposed one is read with its steps exchanged. All products run on the kernels
//! of [`dense`](super::dense), those of a batch handed out to threads together; where one matrix serves the
//! whole batch and neither side is transposed, the batch is rows of one product. A product has the same bits alone and
//! in a batch; by a transposed matrix, a row's last bits depend on how many rows its own product has.

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::gemm::product::Left;
use crate::ops::activation::Activation;
use crate::ops::broadcast::{self, walk::Walk};
use crate::ops::dense::double::{self, Matrix};
use crate::ops::dense::product::{Product, Right, run_all};
use crate::ops::reshape::permute;
use crate::{DType, Error, Result, Shape, Spec, Tensor, parallel};

/// Products of numbers that one thread takes at a time, where matrices are small.
const PIECE: usize = 1 << 16;

/// Which sides of a product are transposed, in their last two axes, before they are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transpose {
    /// `a b`.
    #[default]
    Neither,
    /// `a^T b`.
    Left,
    /// `a b^T`.
    Right,
    /// `a^T b^T`.
    Both,
}

impl Transpose {
    fn left(self) -> bool {
        matches!(self, Self::Left | Self::Both)
    }

    fn right(self) -> bool {
        matches!(self, Self::Right | Self::Both)
    }
}

/// Shape and type of the product.
///
/// # Errors
/// As [`matmul`].
pub fn infer(a: Spec, b: Spec, transpose: Transpose) -> Result<Spec> {
    if !a.dtype.is_compute() {
        return Err(Error::dtype("matmul", a.dtype, "f32 or f64"));
    }
    if b.dtype != a.dtype {
        return Err(Error::dtype("matmul", b.dtype, a.dtype.name()));
    }
    let geometry = Geometry::new(&a.shape, &b.shape, transpose)?;
    Ok(Spec::new(geometry.output()?, a.dtype))
}

/// The products of all matrices of `a` with those of `b`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::matmul::{matmul, Transpose}};
/// let a = Tensor::from_slice(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
/// let b = Tensor::from_slice(&[2, 1], &[10.0f32, 1.0])?;
/// assert_eq!(matmul(&a, &b, Transpose::Neither)?.to_vec::<f32>()?, [12.0, 34.0]);
/// assert_eq!(matmul(&a, &b, Transpose::Left)?.to_vec::<f32>()?, [13.0, 24.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// `[.., m, k]` times `[.., k, n]` is `[.., m, n]`, where a transposed side has its last two axes exchanged; the leading
/// axes broadcast ([`broadcast::shape`]). Sums over an empty `k` are 0.
///
/// # Errors
/// [`Error::Shape`] where a side has fewer than two axes, the inner sizes differ or the leading axes do not broadcast;
/// [`Error::DType`] unless both are `F32` or both `F64`.
pub fn matmul(a: &Tensor, b: &Tensor, transpose: Transpose) -> Result<Tensor> {
    let output = infer(a.spec(), b.spec(), transpose)?;
    let geometry = Geometry::new(a.shape(), b.shape(), transpose)?.merged(a.shape(), b.shape());
    let mut result = Tensor::stale(&output.shape, output.dtype)?;
    match output.dtype {
        DType::F64 => geometry.run_f64(a.as_slice()?, b.as_slice()?, result.as_mut_slice()?)?,
        _ => geometry.run_f32(a.as_slice()?, b.as_slice()?, result.as_mut_slice()?)?,
    }
    Ok(result)
}

/// The gradient of the left side: the gradient of the output times the other side, transposed as needed, summed over the
/// copies that broadcasting made.
///
/// # Shapes
/// `shape` is that of `a`.
///
/// # Errors
/// As [`matmul`].
pub fn backward_left(grad: &Tensor, b: &Tensor, transpose: Transpose, shape: &[usize]) -> Result<Tensor> {
    match transpose {
        Transpose::Neither => summed(grad, b, Transpose::Right, shape),
        Transpose::Left => summed(b, grad, Transpose::Right, shape),
        Transpose::Right => summed(grad, b, Transpose::Neither, shape),
        Transpose::Both => summed(b, grad, Transpose::Both, shape),
    }
}

/// The gradient of the right side, as [`backward_left`].
///
/// # Shapes
/// `shape` is that of `b`.
///
/// # Errors
/// As [`matmul`].
pub fn backward_right(a: &Tensor, grad: &Tensor, transpose: Transpose, shape: &[usize]) -> Result<Tensor> {
    match transpose {
        Transpose::Neither => summed(a, grad, Transpose::Left, shape),
        Transpose::Left => summed(a, grad, Transpose::Neither, shape),
        Transpose::Right => summed(grad, a, Transpose::Left, shape),
        Transpose::Both => summed(grad, a, Transpose::Both, shape),
    }
}

/// The product, summed to the shape of what was broadcast. A sum over axes that both sides have is part of the depth, so
/// that no product is made for each of the copies.
fn summed(a: &Tensor, b: &Tensor, transpose: Transpose, shape: &[usize]) -> Result<Tensor> {
    let output = infer(a.spec(), b.spec(), transpose)?.shape;
    let (batch, matrix) = output.split_at(output.rank() - 2);
    let leading = shape.len().saturating_sub(2);
    let is_summed = |axis: &usize| {
        let own = (axis + leading).checked_sub(batch.len());
        batch[*axis] != 1 && own.is_none_or(|own| shape[own] == 1)
    };
    let (summed, kept): (Vec<usize>, Vec<usize>) = (0..batch.len()).partition(is_summed);
    let of_rank = |x: &Tensor| [&[1].repeat(output.rank() - x.rank()), x.shape()].concat();
    let [a_dims, b_dims] = [of_rank(a), of_rank(b)];
    if summed.is_empty()
        || [&a_dims, &b_dims].iter().any(|dims| summed.iter().any(|&at| dims[at] != batch[at]))
    {
        return broadcast::sum_to(matmul(a, b, transpose)?, shape);
    }
    // The depth is the rows of a side or its columns; so are the axes that are summed.
    let joined = |x: &Tensor, dims: &[usize], as_rows: bool| {
        let [row, column] = [batch.len(), batch.len() + 1];
        let inner = if as_rows { [&summed[..], &[row], &[column]] } else { [&[row], &summed[..], &[column]] };
        let moved = permute(&x.clone().reshape(dims)?, &[&kept[..], &inner.concat()].concat())?;
        let times = |size: usize| summed.iter().fold(size, |size, &axis| size.saturating_mul(dims[axis]));
        let sides = if as_rows { [times(dims[row]), dims[column]] } else { [dims[row], times(dims[column])] };
        let outer: Vec<usize> = kept.iter().map(|&axis| dims[axis]).collect();
        moved.reshape(&[&outer[..], &sides].concat())
    };
    let (a, b) = (joined(a, &a_dims, transpose.left())?, joined(b, &b_dims, !transpose.right())?);
    let result = matmul(&a, &b, transpose)?;
    let ones: Vec<usize> =
        (0..batch.len()).map(|axis| if is_summed(&axis) { 1 } else { batch[axis] }).collect();
    broadcast::sum_to(result.reshape(&[&ones, matrix].concat())?, shape)
}

/// Sizes of the products of a batch.
struct Geometry {
    rows: usize,
    depth: usize,
    columns: usize,
    transpose: Transpose,
    /// The leading axes.
    batch: Shape,
    /// Where the matrices of both sides are, counted in matrices.
    walk: Walk<2>,
}

impl Geometry {
    fn new(a: &[usize], b: &[usize], transpose: Transpose) -> Result<Self> {
        let ([a_batch @ .., a_rows, a_columns], [b_batch @ .., b_rows, b_columns]) = (a, b) else {
            let problem = format!("left {a:?} and right {b:?}, expected two axes or more of each");
            return Err(Error::shape("matmul", problem));
        };
        let exchanged = |transposed, [rows, columns]: [&usize; 2]| {
            if transposed { [*columns, *rows] } else { [*rows, *columns] }
        };
        let [rows, depth] = exchanged(transpose.left(), [a_rows, a_columns]);
        let [b_depth, columns] = exchanged(transpose.right(), [b_rows, b_columns]);
        if depth != b_depth {
            let of = |transposed| if transposed { " transposed" } else { "" };
            return Err(Error::shape(
                "matmul",
                format!(
                    "left {a:?}{} has rows of {depth} numbers, right {b:?}{} has columns of {b_depth}",
                    of(transpose.left()),
                    of(transpose.right())
                ),
            ));
        }
        let batch = broadcast::shape("matmul", a_batch, b_batch)?;
        let walk = Walk::new(&batch, [a_batch, b_batch]);
        Ok(Self { rows, depth, columns, transpose, batch, walk })
    }

    fn output(&self) -> Result<Shape> {
        Shape::new(&[self.batch.dims(), &[self.rows, self.columns]].concat())
    }

    /// Where the right side is one matrix for all, the batch as rows of one product. Products by a transposed matrix are
    /// summed in an order that their number of rows decides, so these stay apart: a row does not depend on the batch.
    fn merged(self, a: &[usize], b: &[usize]) -> Self {
        let matrices = |dims: &[usize]| dims[..dims.len() - 2].iter().product::<usize>();
        if self.transpose != Transpose::Neither || matrices(b) != 1 || matrices(a) != self.batch.len() {
            return self;
        }
        let rows = self.rows * self.batch.len();
        Self { rows, batch: Shape::SCALAR, walk: Walk::new(&[], [&[], &[]]), ..self }
    }

    /// The matrices of some of the products.
    fn pairs<'x, F>(
        &self,
        products: Range<usize>,
        a: &'x [F],
        b: &'x [F],
    ) -> impl Iterator<Item = [&'x [F]; 2]> {
        let (a_len, b_len) = (self.rows * self.depth, self.depth * self.columns);
        let steps = [self.walk.step(0), self.walk.step(1)];
        self.walk.runs(products).flat_map(move |(run, [a_at, b_at])| {
            (0..run.len()).map(move |index| {
                let a_at = (a_at + index * steps[0]) * a_len;
                let b_at = (b_at + index * steps[1]) * b_len;
                [&a[a_at..a_at + a_len], &b[b_at..b_at + b_len]]
            })
        })
    }

    fn run_f32(&self, a: &[f32], b: &[f32], target: &mut [f32]) -> Result<()> {
        let Self { rows, depth, columns, transpose, .. } = *self;
        // However many products there are of nothing.
        if target.is_empty() {
            return Ok(());
        }
        let product = |[a, b]: [_; 2]| Product {
            left: match transpose.left() {
                true => Left { data: a, row: 1, step: rows },
                false => Left { data: a, row: depth, step: 1 },
            },
            right: if transpose.right() { Right::Transposed(b) } else { Right::Plain(b) },
            rows,
            depth,
            columns,
            bias: None,
            activation: Activation::Identity,
        };
        run_all(self.batch.len(), |some| self.pairs(some, a, b).map(product), target)
    }

    fn run_f64(&self, a: &[f64], b: &[f64], target: &mut [f64]) -> Result<()> {
        let Self { rows, depth, columns, transpose, .. } = *self;
        if target.is_empty() {
            return Ok(());
        }
        let side = |data, rows, columns, transposed| match transposed {
            true => Matrix::new(data, columns, rows).transposed(),
            false => Matrix::new(data, rows, columns),
        };
        let work = target.len().saturating_mul(depth);
        // Some small products together.
        let len = rows * columns;
        let some = (PIECE / len.saturating_mul(depth).max(1)).max(1);
        parallel::for_each(target.chunks_mut(some * len).enumerate(), work, |(item, target)| {
            let start = item * some;
            let pairs = self.pairs(start..self.batch.len().min(start + some), a, b);
            for ([a, b], target) in pairs.zip(target.chunks_exact_mut(len)) {
                let a = side(a, rows, depth, transpose.left());
                double::multiply(a, side(b, depth, columns, transpose.right()), target);
            }
        })
    }
}
