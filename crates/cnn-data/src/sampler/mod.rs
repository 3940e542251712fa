//! [`Sampler`]: in which order an epoch draws the samples.
//!
//! An order is a pure function of the data set's length and the epoch's number, so a position in it is one
//! number, and resuming in the middle of an epoch needs nothing else.

mod sequential;
mod shuffled;
mod stratified;
mod weighted;

pub use sequential::Sequential;
pub use shuffled::Shuffled;
pub use stratified::Stratified;
pub use weighted::Weighted;

use crate::Result;

/// The order of the samples of an epoch.
pub trait Sampler: Send + Sync {
    /// The indices to draw in epoch number `epoch` from a data set of `len` samples. An index may be drawn
    /// several times, or never.
    fn order(&self, len: usize, epoch: u64) -> Vec<usize>;

    /// How many samples an epoch draws: the length of every [`Sampler::order`].
    fn draws(&self, len: usize) -> usize {
        len
    }

    /// Whether the sampler fits a data set of `len` samples in batches of `batch_size`; a loader asks before each epoch.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) where it was made for another data set or another size of batches.
    fn check(&self, _len: usize, _batch_size: usize) -> Result<()> {
        Ok(())
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn order(&self, len: usize, epoch: u64) -> Vec<usize> {
        (**self).order(len, epoch)
    }

    fn draws(&self, len: usize) -> usize {
        (**self).draws(len)
    }

    fn check(&self, len: usize, batch_size: usize) -> Result<()> {
        (**self).check(len, batch_size)
    }
}

/// An error unless a sampler that was made for `made_for` samples meets as many.
fn same_length(made_for: usize, len: usize) -> Result<()> {
    if made_for == len {
        return Ok(());
    }
    let expected = format!("{len}, the length of the loader's data set");
    Err(crate::Error::argument("number of samples that the sampler was made for", made_for, expected))
}
