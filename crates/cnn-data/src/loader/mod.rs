//! [`Loader`]: batches in the sampler's order, prepared ahead by worker threads.
//!
//! A batch is a pure function of the data set, the sampler, the seed, the epoch and the batch's number. Workers
//! take whole batches and hand them over in order, so their number changes the speed and nothing else, and any
//! position in an epoch can be resumed at.

mod assemble;
mod workers;

use std::fmt;
use std::sync::Arc;

use cnn_tensor::Tensor;
use cnn_tensor::random::Key;

use crate::transform::{BatchTransform, Pipeline, Transform};
use crate::{Dataset, Error, Preprocessing, Result, Sampler};
use assemble::Assembler;
use workers::Workers;

/// Most worker threads that may be asked for.
const MOST_WORKERS: usize = 1024;

/// Samples side by side, as a network takes them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Batch {
    /// The pictures, `F32`, `[batch, height, width, channels]`.
    pub images: Tensor,
    /// What each is an example of: its class, `I64 [batch]`; 1 for each class that it has, `F32 [batch, classes]`; or
    /// its numbers, `F32 [batch, numbers]`. Batches that are mixed have shares of the classes, `F32 [batch, classes]`.
    pub labels: Tensor,
    /// The index of each in the loader's data set.
    pub indices: Vec<usize>,
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none; a loader delivers no such batch.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// What becomes of the samples at an epoch's end that do not fill a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastBatch {
    /// They are a smaller batch.
    #[default]
    Keep,
    /// They are left out of this epoch.
    Drop,
}

/// What is done to whole batches.
#[derive(Debug, Clone)]
struct Mixing {
    transform: Arc<dyn BatchTransform>,
    key: Key,
}

/// Delivers a data set in batches, epoch by epoch. See the example of the [crate].
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    sampler: Arc<dyn Sampler>,
    preprocessing: Preprocessing,
    augmentation: Pipeline,
    key: Key,
    mixing: Option<Mixing>,
    batch_size: usize,
    last_batch: LastBatch,
    workers: usize,
    prefetch: usize,
}

impl Loader {
    /// Batches of 64 without augmentation, the last one kept, prepared by one worker thread, two batches ahead.
    pub fn new(
        dataset: impl Dataset + 'static,
        sampler: impl Sampler + 'static,
        preprocessing: Preprocessing,
    ) -> Self {
        Self {
            dataset: Arc::new(dataset),
            sampler: Arc::new(sampler),
            preprocessing,
            augmentation: Pipeline::new(),
            key: Key::new(0),
            mixing: None,
            batch_size: 64,
            last_batch: LastBatch::Keep,
            workers: 1,
            prefetch: 2,
        }
    }

    /// Augments each sample before it is preprocessed, with draws of the given seed.
    #[must_use]
    pub fn augment(self, augmentation: impl Into<Pipeline>, seed: u64) -> Self {
        Self { augmentation: augmentation.into(), key: Key::new(seed).fold_str("augment"), ..self }
    }

    /// Mixes the samples of each batch after they are preprocessed, with draws of (`seed`, epoch, number of the batch).
    ///
    /// ```
    /// use cnn_data::transform::MixUp;
    /// # use cnn_data::{Image, InMemory, Loader, Preprocessing, Sample, Sequential, Size, Target};
    /// # fn main() -> cnn_data::Result<()> {
    /// # let size = Size::new(1, 1);
    /// # let image = Image::from_u8(size, 1, vec![9])?;
    /// # let sample = |class| Sample::new(image.clone(), Target::Class(class));
    /// # let dataset = InMemory::new(vec![sample(0), sample(2)]);
    /// # let loader = Loader::new(dataset, Sequential, Preprocessing::new(size, 1)?);
    /// let loader = loader.mix(MixUp::new(0.2).num_classes(3), 1);
    /// for batch in loader.epoch(0)? {
    ///     assert_eq!(batch?.labels.shape(), [2, 3]);
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn mix(self, transform: impl BatchTransform + 'static, seed: u64) -> Self {
        let mixing = Mixing { transform: Arc::new(transform), key: Key::new(seed).fold_str("mix") };
        Self { mixing: Some(mixing), ..self }
    }

