//! The loops for `f32`: vectors over channels, pieces of some rows of the result.
//!
//! Forward passes take rows of the output. Backward passes take rows of the input and look up which windows
//! reach them, so that overlapping windows of neighbouring pieces never write to the same place.

use super::geometry::{Geometry, Index};
use super::kernels::{Average, AverageBack, Max, MaxBack};
use crate::Result;
use crate::parallel::for_each;
use crate::simd;

/// Numbers of the input that a piece reads, about.
const PIECE: usize = 1 << 14;

pub(super) fn max<I: Index>(g: &Geometry, x: &[f32], output: &mut [f32], indices: &mut [I]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (output_rows(g), g.out_w * g.channels);
    if row == 0 {
        return Ok(());
    }
    let pieces = output.chunks_mut(rows * row).zip(indices.chunks_mut(rows * row)).enumerate();
    for_each(pieces, size_of_val(x), |(piece, (output, indices))| {
        level.run(Max { g, x, output, indices, first_row: piece * rows });
    })
}

pub(super) fn max_backward<I: Index>(
    g: &Geometry,
    indices: &[I],
    grad_output: &[f32],
    grad_input: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (input_rows(g), g.in_w * g.channels);
    if row == 0 {
        return Ok(());
    }
    let bytes = size_of_val(grad_input);
    for_each(grad_input.chunks_mut(rows * row).enumerate(), bytes, |(piece, grad_input)| {
        level.run(MaxBack { g, indices, grad_output, grad_input, first_row: piece * rows });
    })
}

pub(super) fn average(g: &Geometry, x: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (output_rows(g), g.out_w * g.channels);
    if row == 0 {
        return Ok(());
    }
    for_each(output.chunks_mut(rows * row).enumerate(), size_of_val(x), |(piece, output)| {
        level.run(Average { g, x, output, first_row: piece * rows });
    })
}

pub(super) fn average_backward(g: &Geometry, grad_output: &[f32], grad_input: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (input_rows(g), g.in_w * g.channels);
    if row == 0 {
        return Ok(());
    }
    let bytes = size_of_val(grad_input);
    for_each(grad_input.chunks_mut(rows * row).enumerate(), bytes, |(piece, grad_input)| {
        level.run(AverageBack { g, grad_output, grad_input, first_row: piece * rows });
    })
}

/// Rows of the output in a piece.
fn output_rows(g: &Geometry) -> usize {
    (PIECE / (g.in_w * g.channels * g.rows.stride.min(g.in_h)).max(1)).max(1)
}

/// Rows of the input in a piece.
fn input_rows(g: &Geometry) -> usize {
    (PIECE / (g.in_w * g.channels).max(1)).max(1)
}
