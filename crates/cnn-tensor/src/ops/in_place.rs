//! Element-wise loops that write into their first argument's buffer where nobody else holds it.

use crate::{Element, Result, Tensor};

/// Elements that one piece of an element-wise loop covers: 64 KiB of `f32`, so that pieces stay in the cache
/// and handing them out costs nothing beside the work. A function of nothing, so neither are the pieces.
pub(crate) const PIECE: usize = 1 << 14;

/// Where a loop reads its first argument: from its own output, or from another slice of the same length.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, E> {
    /// The output holds it.
    InPlace,
    /// It is here.
    Other(&'a [E]),
}

impl<'a, E: Copy> Source<'a, E> {
    /// The elements in `range`, where they are not in the output.
    #[inline(always)]
    pub(crate) fn part(self, range: std::ops::Range<usize>) -> Source<'a, E> {
        match self {
            Source::InPlace => Source::InPlace,
            Source::Other(x) => Source::Other(&x[range]),
        }
    }

    /// The elements, where `output` is what the loop writes to.
    #[inline(always)]
    pub(crate) fn numbers<'o>(self, output: &'o [E]) -> &'o [E]
    where
        'a: 'o,
    {
        match self {
            Source::InPlace => output,
            Source::Other(x) => x,
        }
    }

    /// Sees to it that the output holds the elements from `start` on: for loops that have only an in-place form. A piece
    /// at a time, so that they are still in the cache when the loop comes to them, and each thread moves its own.
    #[inline(always)]
    pub(crate) fn bring(self, start: usize, output: &mut [E]) {
        if let Source::Other(x) = self {
            output.copy_from_slice(&x[start..start + output.len()]);
        }
    }
}

/// Runs `work(x, output)`, where the output is `x` itself if it is the only holder of its buffer.
pub(crate) fn map<E: Element>(
    mut x: Tensor,
    work: impl FnOnce(Source<'_, E>, &mut [E]) -> Result<()>,
) -> Result<Tensor> {
    if x.is_unique() {
        work(Source::InPlace, x.as_mut_slice()?)?;
        return Ok(x);
    }
    let mut output = Tensor::stale(x.shape(), x.dtype())?;
    work(Source::Other(x.as_slice()?), output.as_mut_slice()?)?;
    Ok(output)
}

/// The tensor, copied unless it is the only holder of its buffer: for loops that have only an in-place form.
pub(crate) fn owned<E: Element>(x: Tensor) -> Result<Tensor> {
    map(x, |x: Source<'_, E>, output| {
        if let Source::Other(x) = x {
            output.copy_from_slice(x);
        }
        Ok(())
    })
}
