//! Vectors as plain arrays of four: what every machine can do, and what the compiler makes SSE2 or NEON of.

use super::{Isa, Kernel};

/// No particular instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

#[inline(always)]
fn lanes(f: impl Fn(usize) -> f32) -> [f32; 4] {
    [f(0), f(1), f(2), f(3)]
}

/// `yes` or `no`, by a mask over their bits: four branches would not become vector code, four masks do.
#[inline(always)]
fn choose(condition: bool, yes: f32, no: f32) -> f32 {
    let mask = u32::from(condition).wrapping_neg();
    f32::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
}

// SAFETY: vectors are arrays of LANES = 4 numbers, read and written whole or up to `count`; no instructions
// are needed beyond those that everything is compiled for.
unsafe impl Isa for Portable {
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
        lanes(|i| choose(a[i] > b[i], yes[i], no[i]))
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes(|i| choose(!a[i].is_nan(), yes[i], no[i]))
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // Where SSE4.1 may not be assumed, `round_ties_even` is a call for each lane. From 2^23 on all numbers are whole.
        const TWO_TO_23: f32 = 8_388_608.0;
        lanes(|i| {
            let rounded = ((a[i].abs() + TWO_TO_23) - TWO_TO_23).copysign(a[i]);
            choose(a[i].abs() < TWO_TO_23, rounded, a[i])
        })
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // A conversion looks after NaN and overflow, lane by lane. Added to 1.5 * 2^23, whose lowest nine bits are
        // zeros, the number is in the lowest bits; biased, it is shifted to where the exponent is.
        const MAGIC: f32 = 12_582_912.0;
        lanes(|i| f32::from_bits((a[i] + MAGIC).to_bits().wrapping_add(127) << 23))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_whole_number_and_ties_go_to_even() {
        let large = [8_388_607.5, 8_388_608.0, 16_777_217.0, 4_194_304.5, f32::MAX, f32::INFINITY];
        for a in
            (-2000..2000).map(|n| n as f32 / 8.0).chain(large).chain([-0.0, 0.499_999_97, f32::NAN, 1e-40])
        {
            for a in [a, -a] {
                let got = Portable.round([a; 4])[0];
                assert_eq!(got.to_bits(), a.round_ties_even().to_bits(), "{a}");
            }
        }
    }

    #[test]
    fn powers_of_two_are_exact() {
        for power in -126..=127 {
            assert_eq!(Portable.exp2_whole([power as f32; 4]), [2.0f32.powi(power); 4], "{power}");
        }
    }

    #[test]
    fn selections_are_by_lane_and_nan_compares_to_nothing() {
        let (yes, no) = ([1.0, 2.0, 3.0, -0.0], [-1.0, -2.0, -3.0, f32::INFINITY]);
        let a = [1.0, f32::NAN, 0.0, f32::INFINITY];
        assert_eq!(Portable.select_gt(a, [0.5; 4], yes, no), [1.0, -2.0, -3.0, -0.0]);
        assert_eq!(Portable.select_number(a, yes, no), [1.0, -2.0, 3.0, -0.0]);
    }
}
