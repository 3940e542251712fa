//! AVX2 with FMA: eight lanes, sixteen registers.

use std::arch::{asm, x86_64::*};

use super::{Isa, Kernel, MOST_LANES, token};

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
    type Order = __m256i;

    const NAME: &'static str = "avx2";
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    const ROWS: usize = 6;
    const OUTER_ROWS: usize = 6;

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
        if lanes >= 8 {
            // SAFETY: the caller promises these numbers, all eight.
            return unsafe { self.load_at(pointer) };
        }
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
        if lanes >= 8 {
            // A masked store takes some processors many times as long.
            // SAFETY: the caller promises these numbers, all eight.
            return unsafe { self.store_at(value, pointer) };
        }
        let mask = self.mask(lanes);
        // SAFETY: masked lanes are not accessed, the others the caller promises; the token proves the instruction.
        unsafe { _mm256_maskstore_ps(pointer, mask, value) }
    }

    #[inline(always)]
    fn prefetch(self, pointer: *const f32) {
        // SAFETY: a prefetch reads nothing that the program sees and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(pointer.cast()) }
    }

    #[inline(always)]
    fn prefetch_write(self, pointer: *mut f32) {
        // The intrinsic asks for the memory as a load does, unless the program is compiled for newer processors. Those
        // that do not know the instruction pass over it.
        // SAFETY: a prefetch reads nothing that the program sees and faults at no address.
        unsafe {
            asm!("prefetchw [{}]", in(reg) pointer, options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn transpose_at(
        self,
        source: *const f32,
        source_pitch: usize,
        target: *mut f32,
        target_pitch: usize,
    ) {
        for group in 0..2 {
            let mut rows = [self.splat(0.0); 4];
            for (index, row) in rows.iter_mut().enumerate() {
                let at = |half: usize| {
                    source.wrapping_add((4 * half + index) * source_pitch + 4 * group).cast::<__m128>()
                };
                // Half h holds four numbers of row 4h + index.
                // SAFETY: the caller promises whole rows of eight numbers, of which these are four.
                let halves = [0, 1].map(|half| unsafe { at(half).read_unaligned() });
                // SAFETY: the token proves the instruction.
                *row = unsafe { _mm256_set_m128(halves[1], halves[0]) };
            }
            // Within each half, a transposition of four by four.
            // SAFETY: the token proves the instruction.
            let low01 = unsafe { _mm256_unpacklo_ps(rows[0], rows[1]) };
            // SAFETY: as above.
            let low23 = unsafe { _mm256_unpacklo_ps(rows[2], rows[3]) };
            // SAFETY: as above.
            let high01 = unsafe { _mm256_unpackhi_ps(rows[0], rows[1]) };
            // SAFETY: as above.
            let high23 = unsafe { _mm256_unpackhi_ps(rows[2], rows[3]) };
            // SAFETY: as above.
            let first = unsafe { _mm256_shuffle_ps::<0x44>(low01, low23) };
            // SAFETY: as above.
            let second = unsafe { _mm256_shuffle_ps::<0xEE>(low01, low23) };
            // SAFETY: as above.
            let third = unsafe { _mm256_shuffle_ps::<0x44>(high01, high23) };
            // SAFETY: as above.
            let fourth = unsafe { _mm256_shuffle_ps::<0xEE>(high01, high23) };
            for (index, value) in [first, second, third, fourth].into_iter().enumerate() {
                // SAFETY: the caller promises eight writable numbers in each row of the target.
                unsafe { self.store_at(value, target.wrapping_add((4 * group + index) * target_pitch)) };
            }
        }
    }

    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        let half = a;
        // SAFETY: the token proves the instruction.
        let low = unsafe { _mm256_castps256_ps128(half) };
        // SAFETY: as above.
        let high = unsafe { _mm256_extractf128_ps::<1>(half) };
        // SAFETY: as above.
        let quarter = unsafe { _mm_add_ps(low, high) };
        // SAFETY: as above.
        let high = unsafe { _mm_movehl_ps(quarter, quarter) };
        // SAFETY: as above.
        let pair = unsafe { _mm_add_ps(quarter, high) };
        // SAFETY: as above.
        let high = unsafe { _mm_movehdup_ps(pair) };
        // SAFETY: as above.
        let one = unsafe { _mm_add_ss(pair, high) };
        // SAFETY: as above.
        unsafe { _mm_cvtss_f32(one) }
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
    fn select_above(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm256_cmp_ps::<_CMP_NLE_UQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn select_equal(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> Self::F32 {
        let mut bytes = [0u8; 8];
        match source.len() >= Self::LANES {
            true => bytes.copy_from_slice(&source[..8]),
            false => bytes[..source.len()].copy_from_slice(source),
        }
        // SAFETY: the token proves the instruction.
        let bytes = unsafe { _mm_cvtsi64_si128(i64::from_le_bytes(bytes)) };
        // SAFETY: as above.
        let whole = unsafe { _mm256_cvtepu8_epi32(bytes) };
        // SAFETY: as above.
        unsafe { _mm256_cvtepi32_ps(whole) }
    }

    #[inline(always)]
    fn store_bytes(self, value: Self::F32, target: &mut [u8]) {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { _mm256_cvtps_epi32(value) };
        // SAFETY: as above.
        let low = unsafe { _mm256_castsi256_si128(whole) };
        // SAFETY: as above.
        let high = unsafe { _mm256_extracti128_si256::<1>(whole) };
        // SAFETY: as above.
        let words = unsafe { _mm_packus_epi32(low, high) };
        // SAFETY: as above.
        let packed = unsafe { _mm_packus_epi16(words, words) };
        // SAFETY: as above.
        let bytes = unsafe { _mm_cvtsi128_si64(packed) }.to_le_bytes();
        match target.len() >= Self::LANES {
            true => target[..8].copy_from_slice(&bytes),
            false => target.iter_mut().zip(bytes).for_each(|(target, byte)| *target = byte),
        }
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

    #[inline(always)]
    fn order(self, from: [u8; MOST_LANES]) -> Self::Order {
        // The instruction looks at the lowest three bits of each word.
        let words = from.map(i32::from);
        // SAFETY: the array holds more than eight words, and the token proves the instruction.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn permute(self, a: Self::F32, order: Self::Order) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm256_permutevar8x32_ps(a, order) }
    }
}
