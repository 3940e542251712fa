//! Short rows side by side: one lane for each row, so that what is folded along rows is folded in whole vectors, for all
//! of them at once, and nothing along a vector.

use super::{Isa, MOST_LANES};

/// Numbers in a tile of as many rows and columns as any vector has lanes.
const TILE: usize = MOST_LANES * MOST_LANES;

/// Turns up to `LANES` rows of `len` numbers: number `c` of row `r` goes to `target[c * LANES + r]`, lanes without a row
/// become zero. The target has room for whole tiles.
#[inline(always)]
pub(crate) fn rows_to_lanes<I: Isa>(isa: I, rows: &[f32], len: usize, target: &mut [f32]) {
    let mut tile = [0.0f32; TILE];
    for column in (0..len).step_by(I::LANES) {
        let target = &mut target[column * I::LANES..][..I::LANES * I::LANES];
        if column + I::LANES <= len && rows.len() >= I::LANES * len {
            let rows = &rows[column..][..(I::LANES - 1) * len + I::LANES];
            // SAFETY: from the first number of LANES rows, which are `len` apart, to the last of LANES in the last row;
            // the target as below.
            unsafe { isa.transpose_at(rows.as_ptr(), len, target.as_mut_ptr(), I::LANES) };
            continue;
        }
        for (row, tile) in rows.chunks_exact(len).zip(tile.chunks_exact_mut(I::LANES)) {
            isa.store(isa.load_partial(&row[column..]), tile);
        }
        // SAFETY: both hold LANES rows of LANES numbers, and one is shared, the other exclusive.
        unsafe { isa.transpose_at(tile.as_ptr(), I::LANES, target.as_mut_ptr(), I::LANES) };
    }
}

/// The inverse of [`rows_to_lanes`].
#[inline(always)]
pub(crate) fn lanes_to_rows<I: Isa>(isa: I, source: &[f32], len: usize, rows: &mut [f32]) {
    let mut tile = [0.0f32; TILE];
    for column in (0..len).step_by(I::LANES) {
        let source = &source[column * I::LANES..][..I::LANES * I::LANES];
        if column + I::LANES <= len && rows.len() >= I::LANES * len {
            let rows = &mut rows[column..][..(I::LANES - 1) * len + I::LANES];
            // SAFETY: the source as below; in the target from the first number of LANES rows, which are `len` apart, to
            // the last of LANES in the last row.
            unsafe { isa.transpose_at(source.as_ptr(), I::LANES, rows.as_mut_ptr(), len) };
            continue;
        }
        // SAFETY: both hold LANES rows of LANES numbers, and one is shared, the other exclusive.
        unsafe { isa.transpose_at(source.as_ptr(), I::LANES, tile.as_mut_ptr(), I::LANES) };
        for (row, tile) in rows.chunks_exact_mut(len).zip(tile.chunks_exact(I::LANES)) {
            isa.store_partial(isa.load(tile), &mut row[column..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Kernel;
    use crate::testing::on_each_level;

    /// Turns rows, checks where their numbers are, and turns them back.
    struct There<'a> {
        rows: &'a [f32],
        len: usize,
        back: &'a mut [f32],
    }

    impl Kernel for There<'_> {
        type Output = ();

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) {
            let Self { rows, len, back } = self;
            let (rows, back) =
                (&rows[..rows.len().min(I::LANES * len)], &mut back[..rows.len().min(I::LANES * len)]);
            let mut lanes = vec![f32::NAN; (len + I::LANES) * I::LANES];
            rows_to_lanes(isa, rows, len, &mut lanes);
            for (at, &lane) in lanes[..len * I::LANES].iter().enumerate() {
                let (column, row) = (at / I::LANES, at % I::LANES);
                assert_eq!(lane, rows.get(row * len + column).copied().unwrap_or(0.0));
            }
            lanes_to_rows(isa, &lanes, len, back);
            assert_eq!(rows, back);
        }
    }

    #[test]
    fn rows_of_every_length_become_lanes_and_rows_again() {
        for (len, count) in (1..40).flat_map(|len| [(len, 1), (len, 3), (len, 4), (len, MOST_LANES)]) {
            let rows: Vec<f32> = (1..=len * count).map(|value| value as f32).collect();
            on_each_level(|level| level.run(There { rows: &rows, len, back: &mut vec![0.0; rows.len()] }));
        }
    }
}
