//! [`Loader`]: batches in the sampler's order, prepared ahead by worker threads.
//!
//! A batch is a pure function of the data set, the sampler, the seed, the epoch and the batch's number. Workers
//! take whole batches and hand them over in order, so their number changes the speed and nothing else, and any
//! position in an epoch can be resumed at.

mod assemble;
mod batches;
mod position;
mod workers;

use std::fmt;
use std::sync::Arc;

use cnn_tensor::Tensor;
use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::bad_samples::BadList;
use crate::transform::{BatchTransform, Pipeline, Transform};
use crate::{BadSample, BadSamples, Dataset, Error, Preprocessing, Result, Sampler};

pub use batches::Batches;
use position::Identity;
pub use position::Position;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    seed: u64,
    key: Key,
}

/// Delivers a data set in batches, epoch by epoch. See the example of the [crate].
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    sampler: Arc<dyn Sampler>,
    preprocessing: Preprocessing,
    augmentation: Pipeline,
    augmentation_seed: Option<u64>,
    key: Key,
    mixing: Option<Mixing>,
    batch_size: usize,
    last_batch: LastBatch,
    bad_samples: BadSamples,
    /// Those met so far.
    bad: BadList,
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
            augmentation_seed: None,
            key: Key::new(0),
            mixing: None,
            batch_size: 64,
            last_batch: LastBatch::Keep,
            bad_samples: BadSamples::Error,
            bad: BadList::default(),
            workers: 1,
            prefetch: 2,
        }
    }

    /// Augments each sample before it is preprocessed, with draws of the given seed.
    #[must_use]
    pub fn augment(self, augmentation: impl Into<Pipeline>, seed: u64) -> Self {
        let key = Key::new(seed).fold_str("augment");
        Self { augmentation: augmentation.into(), augmentation_seed: Some(seed), key, ..self }
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
        let mixing = Mixing { transform: Arc::new(transform), seed, key: Key::new(seed).fold_str("mix") };
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

    /// What becomes of samples that the data set cannot give: the error ends the epoch, or they are left out of their
    /// batch, which is smaller then; a batch of which nothing is left is passed over. Errors of transforms and of the
    /// preprocessing, and panics, always end the epoch: they are the pipeline's fault and not a file's.
    #[must_use]
    pub fn bad_samples(self, bad_samples: BadSamples) -> Self {
        Self { bad_samples, ..self }
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

    /// The samples that were left out of the batches of any epoch so far, each once, by index. Those of one epoch are
    /// listed by [`Batches::skipped`].
    pub fn skipped(&self) -> Vec<BadSample> {
        self.bad.all()
    }

    /// Batches in an epoch, if none is left out because its samples are bad; 0 for a batch size of 0.
    pub fn batches_per_epoch(&self) -> usize {
        self.batches_of(self.sampler.draws(self.dataset.len()))
    }

    /// Batches that so many samples make.
    fn batches_of(&self, samples: usize) -> usize {
        match self.last_batch {
            LastBatch::Keep if self.batch_size > 0 => samples.div_ceil(self.batch_size),
            _ => samples.checked_div(self.batch_size).unwrap_or(0),
        }
    }

    /// The batches of an epoch. Samples that were in quarantine before are not drawn.
    ///
    /// # Errors
    /// [`Error::Argument`] where the batch size is 0, there are over 1,024 workers, the data set is empty, the
    /// sampler draws what is not there or is of another data set, or the augmentation's or the mixing's arguments are
    /// out of range; [`Error::NothingLeft`] where all samples are in quarantine.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from number `start` on, the same as if the earlier ones had been delivered.
    ///
    /// # Errors
    /// As [`Loader::epoch`]; [`Error::Argument`] where the epoch has fewer than `start` batches.
    pub fn epoch_from(&self, epoch: u64, start: usize) -> Result<Batches> {
        let order = self.check(epoch)?;
        let mut position = Position::new(epoch, start, Identity::new(self, &order));
        if self.bad_samples == BadSamples::Quarantine {
            position.quarantined = self.bad.all();
        }
        Batches::start(self, order, position)
    }

    /// Goes on where [`Batches::position`] was, with the very same batches, and with the samples in quarantine that
    /// were there.
    ///
    /// ```
    /// # use cnn_data::{Image, InMemory, Loader, Position, Preprocessing, Sample, Shuffled, Size, Target};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let size = Size::new(1, 1);
    /// # let image = Image::from_u8(size, 1, vec![9])?;
    /// # let dataset = InMemory::new(vec![Sample::new(image, Target::Class(0)); 6]);
    /// let loader = Loader::new(dataset, Shuffled::new(1), Preprocessing::new(size, 1)?).batch_size(2);
    /// let mut batches = loader.epoch(7)?;
    /// batches.next().transpose()?;
    /// let saved = serde_json::to_string(&batches.position())?;
    ///
    /// let position: Position = serde_json::from_str(&saved)?;
    /// let rest = loader.resume(&position)?.collect::<cnn_data::Result<Vec<_>>>()?;
    /// assert_eq!(rest.len(), 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Position`] where the position is of a loader with another number of samples, size of batches, policy,
    /// seed or order, saying which; as [`Loader::epoch_from`].
    pub fn resume(&self, position: &Position) -> Result<Batches> {
        let order = self.check(position.epoch)?;
        position.check(&Identity::new(self, &order))?;
        self.bad.add(position.quarantined.iter().chain(&position.skipped));
        Batches::start(self, order, position.clone())
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
        self.sampler.check(len, self.batch_size)?;
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

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Loader");
        shown.field("samples", &self.dataset.len()).field("preprocessing", &self.preprocessing);
        shown.field("augmentation", &self.augmentation).field("mixing", &self.mixing);
        shown.field("batch_size", &self.batch_size);
        shown.field("last_batch", &self.last_batch).field("workers", &self.workers).finish_non_exhaustive()
    }
}
