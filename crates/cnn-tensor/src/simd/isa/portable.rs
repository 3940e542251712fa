//! Vectors as plain arrays of four: what every machine can do, and what the compiler makes SSE2 or NEON of.

use super::{Isa, Kernel};

/// No particular instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

#[inline(always)]
fn lanes(f: impl Fn(usize) -> f32) -> [f32; 4] {
    [f(0), f(1), f(2), f(3)]
}

impl Isa for Portable {
    type F32 = [f32; 4];

    const NAME: &'static str = "portable";
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const OUTER_ROWS: usize = 4;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32 {
        // SAFETY: the caller promises LANES readable numbers; `read_unaligned` asks for no more.
        unsafe { pointer.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_partial_at(self, pointer: *const f32, count: usize) -> Self::F32 {
        let mut value = [0.0; 4];
        // SAFETY: the caller promises `count` readable numbers.
        let source = unsafe { std::slice::from_raw_parts(pointer, count.min(4)) };
        value[..source.len()].copy_from_slice(source);
        value
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers.
        unsafe { pointer.cast::<[f32; 4]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, count: usize) {
        // SAFETY: the caller promises `count` writable numbers.
        let target = unsafe { std::slice::from_raw_parts_mut(pointer, count.min(4)) };
        target.copy_from_slice(&value[..target.len()]);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        [value; 4]
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        lanes(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] > b[i] { yes[i] } else { no[i] })
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes(|i| if a[i].is_nan() { no[i] } else { yes[i] })
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        lanes(|i| a[i].round_ties_even())
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        lanes(|i| f32::from_bits(((a[i] as i32).wrapping_add(127) as u32) << 23))
    }
}
