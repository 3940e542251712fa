//! Tensors whose rows are put together of segments of other tensors' rows: joining, cutting, rolling, repeating.
//!
//! With the axes before some axis as rows, and those behind it as part of each element along it, all of these copy
//! contiguous segments. Elements of any type are moved as words of their size.

use crate::dtype::by_size;
use crate::parallel::for_each;
use crate::{DType, Result, Tensor};

/// Words that one thread copies at a time.
const PIECE: usize = 1 << 15;

/// A part of each row of the output.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// What it is copied from; zeros where there is nothing.
    source: Option<&'a Tensor>,
    /// Elements in a row of the source.
    pitch: usize,
    /// The first of them that is copied.
    start: usize,
    /// How many are.
    len: usize,
}

impl<'a> Segment<'a> {
    /// Elements `start..start + len` along the axis.
    pub(crate) fn of(source: &'a Tensor, axis: usize, start: usize, len: usize) -> Self {
        let inner: usize = source.shape()[axis + 1..].iter().product();
        Self {
            source: Some(source),
            pitch: source.shape()[axis] * inner,
            start: start * inner,
            len: len * inner,
        }
    }

    /// The whole axis.
    pub(crate) fn whole(source: &'a Tensor, axis: usize) -> Self {
        Self::of(source, axis, 0, source.shape()[axis])
    }

    /// So many zeros, each element along the axis of so many numbers.
    pub(crate) fn zeros(len: usize, inner: usize) -> Self {
        Self { source: None, pitch: 0, start: 0, len: len * inner }
    }
}

/// A tensor whose rows are the segments, one after the other; they fill its shape and have its element type.
pub(crate) fn assemble(shape: &[usize], dtype: DType, segments: &[Segment<'_>]) -> Result<Tensor> {
    let mut output = Tensor::stale(shape, dtype)?;
    let row: usize = segments.iter().map(|segment| segment.len).sum();
    let bytes = 2 * output.bytes();
    if output.is_empty() {
        return Ok(output);
    }
    by_size!(dtype, W => {
        let sources = segments.iter().map(|segment| segment.source.map(Tensor::words::<W>).transpose());
        let sources = sources.collect::<Result<Vec<_>>>()?;
        for_each(output.words_mut::<W>()?.chunks_mut(PIECE).enumerate(), bytes, |(piece, mut target)| {
            let mut row_index = piece * PIECE / row;
            let mut column = piece * PIECE % row;
            while !target.is_empty() {
                for (segment, source) in segments.iter().zip(&sources) {
                    if column >= segment.len {
                        column -= segment.len;
                        continue;
                    }
                    let len = (segment.len - column).min(target.len());
                    let (now, later) = std::mem::take(&mut target).split_at_mut(len);
                    match source {
                        Some(source) => {
                            let at = row_index * segment.pitch + segment.start + column;
                            now.copy_from_slice(&source[at..at + len]);
                        }
                        None => now.fill(0),
                    }
                    target = later;
                    column = 0;
                }
                row_index += 1;
            }
        })?;
    });
    Ok(output)
}
