//! AVX-512: sixteen lanes, thirty-two registers, masks for tails.

use std::arch::x86_64::*;

use super::{Isa, Kernel, token};

token! {
    /// Proof that this processor has AVX-512 (foundation, and what every server with it also has: BW, DQ, VL) and AVX2 with FMA.
    Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"
}

impl Avx512 {
    #[inline(always)]
    fn mask(self, lanes: usize) -> __mmask16 {
        ((1u32 << lanes.min(16)) - 1) as __mmask16
    }
}

// SAFETY: a vector of 512 bits has LANES = 16 numbers; loads and stores touch them all or those under the
// mask; only `detect` makes a token.
unsafe impl Isa for Avx512 {
    type F32 = __m512;

    const NAME: &'static str = "avx512";
    const LANES: usize = 16;
    const ROWS: usize = 14;
    const OUTER_ROWS: usize = 8;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves the features that `entered` is compiled for.
        unsafe { self.entered(kernel) }
    }

    #[inline(always)]
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32 {
        // SAFETY: the caller promises LANES readable numbers; the token proves the instruction.
        unsafe { _mm512_loadu_ps(pointer) }
    }

    #[inline(always)]
    unsafe fn load_partial_at(self, pointer: *const f32, lanes: usize) -> Self::F32 {
        let mask = self.mask(lanes);
        // SAFETY: masked lanes are not accessed, the others the caller promises; the token proves the instruction.
        unsafe { _mm512_maskz_loadu_ps(mask, pointer) }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers; the token proves the instruction.
        unsafe { _mm512_storeu_ps(pointer, value) }
    }

    #[inline(always)]
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, lanes: usize) {
        let mask = self.mask(lanes);
        // SAFETY: masked lanes are not accessed, the others the caller promises; the token proves the instruction.
        unsafe { _mm512_mask_storeu_ps(pointer, mask, value) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm512_cmp_ps_mask::<_CMP_ORD_Q>(a, a) };
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { _mm512_cvtps_epi32(a) };
        // SAFETY: as above.
        let bias = unsafe { _mm512_set1_epi32(127) };
        // SAFETY: as above.
        let biased = unsafe { _mm512_add_epi32(whole, bias) };
        // SAFETY: as above.
        let bits = unsafe { _mm512_slli_epi32::<23>(biased) };
        // SAFETY: as above.
        unsafe { _mm512_castsi512_ps(bits) }
    }
}
