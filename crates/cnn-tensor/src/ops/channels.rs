//! How loops over `[rows, channels]` are cut, so that narrow channels fill vectors and sums stay accurate.
//!
//! A *group* is some whole rows, whole vectors too wherever there are fewer than [`GROUP`] channels: a
//! loop over groups adds contiguous vectors, whatever the number of channels, and the columns that belong to
//! one channel are folded at the end. A *block* is so many groups that single-precision sums down its columns
//! are exact to a few roundings; sums of blocks are added in double precision.
//! A *piece* is some blocks: what one thread takes. All three depend on the shape only.

mod pixels;
mod strips;
mod vectors;

pub(crate) use pixels::Pixel;
pub(crate) use strips::{Sums, Terms};
pub(crate) use vectors::{Part, Step, Whole, Width};

use crate::simd::MOST_LANES;

/// From so many channels on, a group is one row. With fewer it is the fewest rows that make whole vectors, as often as
/// so many numbers hold them, but at least once: 3 channels make a group of 96 numbers, 9 one of 144.
/// These are eight of the widest vectors, whose sums and what they are measured from fit the registers.
const GROUP: usize = 128;

/// Groups in a block: most additions one after the other in single precision.
const BLOCK: usize = 64;

/// Fewest numbers in a piece of an image that is one of many: what the sums of a piece cost is small beside it.
const IMAGE_PIECE: usize = 1 << 15;

/// Most pieces.
const PIECES: usize = 64;

/// Sizes of groups, blocks and pieces, in numbers (each a multiple of the number of channels).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) channels: usize,
    pub(crate) group: usize,
    pub(crate) block: usize,
    pub(crate) piece: usize,
    /// Number of pieces.
    pub(crate) pieces: usize,
}

impl Cut {
    pub(crate) fn new(rows: usize, channels: usize) -> Self {
        let len = rows * channels;
        let channels = channels.max(1);
        let group = match channels {
            GROUP.. => channels,
            _ => {
                // As many rows as the widest vector has lanes are whole vectors; so are fewer, by a power of two, where
                // channels are even.
                let whole = channels * (MOST_LANES >> channels.trailing_zeros().min(MOST_LANES.ilog2()));
                whole * (GROUP / whole).max(1)
            }
        };
        let block = group * BLOCK;
        let piece = block * len.div_ceil(PIECES).div_ceil(block).max(1);
        Self { channels, group, block, piece, pieces: len.div_ceil(piece) }
    }

    /// The cut of one image among others, into fewer pieces: other images are pieces too. How many there are must not
    /// matter, so that what becomes of an image does not depend on its batch mates.
    pub(crate) fn of_image(rows: usize, channels: usize) -> Self {
        let cut = Self::new(rows, channels);
        let len = rows * cut.channels;
        let piece = cut.block * IMAGE_PIECE.div_ceil(cut.block).max(cut.piece / cut.block);
        Self { piece, pieces: len.div_ceil(piece), ..cut }
    }

    /// Values of the channels, repeated over a group; nothing where there are no channels.
    #[inline(always)]
    pub(crate) fn repeat(&self, values: &[f32]) -> Vec<f32> {
        match values.len() {
            0 => Vec::new(),
            channels => values.repeat(self.group / channels),
        }
    }

    /// Adds the columns of a group to the channels they belong to.
    #[inline(always)]
    pub(crate) fn fold(&self, group: &[f32], sums: &mut [f64]) {
        for row in group.chunks_exact(self.channels) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_whole_rows_and_whole_vectors() {
        for channels in 1..600 {
            let cut = Cut::new(1000, channels);
            assert!(cut.group.is_multiple_of(channels), "{cut:?}");
            assert!(channels >= GROUP || cut.group.is_multiple_of(MOST_LANES), "{cut:?}");
            assert!(cut.block.is_multiple_of(cut.group) && cut.piece.is_multiple_of(cut.block), "{cut:?}");
        }
    }

    #[test]
    fn values_are_repeated_over_a_whole_group_and_none_are_nothing() {
        let cut = Cut::new(10, 3);
        let group = cut.repeat(&[1.0, 2.0, 3.0]);
        assert_eq!(group.len(), cut.group);
        assert!(group.chunks(3).all(|row| row == [1.0, 2.0, 3.0]));
        assert_eq!(Cut::new(10, 0).repeat(&[]), []);
    }

    #[test]
    fn pieces_cover_the_rows_and_are_few() {
        for rows in [0, 1, 7, 1000, 1 << 20] {
            for channels in [0, 1, 3, 64, 2048] {
                let cut = Cut::new(rows, channels);
                assert!(cut.pieces <= PIECES && cut.pieces * cut.piece >= rows * channels, "{cut:?}");
                assert!(cut.pieces == 0 || (cut.pieces - 1) * cut.piece < rows * channels, "{cut:?}");
            }
        }
    }
}
