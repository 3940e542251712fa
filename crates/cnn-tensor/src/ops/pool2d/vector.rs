//! The loops for `f32`: vectors over channels, pieces of some rows of the result.
//!
//! Forward passes take rows of the output. Backward passes take rows of the input and look up which windows
//! reach them, so that overlapping windows of neighbouring pieces never write to the same place.

use super::geometry::{Geometry, Index};
use super::kernels::{Average, AverageBack, Max, MaxBack, Spans};
use super::readers::Readers;
use super::tiled::{Maxima, Means, TiledBack, is_tiled};
use crate::Result;
use crate::parallel::for_each;
use crate::simd;

/// Numbers of the input that a piece reads, about.
const PIECE: usize = 1 << 14;

pub(super) fn max<I: Index>(g: &Geometry, x: &[f32], output: &mut [f32], indices: &mut [I]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (output_rows(g), g.out_w * g.channels);
    if output.is_empty() {
        return Ok(());
    }
    let spans = &Spans::new(g);
    let pieces = output.chunks_mut(rows * row).zip(indices.chunks_mut(rows * row)).enumerate();
    for_each(pieces, size_of_val(x), |(piece, (output, indices))| {
        level.run(Max { g, spans, x, output, indices, first_row: piece * rows });
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
    if grad_input.is_empty() {
        return Ok(());
    }
    let bytes = size_of_val(grad_input);
    if is_tiled(g) {
        let (rows, tile) = tile_rows(g);
        return for_each(grad_input.chunks_mut(rows * tile).enumerate(), bytes, |(piece, grad_input)| {
            let from = piece * rows * g.out_w * g.channels;
            level.run(TiledBack { g, spread: Maxima { indices, grad_output }, grad_input, from });
        });
    }
    let readers = &Readers::with_taps(g);
    for_each(grad_input.chunks_mut(rows * row).enumerate(), bytes, |(piece, grad_input)| {
        level.run(MaxBack { g, readers, indices, grad_output, grad_input, first_row: piece * rows });
    })
}

pub(super) fn average(g: &Geometry, x: &[f32], output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (output_rows(g), g.out_w * g.channels);
    if output.is_empty() {
        return Ok(());
    }
    let (spans, shares) = (&Spans::new(g), &shares(g));
    for_each(output.chunks_mut(rows * row).enumerate(), size_of_val(x), |(piece, output)| {
        level.run(Average { g, spans, x, shares, output, first_row: piece * rows });
    })
}

pub(super) fn average_backward(g: &Geometry, grad_output: &[f32], grad_input: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (rows, row) = (input_rows(g), g.in_w * g.channels);
    if grad_input.is_empty() {
        return Ok(());
    }
    let bytes = size_of_val(grad_input);
    if is_tiled(g) {
        let (rows, tile) = tile_rows(g);
        let share = (1.0 / g.divisor(0, 0)) as f32;
        return for_each(grad_input.chunks_mut(rows * tile).enumerate(), bytes, |(piece, grad_input)| {
            let from = piece * rows * g.out_w * g.channels;
            level.run(TiledBack { g, spread: Means { grad_output, share }, grad_input, from });
        });
    }
    let (readers, shares) = (&Readers::with_windows(g), &shares(g));
    for_each(grad_input.chunks_mut(rows * row).enumerate(), bytes, |(piece, grad_input)| {
        level.run(AverageBack { g, readers, shares, grad_output, grad_input, first_row: piece * rows });
    })
}

/// What each number of a window counts for in its mean.
fn shares(g: &Geometry) -> Vec<f32> {
    let windows = (0..g.out_h).flat_map(|out_y| (0..g.out_w).map(move |out_x| [out_y, out_x]));
    windows.map(|[out_y, out_x]| (1.0 / g.divisor(out_y, out_x)) as f32).collect()
}

/// Rows of windows that tile the image in a piece, and numbers of the input under one.
fn tile_rows(g: &Geometry) -> (usize, usize) {
    let tile = g.rows.kernel() * g.in_w * g.channels;
    ((PIECE / tile.max(1)).max(1), tile)
}

/// Rows of the output in a piece.
fn output_rows(g: &Geometry) -> usize {
    (PIECE / (g.in_w * g.channels * g.rows.stride().min(g.in_h)).max(1)).max(1)
}

/// Rows of the input in a piece.
fn input_rows(g: &Geometry) -> usize {
    (PIECE / (g.in_w * g.channels).max(1)).max(1)
}
