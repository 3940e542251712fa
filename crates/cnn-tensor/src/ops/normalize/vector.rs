//! Division by lengths of `f32`: blocks in pieces for the threads.

use super::Vectors;
use super::kernels::Piece;
use crate::Result;
use crate::ops::in_place::{PIECE, Source};
use crate::parallel::for_each;
use crate::simd;

pub(super) fn forward(vectors: Vectors, x: Source<'_, f32>, output: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (piece, bytes) = (piece(vectors), 2 * size_of_val(output));
    for_each(output.chunks_mut(piece).enumerate(), bytes, |(index, result)| {
        let source = x.part(index * piece..index * piece + result.len());
        level.run(Piece { vectors, x: None, source, result });
    })
}

pub(super) fn backward(vectors: Vectors, x: &[f32], grad: Source<'_, f32>, result: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let (piece, bytes) = (piece(vectors), 3 * size_of_val(result));
    for_each(result.chunks_mut(piece).zip(x.chunks(piece)).enumerate(), bytes, |(index, (result, x))| {
        let source = grad.part(index * piece..index * piece + result.len());
        level.run(Piece { vectors, x: Some(x), source, result });
    })
}

/// Numbers of a piece: whole blocks.
fn piece(vectors: Vectors) -> usize {
    (PIECE / vectors.block()).max(1) * vectors.block()
}
