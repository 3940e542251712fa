//! Local response normalisation of `f32`: rows in pieces for the threads.

use super::kernels::{Gradient, Rows};
use super::{Options, Window};
use crate::Result;
use crate::ops::in_place::Source;
use crate::parallel::for_each;
use crate::simd;

/// Numbers of a piece, about.
const PIECE: usize = 1 << 12;

/// Operations that a number costs, roughly, without those of its window.
const POWER: usize = 16;

pub(super) fn forward(
    window: Window,
    options: &Options,
    x: Source<'_, f32>,
    output: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let (piece, cost) = (piece(window), POWER * output.len());
    for_each(output.chunks_mut(piece).enumerate(), cost, |(index, output)| {
        let x = x.part(index * piece..index * piece + output.len());
        level.run(Rows { window, options, x, output });
    })
}

pub(super) fn backward(
    window: Window,
    options: &Options,
    x: &[f32],
    grad: Source<'_, f32>,
    result: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let (piece, cost) = (piece(window), 2 * POWER * result.len());
    for_each(result.chunks_mut(piece).zip(x.chunks(piece)).enumerate(), cost, |(index, (result, x))| {
        let grad = grad.part(index * piece..index * piece + result.len());
        level.run(Gradient { window, options, x, grad, result });
    })
}

/// Numbers of a piece: whole rows.
fn piece(window: Window) -> usize {
    (PIECE / window.channels).max(1) * window.channels
}