    /// Samples in a batch; 1 or more.
    #[must_use]
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// What becomes of the samples at the end that do not fill a batch.
    #[must_use]
    pub fn last_batch(self, last_batch: LastBatch) -> Self {
        Self { last_batch, ..self }
    }

    /// Threads that prepare batches; with 0 the calling thread prepares each when it is asked for.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Batches that may wait, ready, for the caller; at least one for each worker is always under way.
    #[must_use]
    pub fn prefetch(self, prefetch: usize) -> Self {
        Self { prefetch, ..self }
    }

    /// The data set.
    pub fn dataset(&self) -> &dyn Dataset {
        &*self.dataset
    }

    /// How samples are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Batches in an epoch; 0 for a batch size of 0.
    pub fn batches_per_epoch(&self) -> usize {
        let samples = self.sampler.draws(self.dataset.len());
        match self.last_batch {
            LastBatch::Keep if self.batch_size > 0 => samples.div_ceil(self.batch_size),
            _ => samples.checked_div(self.batch_size).unwrap_or(0),
        }
    }

    /// The batches of an epoch.
    ///
    /// # Errors
    /// [`Error::Argument`] where the batch size is 0, there are over 1,024 workers, the data set is empty, the
    /// sampler draws what is not there, or the augmentation's or the mixing's arguments are out of range.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from number `start` on, the same as if the earlier ones had been delivered.
    ///
    /// # Errors
    /// As [`Loader::epoch`]; [`Error::Argument`] where the epoch has fewer than `start` batches.
    pub fn epoch_from(&self, epoch: u64, start: usize) -> Result<Batches> {
        let order = self.check(epoch)?;
        let batches = self.batches_per_epoch();
        if start > batches {
            let expected = format!("at most {batches}, the number of batches in an epoch");
            return Err(Error::argument("first batch", start, expected));
        }
        let assembler = Assembler::new(self, order, epoch);
        let source = match self.workers {
            0 => Source::Here(Box::new(assembler)),
            count => {
                let ahead = count.saturating_add(self.prefetch);
                Source::Workers(Workers::start(assembler, start..batches, count.min(batches - start), ahead))
            }
        };
        Ok(Batches { source, next: start, end: batches })
    }

    /// Checks the loader's arguments and the order of an epoch, which it returns.
    fn check(&self, epoch: u64) -> Result<Vec<usize>> {
        let len = self.dataset.len();
        if self.batch_size == 0 {
            return Err(Error::argument("batch size", 0, "1 or more"));
        }
        if self.workers > MOST_WORKERS {
            return Err(Error::argument("number of workers", self.workers, "0 to 1024"));
        }
        if len == 0 {
            return Err(Error::argument("number of samples", 0, "a data set with at least one sample"));
        }
        self.augmentation.check()?;
        self.mixing.as_ref().map_or(Ok(()), |mixing| mixing.transform.check())?;
        let order = self.sampler.order(len, epoch);
        if order.len() != self.sampler.draws(len) {
            let expected = format!("{}, as the sampler said", self.sampler.draws(len));
            return Err(Error::argument("length of the sampler's order", order.len(), expected));
        }
        match order.iter().find(|&&index| index >= len) {
            Some(&index) => Err(crate::dataset::out_of_range(index, len)),
            None => Ok(order),
        }
    }
}

/// The batches of an epoch, in order. It ends after the first error; dropping it stops its workers.
pub struct Batches {
    source: Source,
    next: usize,
    end: usize,
}

enum Source {
    Here(Box<Assembler>),
    Workers(Workers),
}

impl Batches {
    /// Number in the epoch of the batch that comes next: where to go on after an interruption.
    pub fn position(&self) -> usize {
        self.next
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Loader");
        shown.field("samples", &self.dataset.len()).field("preprocessing", &self.preprocessing);
        shown.field("augmentation", &self.augmentation).field("mixing", &self.mixing);
        shown.field("batch_size", &self.batch_size);
        shown.field("last_batch", &self.last_batch).field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.next == self.end {
            return None;
        }
        let batch = match &self.source {
            Source::Here(assembler) => assembler.batch_or_panic(self.next),
            Source::Workers(workers) => workers.take(self.next),
        };
        match batch {
            Ok(_) => self.next += 1,
            Err(_) => self.end = self.next,
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iterator early, after itself.
        (usize::from(self.next < self.end), Some(self.end - self.next))
    }
}
