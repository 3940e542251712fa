//! Four lanes of plain arithmetic: what every machine can do, and what the compiler makes SSE2 or NEON of.

use super::{Isa, Kernel, MOST_LANES};

/// No particular instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

/// What a vector travels in: a type of the baseline that the compiler keeps in one register. Arrays it takes apart
/// into four numbers, which it does not always put together again.
#[cfg(target_arch = "x86_64")]
type Carrier = std::arch::x86_64::__m128;
#[cfg(target_arch = "aarch64")]
type Carrier = std::arch::aarch64::float32x4_t;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Carrier = [f32; 4];

/// Four numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vector(Carrier);

impl Vector {
    #[inline(always)]
    fn from(numbers: [f32; 4]) -> Self {
        // SAFETY: a carrier is four numbers, one after the other, and nothing else.
        Self(unsafe { std::mem::transmute::<[f32; 4], Carrier>(numbers) })
    }

    #[inline(always)]
    fn numbers(self) -> [f32; 4] {
        // SAFETY: as above.
        unsafe { std::mem::transmute::<Carrier, [f32; 4]>(self.0) }
    }
}

/// A vector of what an expression makes of each lane. Written out for four lanes: kernels repeat these operations
/// hundreds of times, and closures over arrays would cost the compiler minutes.
macro_rules! lanes {
    ($($vector:ident),+ => $number:expr) => {{
        $(let $vector = $vector.numbers();)+
        let first = { $(let $vector = $vector[0];)+ $number };
        let second = { $(let $vector = $vector[1];)+ $number };
        let third = { $(let $vector = $vector[2];)+ $number };
        let fourth = { $(let $vector = $vector[3];)+ $number };
        Vector::from([first, second, third, fourth])
    }};
}

/// `yes` or `no`, by a mask over their bits: four branches would not become vector code, four masks do.
#[inline(always)]
fn choose(condition: bool, yes: f32, no: f32) -> f32 {
    let mask = u32::from(condition).wrapping_neg();
    f32::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
}

// SAFETY: vectors are LANES = 4 numbers, read and written whole or up to `count`; no instructions
// are needed beyond those that everything is compiled for.
unsafe impl Isa for Portable {
    type F32 = Vector;
    type Order = [u8; 4];

    const NAME: &'static str = "portable";
    const LANES: usize = 4;
    // What x86-64 has at least; other processors have more.
    const REGISTERS: usize = 16;
    const ROWS: usize = 4;
    const OUTER_ROWS: usize = 4;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load_at(self, pointer: *const f32) -> Self::F32 {
        // SAFETY: the caller promises LANES readable numbers; `read_unaligned` asks for no more.
        Vector::from(unsafe { pointer.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_partial_at(self, pointer: *const f32, count: usize) -> Self::F32 {
        if count >= Self::LANES {
            // SAFETY: the caller promises `count` readable numbers.
            return unsafe { self.load_at(pointer) };
        }
        let mut numbers = [0.0; 4];
        if count > 0 {
            // SAFETY: as above; the first is among them.
            numbers[0] = unsafe { pointer.read() };
        }
        if count > 1 {
            // SAFETY: as above; the second is among them.
            numbers[1] = unsafe { pointer.wrapping_add(1).read() };
        }
        if count > 2 {
            // SAFETY: as above; the third is among them.
            numbers[2] = unsafe { pointer.wrapping_add(2).read() };
        }
        Vector::from(numbers)
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Self::F32, pointer: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers.
        unsafe { pointer.cast::<[f32; 4]>().write_unaligned(value.numbers()) }
    }

    #[inline(always)]
    unsafe fn store_partial_at(self, value: Self::F32, pointer: *mut f32, count: usize) {
        if count >= Self::LANES {
            // SAFETY: the caller promises `count` writable numbers.
            return unsafe { self.store_at(value, pointer) };
        }
        let numbers = value.numbers();
        if count > 0 {
            // SAFETY: as above; the first is among them.
            unsafe { pointer.write(numbers[0]) };
        }
        if count > 1 {
            // SAFETY: as above; the second is among them.
            unsafe { pointer.wrapping_add(1).write(numbers[1]) };
        }
        if count > 2 {
            // SAFETY: as above; the third is among them.
            unsafe { pointer.wrapping_add(2).write(numbers[2]) };
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        Vector::from([value; 4])
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(a, b => a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(a, b => a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(a, b => a * b)
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        lanes!(a, b, c => a * b + c)
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(a, b => if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes!(a, b => if a < b { a } else { b })
    }

    #[inline(always)]
    fn select_gt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes!(a, b, yes, no => choose(a > b, yes, no))
    }

    #[inline(always)]
    fn select_number(self, a: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32 {
        lanes!(a, yes, no => choose(!a.is_nan(), yes, no))
    }

    #[inline(always)]
    fn round(self, a: Self::F32) -> Self::F32 {
        // Where SSE4.1 may not be assumed, `round_ties_even` is a call for each lane. From 2^23 on all numbers are whole.
        const TWO_TO_23: f32 = 8_388_608.0;
        lanes!(a => {
            let rounded = ((a.abs() + TWO_TO_23) - TWO_TO_23).copysign(a);
            choose(a.abs() < TWO_TO_23, rounded, a)
        })
    }

    #[inline(always)]
    fn exp2_whole(self, a: Self::F32) -> Self::F32 {
        // A conversion looks after NaN and overflow, lane by lane. Added to 1.5 * 2^23, whose lowest nine bits are
        // zeros, the number is in the lowest bits; biased, it is shifted to where the exponent is.
        const MAGIC: f32 = 12_582_912.0;
        lanes!(a => f32::from_bits((a + MAGIC).to_bits().wrapping_add(127) << 23))
    }

    #[inline(always)]
    fn order(self, from: [u8; MOST_LANES]) -> Self::Order {
        [from[0] % 4, from[1] % 4, from[2] % 4, from[3] % 4]
    }

    #[inline(always)]
    fn permute(self, a: Self::F32, order: Self::Order) -> Self::F32 {
        let numbers = a.numbers();
        Vector::from(order.map(|lane| numbers[usize::from(lane % 4)]))
    }
}
