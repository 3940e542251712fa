//! [`Batches`]: an epoch as an iterator, which knows where it stands and what it left out.
//!
//! What is bad is written down when the caller takes the batch, not when a worker meets it, so that lists and
//! positions do not depend on how far the workers are ahead.

use std::collections::HashSet;
use std::fmt;

use super::assemble::Assembler;
use super::workers::Workers;
use super::{Batch, Loader, Position};
use crate::bad_samples::BadList;
use crate::{BadSample, Error, Result};

/// The batches of an epoch, in order. It ends after the first error; dropping it stops its workers.
pub struct Batches {
    source: Source,
    position: Position,
    end: usize,
    /// The loader's list.
    bad: BadList,
    /// Whether the epoch had a batch; where it is resumed that is taken for granted.
    delivered: bool,
}

enum Source {
    Here(Box<Assembler>),
    Workers(Workers),
}

impl Batches {
    /// Begins an epoch at a position, whose samples in quarantine are left out of the order.
    pub(super) fn start(loader: &Loader, mut order: Vec<usize>, position: Position) -> Result<Self> {
        if let Some(first) = position.quarantined.first() {
            let quarantined: HashSet<usize> = position.quarantined.iter().map(|bad| bad.index).collect();
            order.retain(|index| !quarantined.contains(index));
            if order.is_empty() {
                return Err(Error::NothingLeft { count: quarantined.len(), first: first.clone() });
            }
        }
        let (start, end) = (position.batch, loader.batches_of(order.len()));
        if start > end {
            let expected = format!("at most {end}, the number of batches in an epoch");
            return Err(Error::argument("first batch", start, expected));
        }
        let assembler = Assembler::new(loader, order, position.epoch);
        let source = match loader.workers {
            0 => Source::Here(Box::new(assembler)),
            count => {
                let ahead = count.saturating_add(loader.prefetch);
                Source::Workers(Workers::start(assembler, start..end, count.min(end - start), ahead))
            }
        };
        Ok(Self { source, position, end, bad: loader.bad.clone(), delivered: start > 0 })
    }

    /// Where the epoch stands: what to give to [`Loader::resume`] after an interruption.
    pub fn position(&self) -> Position {
        self.position.clone()
    }

    /// The samples that were left out of the batches so far, in the order in which they were drawn.
    pub fn skipped(&self) -> &[BadSample] {
        &self.position.skipped
    }

    /// The end of the epoch, which must not be silent where every sample was bad.
    fn finish(&mut self) -> Option<Result<Batch>> {
        let first = self.position.skipped.first().filter(|_| !self.delivered)?.clone();
        self.delivered = true;
        Some(Err(Error::NothingLeft { count: self.position.skipped.len(), first }))
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Batches");
        shown.field("position", &self.position).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        while self.position.batch < self.end {
            let number = self.position.batch;
            let made = match &self.source {
                Source::Here(assembler) => assembler.batch_or_panic(number),
                Source::Workers(workers) => workers.take(number),
            };
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    (self.end, self.delivered) = (number, true);
                    return Some(Err(error));
                }
            };
            self.position.batch += 1;
            self.bad.add(&made.bad);
            self.position.skipped.extend(made.bad);
            if let Some(batch) = made.batch {
                self.delivered = true;
                return Some(Ok(batch));
            }
        }
        self.finish()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iterator early; batches of which nothing is left are passed over.
        (0, Some(self.end - self.position.batch))
    }
}
