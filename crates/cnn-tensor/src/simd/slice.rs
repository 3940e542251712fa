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
