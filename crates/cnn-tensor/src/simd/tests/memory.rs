//! What loads and stores touch.
//!
//! What surrounds a slice is a canary, and slices end where their allocation ends, so that AddressSanitizer and Miri
//! see a load that reaches further.

use super::CANARY;
use crate::simd::{Isa, Kernel, MOST_LANES};
use crate::testing::on_each_level;

/// Loads what a slice has and stores it to another: partial where they are shorter than a vector.
struct Copy<'a> {
    source: &'a [f32],
    target: &'a mut [f32],
}

impl Kernel for Copy<'_> {
    /// The lanes of the vector between, and how many it has.
    type Output = ([f32; MOST_LANES], usize);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let vector = isa.load_partial(self.source);
        isa.store_partial(vector, self.target);
        let mut lanes = [CANARY; MOST_LANES];
        isa.store(vector, &mut lanes);
        (lanes, I::LANES)
    }
}

#[test]
fn partial_loads_see_their_numbers_and_zeros_and_partial_stores_write_theirs_alone() {
    on_each_level(|level| {
        for len in 0..=MOST_LANES + 1 {
            // The allocation ends with the slice: a sanitizer sees any lane beyond.
            let source: Box<[f32]> = (0..len).map(|index| index as f32 - 3.25).collect();
            for margin in [1, 2, MOST_LANES] {
                let mut buffer = vec![CANARY; margin + len + MOST_LANES];
                let target = &mut buffer[margin..margin + len];
                let (vector, lanes) = level.run(Copy { source: &source, target });
                for (lane, &got) in vector.iter().enumerate() {
                    let beyond = if lane < lanes { 0.0 } else { CANARY };
                    let expected = source.get(lane).copied().filter(|_| lane < lanes).unwrap_or(beyond);
                    assert_eq!(got.to_bits(), expected.to_bits(), "{level}: lane {lane} of {len} loaded");
                }
                for (index, &got) in buffer.iter().enumerate() {
                    let written = index.checked_sub(margin).filter(|&lane| lane < len.min(lanes));
                    let expected = written.map_or(CANARY, |lane| source[lane]);
                    assert_eq!(got.to_bits(), expected.to_bits(), "{level}: {len} stored, at {index}");
                }
            }
            let mut exact: Box<[f32]> = vec![CANARY; len].into();
            level.run(Copy { source: &source, target: &mut exact });
        }
    });
}

/// Loads and stores one whole vector, one number into a slice.
struct CopyWhole<'a> {
    source: &'a [f32],
    target: &'a mut [f32],
}

impl Kernel for CopyWhole<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        isa.store(isa.load(&self.source[1..]), &mut self.target[1..]);
        I::LANES
    }
}

#[test]
fn whole_stores_write_one_vector_at_any_alignment() {
    on_each_level(|level| {
        let source: Vec<f32> = (0..MOST_LANES + 1).map(|index| index as f32).collect();
        let mut target = vec![CANARY; MOST_LANES + 3];
        let lanes = level.run(CopyWhole { source: &source, target: &mut target });
        for (index, &got) in target.iter().enumerate() {
            let expected = if (1..=lanes).contains(&index) { source[index] } else { CANARY };
            assert_eq!(got.to_bits(), expected.to_bits(), "{level}: number {index}");
        }
    });
}

/// Loads bytes and stores them again.
struct CopyBytes<'a> {
    source: &'a [u8],
    target: &'a mut [u8],
}

impl Kernel for CopyBytes<'_> {
    /// The lanes of the vector between, and how many it has.
    type Output = ([f32; MOST_LANES], usize);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let vector = isa.load_bytes(self.source);
        isa.store_bytes(vector, self.target);
        let mut lanes = [CANARY; MOST_LANES];
        isa.store(vector, &mut lanes);
        (lanes, I::LANES)
    }
}

#[test]
fn bytes_are_numbers_from_0_to_255_and_as_many_as_the_slice_has() {
    const CANARY_BYTE: u8 = 0xA5;
    on_each_level(|level| {
        for len in 0..=MOST_LANES + 1 {
            for first in (0..=255u8).step_by(5) {
                let source: Box<[u8]> =
                    (0..len).map(|index| first.wrapping_sub((17 * index) as u8)).collect();
                let mut buffer = vec![CANARY_BYTE; 3 + len + MOST_LANES];
                let target = &mut buffer[3..3 + len];
                let (vector, lanes) = level.run(CopyBytes { source: &source, target });
                for (lane, &got) in vector[..lanes].iter().enumerate() {
                    let expected = source.get(lane).map_or(0.0, |&byte| f32::from(byte));
                    assert_eq!(got, expected, "{level}: lane {lane} of {len} loaded");
                }
                for (index, &got) in buffer.iter().enumerate() {
                    let written = index.checked_sub(3).filter(|&lane| lane < len.min(lanes));
                    let expected = written.map_or(CANARY_BYTE, |lane| source[lane]);
                    assert_eq!(got, expected, "{level}: {len} stored, at {index}");
                }
            }
        }
    });
}

/// Prefetches around a slice, and where nothing is.
struct Prefetch<'a>(&'a [f32]);

impl Kernel for Prefetch<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for pointer in [self.0.as_ptr(), self.0.as_ptr_range().end, std::ptr::null()] {
            isa.prefetch(pointer);
            isa.prefetch_write(pointer.cast_mut());
        }
    }
}

#[test]
fn a_prefetch_of_any_address_is_harmless() {
    on_each_level(|level| level.run(Prefetch(&[1.0; MOST_LANES])));
}

/// Transposes the block that begins one number into a slice, with these pitches.
struct Transpose<'a> {
    source: &'a [f32],
    source_pitch: usize,
    target: &'a mut [f32],
    target_pitch: usize,
}

impl Kernel for Transpose<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        let reach = |pitch: usize| 1 + (I::LANES - 1) * pitch + I::LANES;
        assert!(reach(self.source_pitch) <= self.source.len());
        assert!(reach(self.target_pitch) <= self.target.len());
        let source = self.source.as_ptr().wrapping_add(1);
        let target = self.target.as_mut_ptr().wrapping_add(1);
        // SAFETY: the lines above made sure that the last row of both ends inside its slice.
        unsafe { isa.transpose_at(source, self.source_pitch, target, self.target_pitch) };
        I::LANES
    }
}

#[test]
fn a_transposed_block_swaps_rows_and_columns_and_leaves_its_surroundings() {
    const ROW: usize = MOST_LANES + 5;
    let source: Vec<f32> = (0..MOST_LANES * ROW).map(|index| index as f32).collect();
    on_each_level(|level| {
        for (source_pitch, target_pitch) in
            [(MOST_LANES, MOST_LANES), (MOST_LANES + 3, ROW), (ROW, MOST_LANES + 1)]
        {
            let mut target = vec![CANARY; MOST_LANES * ROW];
            let lanes =
                level.run(Transpose { source: &source, source_pitch, target: &mut target, target_pitch });
            for (index, &got) in target.iter().enumerate() {
                let place = index.checked_sub(1).map(|at| (at / target_pitch, at % target_pitch));
                let expected = match place {
                    Some((row, column)) if row < lanes && column < lanes => {
                        source[1 + column * source_pitch + row]
                    }
                    _ => CANARY,
                };
                assert_eq!(got.to_bits(), expected.to_bits(), "{level}: number {index}");
            }
        }
    });
}
