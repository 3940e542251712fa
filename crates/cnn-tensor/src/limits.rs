//! What this machine can do at most: microbenchmarks that speed is measured against.
//!
//! [`multiply_adds`] does nothing but fused multiply-adds in registers, [`copy`] nothing but vector loads and
//! ordinary stores. Both run on the active instruction set and on all threads, as operations do. They do not read
//! the clock: whoever calls them does, so that a kernel and its limit are timed in the same way.

use std::hint::black_box;

use crate::simd::{self, Isa, Kernel};
use crate::{Error, Result, parallel};

/// Pieces of one call of [`multiply_adds`]: many, and divisible by most small numbers of threads.
const PIECES: usize = 240;

/// Rounds of one piece: some microseconds, so that handing pieces out costs nothing beside them.
const ROUNDS: usize = 4096;

/// Independent sums. Fourteen hide the latency of every processor that does two vectors a cycle in four to five
/// cycles, and with the two factors they fill the sixteen registers of AVX2.
const CHAINS: usize = 14;

/// Numbers that one piece of [`copy`] moves: 64 KiB, as in element-wise operations.
const COPIED: usize = 1 << 14;

/// Runs independent chains of fused multiply-adds in registers on every thread, for about a millisecond.
/// Returns how many floating-point operations that were, a multiply-add counted as two.
///
/// ```
/// let start = std::time::Instant::now();
/// let operations = cnn_tensor::limits::multiply_adds()?;
/// let peak = operations as f64 / start.elapsed().as_secs_f64();
/// # assert!(peak > 0.0);
/// # Ok::<(), cnn_tensor::Error>(())
/// ```
///
/// # Errors
/// [`Error::Environment`] where `CNN_ISA` or `CNN_THREADS` asks for what there is not.
pub fn multiply_adds() -> Result<u64> {
    let level = simd::active()?;
    let operations = PIECES * ROUNDS * CHAINS * level.lanes() * 2;
    parallel::for_each(0..PIECES, operations, |_| {
        black_box(level.run(Chains { factor: black_box(1.0e-3), rounds: black_box(ROUNDS) }));
    })?;
    Ok(operations as u64)
}

/// Copies `source` to `target` by vector loads and ordinary (cached) stores on every thread.
///
/// # Shapes
/// Both of one length. `8 * len` bytes are moved: those that are read and those that are written.
///
/// # Errors
/// [`Error::Argument`] where the lengths differ; as [`multiply_adds`].
pub fn copy(source: &[f32], target: &mut [f32]) -> Result<()> {
    if source.len() != target.len() {
        return Err(Error::argument("copy", "length of the target", target.len(), "that of the source"));
    }
    let level = simd::active()?;
    let cost = size_of_val(source);
    parallel::for_each(source.chunks(COPIED).zip(target.chunks_mut(COPIED)), cost, |(source, target)| {
        level.run(Copy { source, target });
    })
}

struct Chains {
    factor: f32,
    rounds: usize,
}

impl Kernel for Chains {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f32 {
        let (a, b) = (isa.splat(self.factor), isa.splat(self.factor));
        // One variable for each sum, by name: an array indexed by a variable would live in memory.
        macro_rules! chains {
            ($($sum:ident)+) => {{
                const { assert!([$(stringify!($sum)),+].len() == CHAINS) };
                // Opaque beginnings, or the compiler would compute one sum and use it for all.
                $(let mut $sum = black_box(isa.splat(0.0));)+
                for _ in 0..self.rounds {
                    $($sum = isa.fma(a, b, $sum);)+
                }
                let mut total = isa.splat(0.0);
                $(total = isa.add(total, $sum);)+
                isa.sum(total)
            }};
        }
        chains!(s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13)
    }
}

struct Copy<'a> {
    source: &'a [f32],
    target: &'a mut [f32],
}

impl Kernel for Copy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let mut from = self.source.chunks_exact(I::LANES);
        let mut to = self.target.chunks_exact_mut(I::LANES);
        for (from, to) in (&mut from).zip(&mut to) {
            let value = isa.load(from);
            // The larger of a number and itself: a plain copy would be compiled into a call of `memcpy`, whose
            // stores are whatever the C library thinks best.
            isa.store(isa.max(value, value), to);
        }
        let tail = from.remainder();
        isa.store_partial(isa.load_partial(tail), to.into_remainder());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Level, with_level};

    #[test]
    fn every_instruction_set_counts_its_own_operations() {
        for level in Level::available() {
            let operations = with_level(level, multiply_adds).unwrap();
            assert_eq!(operations, (PIECES * ROUNDS * CHAINS * level.lanes() * 2) as u64, "{level}");
            // Each of the chains, in each lane, holds the rounded sum of the rounds' products.
            let sum = level.run(Chains { factor: 1.0, rounds: 100 });
            assert_eq!(sum, (100 * CHAINS * level.lanes()) as f32, "{level}");
        }
    }

    #[test]
    fn a_copy_is_the_same_bits_whatever_its_length() {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        for level in Level::available() {
            for len in [0, 1, 7, 16, 100, COPIED, 2 * COPIED + 3] {
                let mut source: Vec<f32> = (0..len).map(|index| index as f32 - 5.0).collect();
                if let Some(first) = source.first_mut() {
                    *first = -0.0;
                }
                let mut target = vec![f32::NAN; len];
                with_level(level, || copy(&source, &mut target)).unwrap();
                assert_eq!(bits(&source), bits(&target), "{level}, {len}");
            }
        }
        assert!(matches!(copy(&[1.0], &mut []), Err(Error::Argument { .. })));
    }
}
