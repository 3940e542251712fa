//! The `gemm` crate as an engine: the products of dense layers.
//!
//! Weights and their gradient are `[in, out]`, as in ours, so that both multiply the same matrices in memory;
//! transpositions are strides, as the crate has them.

use std::cell::RefCell;
use std::rc::Rc;

use bench_common::inputs::stream::{GRADIENT, INPUT, WEIGHT};
use gemm::Parallelism;
use peer_common::{Job, Output, numbers, serve};
use serde_json::Value;

/// A matrix in a slice: its numbers, and how far rows and columns are apart.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, row_step: columns, column_step: 1 }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// `target = a b`, row-major.
fn multiply(target: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, threads: usize) {
    assert_eq!(a.columns, b.rows);
    assert_eq!(target.len(), a.rows * b.columns);
    let parallelism = if threads == 1 { Parallelism::None } else { Parallelism::Rayon(threads) };
    // SAFETY: `Matrix::new` and `transposed` keep every element of `a` and `b` inside their slices, the assertions
    // above do so for the target, and a mutable slice overlaps no other.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            target.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.values.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.values.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

fn job(work: &Value, threads: usize) -> Result<Job, String> {
    if work["kind"] != "dense" {
        return Err("matrix products only".into());
    }
    let size = |name: &str| work[name].as_u64().map(|size| size as usize).ok_or(format!("no {name}"));
    let (m, n, k) = (size("rows")?, size("out_features")?, size("in_features")?);
    let (x, w, grad) = (numbers(INPUT, m * k), numbers(WEIGHT, n * k), numbers(GRADIENT, m * n));
    // The formula counts weights in PyTorch's order, `[out, in]`.
    let w = transposed(&w, n, k);
    let pass = work["pass"].as_str().unwrap_or_default().to_string();
    let (name, len) = match pass.as_str() {
        "fwd" => ("output", m * n),
        "grad-input" => ("grad_input", m * k),
        _ => ("grad_weight", k * n),
    };
    let target = Rc::new(RefCell::new(vec![0.0; len]));
    let shared = Rc::clone(&target);
    let compute = move || {
        let (x, w, grad) = (Matrix::new(&x, m, k), Matrix::new(&w, k, n), Matrix::new(&grad, m, n));
        let (a, b) = match pass.as_str() {
            "fwd" => (x, w),
            "grad-input" => (grad, w.transposed()),
            _ => (x.transposed(), grad),
        };
        multiply(&mut shared.borrow_mut(), a, b, threads);
    };
    compute();
    let computed = target.borrow();
    let values = if name == "grad_weight" { transposed(&computed, k, n) } else { computed.clone() };
    Ok(Job { compute: Box::new(compute), outputs: vec![Output::new(name, values)] })
}

/// The numbers of a matrix of so many rows and columns, column by column.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|place| values[place % rows * columns + place / rows]).collect()
}

fn main() -> std::io::Result<()> {
    serve("gemm 0.19", job)
}
