//! The vector interface that algorithms are written against, and its implementations.
//!
//! Values follow IEEE 754; `fma` rounds once where the instruction set fuses and twice on the portable path, so
//! results agree between instruction sets to rounding, not to the bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

use super::MOST_LANES;

/// A computation that is compiled once for each instruction set. Mark `run`, and what it calls, `#[inline(always)]`.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Computes, with the instructions that the token stands for.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// A token for an instruction set, with its operations on vectors of `f32`.
///
/// # Safety
/// Callers make pointers valid for what is promised here. So `LANES` is a power of two of at most [`MOST_LANES`] and
/// the number of lanes of [`Isa::F32`]; `load_at` and `store_at` touch `LANES` numbers and nothing else,
/// `load_partial_at` and `store_partial_at` the first `lanes` and nothing else; and a value of the type
/// exists only on a processor that has the instructions of every method.
pub(crate) unsafe trait Isa: Copy + Send + Sync + 'static {
    /// A vector of [`Isa::LANES`] numbers.
    type F32: Copy;
    /// For each lane of a vector, a lane that it takes its number from.
    type Order: Copy;

    /// Name, as in `CNN_ISA`.
    const NAME: &'static str;
    /// Numbers in a vector.
    const LANES: usize;
    /// Registers for vectors: a loop that holds more of them at a time goes through memory.
    const REGISTERS: usize;
    /// Rows of the register tile that multiplies rows by two vectors of columns.
    const ROWS: usize;
    /// Rows of the register tile that accumulates outer products.
    const OUTER_ROWS: usize;

    /// Runs a kernel inside a function compiled for this instruction set.
    fn enter<K: Kernel>(self, kernel: K) -> K::Output;

    /// `LANES` numbers at `pointer`.
    ///
    /// # Safety
    /// They can be read; no alignment is needed.
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32;

    /// The first `lanes <= LANES` numbers at `pointer`, zeros after them.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load_partial_at(self, pointer: *const f32, lanes: usize) -> Self::F32;

    /// Writes the vector to `pointer`.
    ///
    /// # Safety
    /// `LANES` numbers can be written there.
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32);

    /// Writes the first `lanes <= LANES` numbers to `pointer`.
    ///
    /// # Safety
    /// They can be written there.
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, lanes: usize);

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::F32;
    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a - b`.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`.
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a > b ? a : b` in each lane, so `b` where either is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a < b ? a : b` in each lane, so `b` where either is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a > b ? yes : no` in each lane (`no` where either is NaN).
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32;
    /// `a == a ? yes : no`: `no` where `a` is NaN.
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32;
    /// Nearest whole number, ties to even.
    fn round(self, a: Self::F32) -> Self::F32;
    /// 2 to the power of a whole number from -127 to 127 given as a float; 0 for -127.
    fn exp2_whole(self, a: Self::F32) -> Self::F32;
    /// The order in which lane `l` takes its number from lane `from[l] % LANES`; entries after the lanes say nothing.
    fn order(self, from: [u8; MOST_LANES]) -> Self::Order;
    /// The numbers in another order.
    fn permute(self, a: Self::F32, order: Self::Order) -> Self::F32;

    /// Asks for the numbers around an address, which need not be readable, to be brought to the second-level cache.
    #[inline(always)]
    fn prefetch(self, _pointer: *const f32) {}

    /// Asks for the memory around an address, which need not be writable, to be brought near so that a store finds it.
    #[inline(always)]
    fn prefetch_write(self, _pointer: *mut f32) {}

    /// Transposes a block of `LANES` rows and columns: writes number `(r, c)` of the source to `(c, r)` of the target.
    ///
    /// # Safety
    /// `LANES` numbers can be read from each of `LANES` rows, which begin `source_pitch` apart, and as many can be
    /// written `target_pitch` apart. Source and target do not overlap.
    #[inline(always)]
    unsafe fn transpose_at(
        self,
        source: *const f32,
        source_pitch: usize,
        target: *mut f32,
        target_pitch: usize,
    ) {
        for row in 0..Self::LANES {
            for column in 0..Self::LANES {
                // SAFETY: number `column` of row `row` is among those that the caller made readable.
                let value = unsafe { *source.wrapping_add(row * source_pitch + column) };
                // SAFETY: number `row` of row `column` is among those that the caller made writable.
                unsafe { *target.wrapping_add(column * target_pitch + row) = value };
            }
        }
    }

    /// `a > b`, or `a` is NaN, `? yes : no` in each lane, where `b` is not NaN.
    #[inline(always)]
    fn select_above(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        self.select_number(a, self.select_gt(a, b, yes, no), yes)
    }

    /// `a == b ? yes : no` in each lane, where neither is NaN.
    #[inline(always)]
    fn select_equal(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        self.select_gt(a, b, no, self.select_gt(b, a, no, yes))
    }

    /// Up to `LANES` bytes of a slice as numbers, zeros after them.
    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> Self::F32 {
        let mut numbers = [0.0f32; MOST_LANES];
        for (number, &byte) in numbers.iter_mut().zip(&source[..source.len().min(Self::LANES)]) {
            *number = f32::from(byte);
        }
        self.load(&numbers)
    }

    /// Writes whole numbers from 0 to 255 as bytes, as many as the slice holds, at most `LANES`.
    #[inline(always)]
    fn store_bytes(self, value: Self::F32, target: &mut [u8]) {
        // Added to 2^23, the number is what the lowest bits hold: no conversion has to look after NaN and overflow.
        const TWO_TO_23: f32 = 8_388_608.0;
        let mut numbers = [0.0f32; MOST_LANES];
        self.store(self.add(value, self.splat(TWO_TO_23)), &mut numbers);
        let mut bytes = [0; MOST_LANES];
        for lane in 0..Self::LANES {
            bytes[lane] = numbers[lane].to_bits() as u8;
        }
        match target.len() >= Self::LANES {
            true => target[..Self::LANES].copy_from_slice(&bytes[..Self::LANES]),
            false => target.iter_mut().zip(bytes).for_each(|(target, byte)| *target = byte),
        }
    }

    /// The first `LANES` numbers of a slice; panics where it is shorter.
    #[inline(always)]
    fn load(self, source: &[f32]) -> Self::F32 {
        let source = &source[..Self::LANES];
        // SAFETY: the line above made sure of LANES readable numbers.
        unsafe { self.load_at(source.as_ptr()) }
    }

    /// Up to `LANES` numbers of a slice, zeros after them.
    #[inline(always)]
    fn load_partial(self, source: &[f32]) -> Self::F32 {
        // SAFETY: no more than the slice's own length is read.
        unsafe { self.load_partial_at(source.as_ptr(), source.len().min(Self::LANES)) }
    }

    /// Writes to the first `LANES` numbers of a slice; panics where it is shorter.
    #[inline(always)]
    fn store(self, value: Self::F32, target: &mut [f32]) {
        let target = &mut target[..Self::LANES];
        // SAFETY: the line above made sure of LANES writable numbers.
        unsafe { self.store_at(value, target.as_mut_ptr()) }
    }

    /// Writes as many numbers as the slice holds, at most `LANES`.
    #[inline(always)]
    fn store_partial(self, value: Self::F32, target: &mut [f32]) {
        let lanes = target.len().min(Self::LANES);
        // SAFETY: no more than the slice's own length is written.
        unsafe { self.store_partial_at(value, target.as_mut_ptr(), lanes) }
    }

    /// `max(a, 0)` where NaN stays NaN.
    #[inline(always)]
    fn relu(self, a: Self::F32) -> Self::F32 {
        // The comparison `0 > a` is false for NaN, which therefore passes.
        let zero = self.splat(0.0);
        self.select_gt(zero, a, zero, a)
    }

    /// Sum of the lanes, halves added pairwise.
    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        self.fold(a, |a, b| self.add(a, b))
    }

    /// Combines the lanes pairwise, upper half with lower half, until one is left.
    #[inline(always)]
    fn fold(self, a: Self::F32, combine: impl Fn(Self::F32, Self::F32) -> Self::F32) -> f32 {
        let (mut a, mut width) = (a, Self::LANES);
        while width > 1 {
            width /= 2;
            let upper = self.order(std::array::from_fn(|lane| (lane + width) as u8));
            a = combine(a, self.permute(a, upper));
        }
        let mut lanes = [0.0f32; MOST_LANES];
        self.store(a, &mut lanes);
        lanes[0]
    }
}

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected as detected;
#[cfg(target_arch = "x86_64")]
use std::arch::is_x86_feature_detected as detected;

/// Defines a token from one list of features: its detector and its entrance cannot disagree.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $enabled:literal, $($feature:tt),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(());

        impl $name {
            /// The token, where this processor has the instructions.
            pub(crate) fn detect() -> Option<Self> {
                (true $(&& $crate::simd::isa::detected!($feature))+).then_some(Self(()))
            }

            #[target_feature(enable = $enabled)]
            fn entered<K: $crate::simd::isa::Kernel>(self, kernel: K) -> K::Output {
                kernel.run(self)
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use token;
