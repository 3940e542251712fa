//! Loops over whole slices: full vectors, then one masked vector with the same body.

use super::Isa;

/// `x[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map_in_place<I: Isa>(isa: I, x: &mut [f32], f: impl Fn(I::F32) -> I::F32) {
    let mut chunks = x.chunks_exact_mut(I::LANES);
    for chunk in &mut chunks {
        let value = f(isa.load(chunk));
        isa.store(value, chunk);
    }
    let tail = chunks.into_remainder();
    if !tail.is_empty() {
        let value = f(isa.load_partial(tail));
        isa.store_partial(value, tail);
    }
}

/// `x[i] = f(x[i], y[i])`; the slices have equal lengths.
#[inline(always)]
pub(crate) fn map2<I: Isa>(isa: I, x: &mut [f32], y: &[f32], f: impl Fn(I::F32, I::F32) -> I::F32) {
    assert_eq!(x.len(), y.len());
    let mut xs = x.chunks_exact_mut(I::LANES);
    let mut ys = y.chunks_exact(I::LANES);
    for (x, y) in (&mut xs).zip(&mut ys) {
        let value = f(isa.load(x), isa.load(y));
        isa.store(value, x);
    }
    let (x, y) = (xs.into_remainder(), ys.remainder());
    if !x.is_empty() {
        let value = f(isa.load_partial(x), isa.load_partial(y));
        isa.store_partial(value, x);
    }
}

/// Calls `f(vector, lanes)` for every vector of `x`; the last may have fewer lanes, the rest of it zero.
#[inline(always)]
pub(crate) fn for_each_vector<I: Isa>(isa: I, x: &[f32], mut f: impl FnMut(I::F32, usize)) {
    let chunks = x.chunks_exact(I::LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        f(isa.load(chunk), I::LANES);
    }
    if !tail.is_empty() {
        f(isa.load_partial(tail), tail.len());
    }
}
