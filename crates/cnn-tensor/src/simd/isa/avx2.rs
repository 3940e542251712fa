//! AVX2 with FMA: eight lanes, sixteen registers.

use std::arch::x86_64::*;

use super::{Isa, Kernel, token};

token! {
    /// Proof that this processor has AVX2 and FMA.
    Avx2, "avx2,fma", "avx2", "fma"
}

/// Masks for the first `n` lanes: eight words from `MASKS[8 - n]` on.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Avx2 {
    #[inline(always)]
    fn mask(self, lanes: usize) -> __m256i {
        let words = &MASKS[8 - lanes.min(8)..][..8];
        // SAFETY: the slice holds eight words, and the token proves AVX2.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }
}

// SAFETY: a vector of 256 bits has LANES = 8 numbers; loads and stores touch them all or those under the
// mask; only `detect` makes a token.
unsafe impl Isa for Avx2 {
    type F32 = __m256;

    const NAME: &'static str = "avx2";
    const LANES: usize = 8;
    const ROWS: usize = 6;
    const OUTER_ROWS: usize = 4;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves the features that `entered` is compiled for.
        unsafe { self.entered(kernel) }
    }

    #[inline(always)]
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32 {
        // SAFETY: the caller promises LANES readable numbers; the token proves the instruction.
        unsafe { _mm256_loadu_ps(pointer) }
    }

    #[inline(always)]
    unsafe fn load_partial_at(self, pointer: *const f32, lanes: usize) -> Self::F32 {
        let mask = self.mask(lanes);
        // SAFETY: masked lanes are not accessed, the others the caller promises; the token proves the instruction.
        unsafe { _mm256_maskload_ps(pointer, mask) }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers; the token proves the instruction.
        unsafe { _mm256_storeu_ps(pointer, value) }
    }

    #[inline(always)]
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, lanes: usize) {
        let mask = self.mask(lanes);
        // SAFETY: masked lanes are not accessed, the others the caller promises; the token proves the instruction.
        unsafe { _mm256_maskstore_ps(pointer, mask, value) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm256_cmp_ps::<_CMP_ORD_Q>(a, a) };
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { _mm256_cvtps_epi32(a) };
        // SAFETY: as above.
        let bias = unsafe { _mm256_set1_epi32(127) };
        // SAFETY: as above.
        let biased = unsafe { _mm256_add_epi32(whole, bias) };
        // SAFETY: as above.
        let bits = unsafe { _mm256_slli_epi32::<23>(biased) };
        // SAFETY: as above.
        unsafe { _mm256_castsi256_ps(bits) }
    }
}
