//! NEON: four lanes, thirty-two registers.
//!
//! There are no masks: a partial load or store goes lane by lane.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Isa, Kernel, MOST_LANES, token};

token! {
    /// Proof that this processor has NEON, as practically every 64-bit ARM processor does.
    Neon, "neon", "neon"
}

impl Neon {
    #[inline(always)]
    fn lower_halves(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instruction.
        let a = unsafe { vget_low_f32(a) };
        // SAFETY: as above.
        let b = unsafe { vget_low_f32(b) };
        // SAFETY: as above.
        unsafe { vcombine_f32(a, b) }
    }

    #[inline(always)]
    fn upper_halves(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instruction.
        let a = unsafe { vget_high_f32(a) };
        // SAFETY: as above.
        let b = unsafe { vget_high_f32(b) };
        // SAFETY: as above.
        unsafe { vcombine_f32(a, b) }
    }
}

// SAFETY: a vector of 128 bits has LANES = 4 numbers; loads and stores touch them all or the first `lanes`;
// only `detect` makes a token.
unsafe impl Isa for Neon {
    type F32 = float32x4_t;
    type Order = uint8x16_t;

    const NAME: &'static str = "neon";
    const LANES: usize = 4;
    const REGISTERS: usize = 32;
    // 24 sums, two columns and a broadcast number leave five registers for numbers under way.
    const ROWS: usize = 12;
    const OUTER_ROWS: usize = 8;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves the features that `entered` is compiled for.
        unsafe { self.entered(kernel) }
    }

    #[inline(always)]
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32 {
        // SAFETY: the caller promises LANES readable numbers; the token proves the instruction.
        unsafe { vld1q_f32(pointer) }
    }

    #[inline(always)]
    unsafe fn load_partial_at(self, pointer: *const f32, lanes: usize) -> Self::F32 {
        if lanes >= Self::LANES {
            // SAFETY: the caller promises `lanes` readable numbers.
            return unsafe { self.load_at(pointer) };
        }
        let mut value = self.splat(0.0);
        if lanes > 0 {
            // SAFETY: as above; lane 0 is below `lanes`.
            value = unsafe { vld1q_lane_f32::<0>(pointer, value) };
        }
        if lanes > 1 {
            // SAFETY: as above; lane 1 is below `lanes`.
            value = unsafe { vld1q_lane_f32::<1>(pointer.wrapping_add(1), value) };
        }
        if lanes > 2 {
            // SAFETY: as above; lane 2 is below `lanes`.
            value = unsafe { vld1q_lane_f32::<2>(pointer.wrapping_add(2), value) };
        }
        value
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers; the token proves the instruction.
        unsafe { vst1q_f32(pointer, value) }
    }

    #[inline(always)]
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, lanes: usize) {
        if lanes >= Self::LANES {
            // SAFETY: the caller promises `lanes` writable numbers.
            return unsafe { self.store_at(value, pointer) };
        }
        if lanes > 0 {
            // SAFETY: as above; lane 0 is below `lanes`.
            unsafe { vst1q_lane_f32::<0>(pointer, value) };
        }
        if lanes > 1 {
            // SAFETY: as above; lane 1 is below `lanes`.
            unsafe { vst1q_lane_f32::<1>(pointer.wrapping_add(1), value) };
        }
        if lanes > 2 {
            // SAFETY: as above; lane 2 is below `lanes`.
            unsafe { vst1q_lane_f32::<2>(pointer.wrapping_add(2), value) };
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
        let mut rows = [self.splat(0.0); 4];
        for (index, row) in rows.iter_mut().enumerate() {
            // SAFETY: the caller promises four readable numbers in each row.
            *row = unsafe { self.load_at(source.wrapping_add(index * source_pitch)) };
        }
        // Each block of two by two on its own; then the blocks beside the diagonal change places.
        // SAFETY: the token proves the instruction.
        let even01 = unsafe { vtrn1q_f32(rows[0], rows[1]) };
        // SAFETY: as above.
        let odd01 = unsafe { vtrn2q_f32(rows[0], rows[1]) };
        // SAFETY: as above.
        let even23 = unsafe { vtrn1q_f32(rows[2], rows[3]) };
        // SAFETY: as above.
        let odd23 = unsafe { vtrn2q_f32(rows[2], rows[3]) };
        let columns = [
            self.lower_halves(even01, even23),
            self.lower_halves(odd01, odd23),
            self.upper_halves(even01, even23),
            self.upper_halves(odd01, odd23),
        ];
        for (index, column) in columns.into_iter().enumerate() {
            // SAFETY: the caller promises four writable numbers in each row of the target.
            unsafe { self.store_at(column, target.wrapping_add(index * target_pitch)) };
        }
    }

    #[inline(always)]
    fn prefetch(self, pointer: *const f32) {
        // SAFETY: a prefetch reads nothing that the program sees and faults at no address.
        unsafe {
            asm!("prfm pldl2keep, [{}]", in(reg) pointer, options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    fn prefetch_write(self, pointer: *mut f32) {
        // SAFETY: as above.
        unsafe {
            asm!("prfm pstl1keep, [{}]", in(reg) pointer, options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> Self::F32 {
        let mut bytes = [0u8; 4];
        match source.len() >= Self::LANES {
            true => bytes.copy_from_slice(&source[..4]),
            false => bytes[..source.len()].copy_from_slice(source),
        }
        // SAFETY: the token proves the instruction.
        let bytes = unsafe { vcreate_u8(u64::from(u32::from_le_bytes(bytes))) };
        // SAFETY: as above.
        let words = unsafe { vmovl_u8(bytes) };
        // SAFETY: as above.
        let words = unsafe { vget_low_u16(words) };
        // SAFETY: as above.
        let whole = unsafe { vmovl_u16(words) };
        // SAFETY: as above.
        unsafe { vcvtq_f32_u32(whole) }
    }

    #[inline(always)]
    fn store_bytes(self, value: Self::F32, target: &mut [u8]) {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { vcvtnq_u32_f32(value) };
        // SAFETY: as above.
        let words = unsafe { vmovn_u32(whole) };
        // SAFETY: as above.
        let words = unsafe { vcombine_u16(words, words) };
        // SAFETY: as above.
        let bytes = unsafe { vmovn_u16(words) };
        // SAFETY: as above.
        let bytes = unsafe { vreinterpret_u32_u8(bytes) };
        // SAFETY: as above.
        let bytes = unsafe { vget_lane_u32::<0>(bytes) }.to_le_bytes();
        match target.len() >= Self::LANES {
            true => target[..4].copy_from_slice(&bytes),
            false => target.iter_mut().zip(bytes).for_each(|(target, byte)| *target = byte),
        }
    }

    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        // SAFETY: the token proves the instruction.
        let low = unsafe { vget_low_f32(a) };
        // SAFETY: as above.
        let high = unsafe { vget_high_f32(a) };
        // SAFETY: as above.
        let pair = unsafe { vadd_f32(low, high) };
        // SAFETY: as above.
        unsafe { vpadds_f32(pair) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // `vmaxq_f32` would answer NaN where either is NaN.
        // SAFETY: the token proves the instruction.
        let mask = unsafe { vcgtq_f32(a, b) };
        // SAFETY: as above.
        unsafe { vbslq_f32(mask, a, b) }
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { vcltq_f32(a, b) };
        // SAFETY: as above.
        unsafe { vbslq_f32(mask, a, b) }
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { vcgtq_f32(a, b) };
        // SAFETY: as above.
        unsafe { vbslq_f32(mask, yes, no) }
    }

    #[inline(always)]
    fn select_above(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let below = unsafe { vcleq_f32(a, b) };
        // SAFETY: as above.
        unsafe { vbslq_f32(below, no, yes) }
    }

    #[inline(always)]
    fn select_equal(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { vceqq_f32(a, b) };
        // SAFETY: as above.
        unsafe { vbslq_f32(mask, yes, no) }
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let mask = unsafe { vceqq_f32(a, a) };
        // SAFETY: as above.
        unsafe { vbslq_f32(mask, yes, no) }
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        unsafe { vrndnq_f32(a) }
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let whole = unsafe { vcvtnq_s32_f32(a) };
        // SAFETY: as above.
        let bias = unsafe { vdupq_n_s32(127) };
        // SAFETY: as above.
        let biased = unsafe { vaddq_s32(whole, bias) };
        // SAFETY: as above.
        let bits = unsafe { vshlq_n_s32::<23>(biased) };
        // SAFETY: as above.
        unsafe { vreinterpretq_f32_s32(bits) }
    }

    #[inline(always)]
    fn order(self, from: [u8; MOST_LANES]) -> Self::Order {
        // The four bytes of each lane.
        let bytes: [u8; 16] = std::array::from_fn(|byte| from[byte / 4] % 4 * 4 + (byte % 4) as u8);
        // SAFETY: the array holds sixteen bytes, and the token proves the instruction.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    #[inline(always)]
    fn permute(self, a: Self::F32, order: Self::Order) -> Self::F32 {
        // SAFETY: the token proves the instruction.
        let bytes = unsafe { vreinterpretq_u8_f32(a) };
        // SAFETY: as above.
        let bytes = unsafe { vqtbl1q_u8(bytes, order) };
        // SAFETY: as above.
        unsafe { vreinterpretq_f32_u8(bytes) }
    }
}
