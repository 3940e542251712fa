//! Columns of a block of rows, shared out between threads where there are too few blocks for them.

/// Fewest columns of a strip: what its list of rows takes is little beside the rows.
const COLUMNS: usize = 64;

/// Most strips of a block.
const STRIPS: usize = 8;

/// Blocks that are enough for all threads.
const ENOUGH: usize = 16;

/// Numbers of a block that is worth cutting.
const WORTH: usize = 1 << 15;

/// Some columns of all rows of a block.
pub(crate) struct Strip<'a, E> {
    /// Number of the first column.
    pub(crate) first: usize,
    pub(crate) rows: Vec<&'a mut [E]>,
}

/// Columns of a strip of blocks of rows of `inner` columns; `None` where blocks stay whole. A function of the sizes
/// alone.
pub(crate) fn width(blocks: usize, [rows, inner]: [usize; 2]) -> Option<usize> {
    let cut = blocks < ENOUGH && inner >= 2 * COLUMNS && rows.saturating_mul(inner) >= WORTH;
    cut.then(|| inner.div_ceil(STRIPS).next_multiple_of(COLUMNS))
}

/// Cuts a block into strips.
pub(crate) fn of<E>(block: &mut [E], inner: usize, width: usize) -> Vec<Strip<'_, E>> {
    let rows = block.len() / inner;
    let strip = |first| Strip { first, rows: Vec::with_capacity(rows) };
    let mut strips: Vec<_> = (0..inner).step_by(width).map(strip).collect();
    for row in block.chunks_exact_mut(inner) {
        for (strip, columns) in strips.iter_mut().zip(row.chunks_mut(width)) {
            strip.rows.push(columns);
        }
    }
    strips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_are_all_columns_of_all_rows() {
        let mut block: Vec<usize> = (0..3 * 300).collect();
        let strips = of(&mut block, 300, 128);
        assert_eq!(strips.iter().map(|strip| strip.first).collect::<Vec<_>>(), [0, 128, 256]);
        for Strip { first, rows } in strips {
            for (row, columns) in rows.iter().enumerate() {
                let expected: Vec<usize> = (first..300.min(first + 128)).map(|at| row * 300 + at).collect();
                assert_eq!(**columns, expected);
            }
        }
    }

    #[test]
    fn many_blocks_narrow_ones_and_small_ones_stay_whole() {
        assert_eq!(width(1, [1000, 300]), Some(64));
        assert_eq!(width(1, [1000, 3000]), Some(384));
        assert_eq!([width(16, [1000, 300]), width(1, [1 << 20, 100]), width(1, [10, 300])], [None; 3]);
    }
}
