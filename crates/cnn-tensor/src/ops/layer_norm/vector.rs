//! Layer normalisation of `f32`: rows in pieces for the threads, column sums in windows.

use super::kernels::{Both, Columns, Input, Rows};
use super::{Affine, Backward, Forward, Saved, Wanted, rounded};
use crate::ops::in_place::{PIECE, Source, map};
use crate::parallel::for_each;
use crate::simd;
use crate::{Result, Tensor};

/// Columns of a window, at most: their sums stay in the nearest cache.
const COLUMNS: usize = 1024;

/// Fewest rows of a window that does not hold all of them: its sums are small beside what it reads.
const ROWS: usize = 128;

/// Most windows above each other.
const BANDS: usize = 16;

pub(super) fn forward(x: &Tensor, row: usize, affine: Affine<'_>, forward: &mut Forward) -> Result<()> {
    let level = simd::active()?;
    let x = x.as_slice::<f32>()?;
    let mean = forward.mean.as_mut_slice::<f64>()?;
    let inverse = forward.inverse_deviation.as_mut_slice::<f64>()?;
    let weight = affine.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let bias = affine.bias.map(Tensor::as_slice::<f32>).transpose()?;
    let (rows, epsilon) = (rows(row), affine.epsilon);
    let numbers = forward.output.as_mut_slice::<f32>()?.chunks_mut(rows * row).zip(x.chunks(rows * row));
    let pieces = numbers.zip(mean.chunks_mut(rows).zip(inverse.chunks_mut(rows)));
    for_each(pieces, 2 * size_of_val(x), |((output, x), (mean, inverse))| {
        level.run(Rows { x, row, weight, bias, epsilon, output, mean, inverse });
    })
}

pub(super) fn backward(
    saved: Saved<'_>,
    normalized_shape: &[usize],
    wanted: Wanted,
    grad: Tensor,
) -> Result<Backward> {
    let row: usize = normalized_shape.iter().product();
    if wanted.input && wanted.affine && row <= COLUMNS {
        return both(saved, normalized_shape, grad);
    }
    let mut back = Backward::default();
    if wanted.affine {
        let [weight, bias] = column_sums(saved, row, grad.as_slice()?)?;
        (back.weight, back.bias) =
            (Some(rounded(normalized_shape, &weight)?), Some(rounded(normalized_shape, &bias)?));
    }
    if wanted.input {
        back.input = Some(map(grad, |grad, result| input(saved, row, grad, result))?);
    }
    Ok(back)
}

/// All gradients in one pass over memory, of rows whose sums one window holds: with the bits of the passes apart.
fn both(saved: Saved<'_>, normalized_shape: &[usize], grad: Tensor) -> Result<Backward> {
    let row: usize = normalized_shape.iter().product();
    let level = simd::active()?;
    let x = saved.x.as_slice::<f32>()?;
    let weight = saved.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let (mean, inverse) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let band = band(mean.len());
    let mut partial = [(); 2].map(|()| vec![0.0; mean.len().div_ceil(band) * row]);
    let input = map(grad, |grad, result| {
        let [weights, biases] = &mut partial;
        let sums = weights.chunks_mut(row).zip(biases.chunks_mut(row));
        let numbers = result.chunks_mut(band * row).zip(x.chunks(band * row)).enumerate();
        let statistics = mean.chunks(band).zip(inverse.chunks(band));
        let pieces = numbers.zip(statistics).zip(sums);
        for_each(
            pieces,
            3 * size_of_val(x),
            |(((piece, (result, x)), (mean, inverse)), (weights, biases))| {
                let first = piece * band * row;
                let grad = grad.part(first..first + result.len());
                let input = Input { x, row, weight, mean, inverse, grad, result };
                level.run(Both { input, sums: [weights, biases] });
            },
        )
    })?;
    let [weight, bias] = partial.map(|partial| total(&partial, row));
    Ok(Backward {
        input: Some(input),
        weight: Some(rounded(normalized_shape, &weight)?),
        bias: Some(rounded(normalized_shape, &bias)?),
    })
}

/// Rows of a band of windows.
fn band(rows: usize) -> usize {
    rows.div_ceil(BANDS).max(ROWS)
}

/// The sums of the bands, in order.
fn total(bands: &[f64], row: usize) -> Vec<f64> {
    let mut total = vec![0.0; row];
    for band in bands.chunks_exact(row) {
        total.iter_mut().zip(band).for_each(|(total, sum)| *total += sum);
    }
    total
}

fn input(saved: Saved<'_>, row: usize, grad: Source<'_, f32>, result: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let x = saved.x.as_slice::<f32>()?;
    let weight = saved.weight.map(Tensor::as_slice::<f32>).transpose()?;
    let (mean, inverse) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let rows = rows(row);
    let pieces = result.chunks_mut(rows * row).zip(x.chunks(rows * row)).enumerate();
    let statistics = mean.chunks(rows).zip(inverse.chunks(rows));
    for_each(pieces.zip(statistics), 3 * size_of_val(x), |((piece, (result, x)), (mean, inverse))| {
        let first = piece * rows * row;
        let grad = grad.part(first..first + result.len());
        level.run(Input { x, row, weight, mean, inverse, grad, result });
    })
}

/// Sums over all rows: the gradient times the normalised value, and the gradient.
fn column_sums(saved: Saved<'_>, row: usize, grad: &[f32]) -> Result<[Vec<f64>; 2]> {
    let level = simd::active()?;
    let x = saved.x.as_slice::<f32>()?;
    let (mean, inverse) = (saved.mean.as_slice::<f64>()?, saved.inverse_deviation.as_slice::<f64>()?);
    let band = band(mean.len());
    let bands = mean.len().div_ceil(band);
    // The sums of each kind, band by band.
    let mut partial = [(); 2].map(|()| vec![0.0; bands * row]);
    let mut windows = Vec::with_capacity(bands * row.div_ceil(COLUMNS));
    let [weights, biases] = &mut partial;
    for (index, (weights, biases)) in weights.chunks_mut(row).zip(biases.chunks_mut(row)).enumerate() {
        let columns = weights.chunks_mut(COLUMNS).zip(biases.chunks_mut(COLUMNS)).enumerate();
        windows.extend(columns.map(|(column, sums)| (index * band, column * COLUMNS, sums)));
    }
    for_each(windows.into_iter(), 2 * size_of_val(x), |(start, first, (weights, biases))| {
        let end = mean.len().min(start + band);
        let numbers = start * row..end * row;
        level.run(Columns {
            x: &x[numbers.clone()],
            grad: &grad[numbers],
            row,
            first,
            mean: &mean[start..end],
            inverse: &inverse[start..end],
            sums: [weights, biases],
        });
    })?;
    Ok(partial.map(|partial| total(&partial, row)))
}

/// Rows of a piece.
fn rows(row: usize) -> usize {
    (PIECE / row).max(1)
}
