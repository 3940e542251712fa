//! The loops for `f32`: one number is read of each row, so there is nothing for vectors, but rows are cut into pieces for
//! the threads and their losses added in double precision.

use super::Problem;
use crate::Result;
use crate::parallel::for_each;

/// Rows of a piece.
const ROWS: usize = 1 << 12;

/// Operations that a row costs, roughly: it is far from the one before in memory.
const ROW: usize = 32;

pub(super) fn sum(problem: &Problem<'_, f32>, x: &[f32]) -> Result<f64> {
    let rows = problem.labels.len();
    let mut sums = vec![0.0f64; rows.div_ceil(ROWS)];
    for_each(sums.iter_mut().enumerate(), ROW * rows, |(piece, sum)| {
        let rows = piece * ROWS..rows.min((piece + 1) * ROWS);
        *sum = rows.map(|row| f64::from(problem.loss(x, row))).sum();
    })?;
    Ok(sums.iter().sum())
}

pub(super) fn each(problem: &Problem<'_, f32>, x: &[f32], output: &mut [f32]) -> Result<()> {
    let cost = ROW * output.len();
    for_each(output.chunks_mut(ROWS).enumerate(), cost, |(piece, output)| {
        for (row, y) in output.iter_mut().enumerate() {
            *y = problem.loss(x, piece * ROWS + row);
        }
    })
}

/// `factors` is one number, or one for each row.
pub(super) fn backward(problem: &Problem<'_, f32>, factors: &[f32], output: &mut [f32]) -> Result<()> {
    let classes = problem.classes.max(1);
    let rows = (ROWS / classes).max(1);
    let bytes = size_of_val(output);
    for_each(output.chunks_mut(rows * classes).enumerate(), bytes, |(piece, output)| {
        output.fill(0.0);
        for (row, output) in output.chunks_exact_mut(classes).enumerate() {
            let row = piece * rows + row;
            if let Some((class, weight)) = problem.class(row) {
                let factor = if let &[factor] = factors { factor } else { factors[row] };
                output[class] = -weight * factor;
            }
        }
    })
}
