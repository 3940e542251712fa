//! Loops over the channels of one pixel of an image.
//!
//! The last vector of a pixel may be partial. Where memory allows, it is a whole one all the same: what it
//! writes too much falls on the pixels that follow, which are computed later.

use super::{Part, Whole, Width};
use crate::simd::Isa;

/// What is done to the vectors of one pixel's channels.
pub(crate) trait Pixel<I: Isa> {
    /// Works on the `N` vectors from `channel` on.
    fn vectors<W: Width<I>, const N: usize>(&mut self, isa: I, width: W, channel: usize);

    /// Whether a whole vector from `channel` on stays inside everything that is read and written.
    fn has_room(&self, channel: usize) -> bool;

    /// All channels.
    #[inline(always)]
    fn work(&mut self, isa: I, channels: usize) {
        let mut channel = 0;
        while channel + 4 * I::LANES <= channels {
            self.vectors::<_, 4>(isa, Whole, channel);
            channel += 4 * I::LANES;
        }
        while channel + I::LANES <= channels {
            self.vectors::<_, 1>(isa, Whole, channel);
            channel += I::LANES;
        }
        if channel < channels {
            match self.has_room(channel) {
                true => self.vectors::<_, 1>(isa, Whole, channel),
                false => self.vectors::<_, 1>(isa, Part(channels - channel), channel),
            }
        }
    }
}
