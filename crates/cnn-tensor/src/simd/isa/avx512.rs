//! AVX-512: sixteen lanes, thirty-two registers, masks for tails.

use std::arch::{asm, x86_64::*};

use super::{Isa, Kernel, MOST_LANES, token};

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
    type Order = __m512i;

    const NAME: &'static str = "avx512";
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
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
        for group in 0..4 {
            let mut rows = [self.splat(0.0); 4];
            for (index, row) in rows.iter_mut().enumerate() {
                let at = |quarter: usize| {
                    source.wrapping_add((4 * quarter + index) * source_pitch + 4 * group).cast::<__m128>()
                };
                // Quarter q holds four numbers of row 4q + index.
                // SAFETY: the caller promises whole rows of sixteen numbers, of which these are four.
                let quarters = [0, 1, 2, 3].map(|quarter| unsafe { at(quarter).read_unaligned() });
                // SAFETY: the token proves the instruction.
                let wide = unsafe { _mm512_castps128_ps512(quarters[0]) };
                // SAFETY: as above.
                let wide = unsafe { _mm512_insertf32x4::<1>(wide, quarters[1]) };
                // SAFETY: as above.
                let wide = unsafe { _mm512_insertf32x4::<2>(wide, quarters[2]) };
                // SAFETY: as above.
                *row = unsafe { _mm512_insertf32x4::<3>(wide, quarters[3]) };
            }
            // Within each quarter, a transposition of four by four.
            // SAFETY: the token proves the instruction.
            let low01 = unsafe { _mm512_unpacklo_ps(rows[0], rows[1]) };
            // SAFETY: as above.
            let low23 = unsafe { _mm512_unpacklo_ps(rows[2], rows[3]) };
            // SAFETY: as above.
            let high01 = unsafe { _mm512_unpackhi_ps(rows[0], rows[1]) };
            // SAFETY: as above.
            let high23 = unsafe { _mm512_unpackhi_ps(rows[2], rows[3]) };
            // SAFETY: as above.
            let first = unsafe { _mm512_shuffle_ps::<0x44>(low01, low23) };
            // SAFETY: as above.
            let second = unsafe { _mm512_shuffle_ps::<0xEE>(low01, low23) };
            // SAFETY: as above.
            let third = unsafe { _mm512_shuffle_ps::<0x44>(high01, high23) };
            // SAFETY: as above.
            let fourth = unsafe { _mm512_shuffle_ps::<0xEE>(high01, high23) };
            for (index, value) in [first, second, third, fourth].into_iter().enumerate() {
                // SAFETY: the caller promises sixteen writable numbers in each row of the target.
                unsafe { self.store_at(value, target.wrapping_add((4 * group + index) * target_pitch)) };
            }
        }
    }

    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        // SAFETY: the token proves the instruction.
        let low = unsafe { _mm512_castps512_ps256(a) };
        // SAFETY: as above.
        let high = unsafe { _mm512_extractf32x8_ps::<1>(a) };
        // SAFETY: as above.
        let half = unsafe { _mm256_add_ps(low, high) };
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
    fn select_above(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    fn select_equal(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) };
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> Self::F32 {
        let mask = self.mask(source.len());
        let bytes = match source.len() >= Self::LANES {
            // SAFETY: sixteen bytes can be read; the token proves the instruction.
            true => unsafe { _mm_loadu_si128(source.as_ptr().cast()) },
            // SAFETY: masked bytes are not accessed, the others are the slice; the token proves the instruction.
            false => unsafe { _mm_maskz_loadu_epi8(mask, source.as_ptr().cast()) },
        };
        // SAFETY: the token proves the instruction.
        let whole = unsafe { _mm512_cvtepu8_epi32(bytes) };
        // SAFETY: as above.
        unsafe { _mm512_cvtepi32_ps(whole) }
    }

    #[inline(always)]
    fn store_bytes(self, value: Self::F32, target: &mut [u8]) {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { _mm512_cvtps_epi32(value) };
        // SAFETY: as above.
        let bytes = unsafe { _mm512_cvtepi32_epi8(whole) };
        let mask = self.mask(target.len());
        match target.len() >= Self::LANES {
            // SAFETY: sixteen bytes can be written; the token proves the instruction.
            true => unsafe { _mm_storeu_si128(target.as_mut_ptr().cast(), bytes) },
            // SAFETY: masked bytes are not accessed, the others are the slice; the token proves the instruction.
            false => unsafe { _mm_mask_storeu_epi8(target.as_mut_ptr().cast(), mask, bytes) },
        }
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

    #[inline(always)]
    fn order(self, from: [u8; MOST_LANES]) -> Self::Order {
        // The instruction looks at the lowest four bits of each word.
        let words = from.map(i32::from);
        // SAFETY: the array holds at least sixteen words, and the token proves the instruction.
        unsafe { _mm512_loadu_epi32(words.as_ptr()) }
    }

    #[inline(always)]
    fn permute(self, a: Self::F32, order: Self::Order) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { _mm512_permutexvar_ps(order, a) }
    }
}
