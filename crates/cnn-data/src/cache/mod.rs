//! [`Cached`]: a data set whose decoded pictures are kept, in memory or on disk, within a budget.
//!
//! What is full keeps what it has. To make room for the picture that was asked for last would be worse: an epoch asks
//! for every picture once, so the one that was not asked for the longest is the one that comes next or sooner than
//! most. In a fixed order a set that is a little larger than such a cache would never hit it, while a cache that keeps
//! its first tenth of the pictures saves a tenth of the decoding in every order.

mod disk;
mod fingerprint;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Classes, Dataset, Pixels, Result, Sample, Target};
use disk::{Disk, Found};
pub use fingerprint::Fingerprint;

/// Keeps the decoded pictures of a data set. The samples are the same with and without it.
///
/// Memory is asked first, then the disk, then the data set. Random augmentation stays random: it comes after the data
/// set, in the loader.
///
/// ```
/// use cnn_data::{Cached, Dataset};
/// # use cnn_data::{Image, InMemory, Sample, Size, Target};
/// # fn main() -> cnn_data::Result<()> {
/// # let image = Image::from_u8(Size::new(2, 2), 1, vec![9; 4])?;
/// # let dataset = InMemory::new(vec![Sample::new(image, Target::Class(0)); 6]);
/// let cached = Cached::new(dataset).memory(1 << 30);
/// assert_eq!(cached.get(3)?, cached.get(3)?);
/// assert_eq!((cached.usage().decoded, cached.usage().from_memory), (1, 1));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Cached<D> {
    dataset: D,
    /// A place for each sample; none where nothing is kept in memory.
    kept: Vec<OnceLock<Box<Sample>>>,
    most: u64,
    used: AtomicU64,
    disk: Option<Disk>,
    from_memory: AtomicU64,
    from_disk: AtomicU64,
    decoded: AtomicU64,
    replaced: AtomicU64,
    problem: OnceLock<String>,
}

/// What a cache has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheUsage {
    /// Samples that were in memory.
    pub from_memory: u64,
    /// Samples that were on the disk.
    pub from_disk: u64,
    /// Samples that the data set had to be asked for.
    pub decoded: u64,
    /// Files on the disk that were damaged and were written anew.
    pub replaced: u64,
    /// Bytes that the samples in memory take.
    pub memory_bytes: u64,
    /// Why nothing more is written to the disk, where writing failed. The samples are right all the same.
    pub problem: Option<String>,
}

impl<D: Dataset> Cached<D> {
    /// The data set without a cache; [`Cached::memory`] and [`Cached::disk`] add one.
    pub fn new(dataset: D) -> Self {
        Self {
            dataset,
            kept: Vec::new(),
            most: 0,
            used: AtomicU64::new(0),
            disk: None,
            from_memory: AtomicU64::new(0),
            from_disk: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            problem: OnceLock::new(),
        }
    }

    /// Keeps samples in memory, up to `bytes` of them.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self.kept = (0..self.dataset.len()).map(|_| OnceLock::new()).collect();
        self
    }

    /// Keeps pictures as files in a folder, up to `bytes` of them. Only samples with a [`Dataset::fingerprint`] are kept.
    ///
    /// Processes may share the folder; each may pass the budget by a sixteenth of it, because it looks only now and
    /// then what the others wrote. A file that is damaged is written anew. What is there from earlier runs is used;
    /// nothing is removed, so an old folder is emptied by deleting it.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the folder cannot be made or read.
    pub fn disk(self, folder: &Path, bytes: u64) -> Result<Self> {
        Ok(Self { disk: Some(Disk::open(folder, bytes)?), ..self })
    }

    /// What the cache has done so far.
    pub fn usage(&self) -> CacheUsage {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheUsage {
            from_memory: load(&self.from_memory),
            from_disk: load(&self.from_disk),
            decoded: load(&self.decoded),
            replaced: load(&self.replaced),
            memory_bytes: load(&self.used),
            problem: self.problem.get().cloned(),
        }
    }

    /// The sample from the disk or, where it is not there, from the data set.
    fn fetch(&self, index: usize) -> Result<Sample> {
        let source = self.disk.as_ref().zip(self.dataset.fingerprint(index));
        let Some((disk, fingerprint)) = source else { return self.decode(index) };
        let replaced = match disk.read(fingerprint) {
            Found::Picture(image) => {
                // Labels are not kept: they may change while the picture's file does not.
                let target = self.dataset.target(index)?;
                self.from_disk.fetch_add(1, Ordering::Relaxed);
                return Ok(Sample::new(image, target));
            }
            Found::Nothing => None,
            Found::Damaged(bytes) => Some(bytes),
        };
        let sample = self.decode(index)?;
        // A file that was changed while it was decoded must not be kept under what it was before.
        if self.dataset.fingerprint(index) == Some(fingerprint) {
            match disk.write(fingerprint, &sample.image, replaced.unwrap_or(0)) {
                Ok(written) => {
                    let again = written && replaced.is_some();
                    self.replaced.fetch_add(u64::from(again), Ordering::Relaxed);
                }
                Err(problem) => drop(self.problem.set(problem)),
            }
        }
        Ok(sample)
    }

    fn decode(&self, index: usize) -> Result<Sample> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        self.dataset.get(index)
    }

    /// Keeps a sample in memory, if the budget allows.
    fn keep(&self, place: &OnceLock<Box<Sample>>, sample: &Sample) {
        let bytes = bytes_of(sample);
        let fits = |used: u64| used.checked_add(bytes).filter(|&used| used <= self.most);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
            && place.set(Box::new(sample.clone())).is_err()
        {
            // Another thread was first.
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Bytes of memory that a sample takes.
fn bytes_of(sample: &Sample) -> u64 {
    let levels = match sample.image.pixels() {
        Pixels::U8(levels) => levels.len(),
        Pixels::U16(levels) => 2 * levels.len(),
    };
    let target = match &sample.target {
        Target::Class(_) => 0,
        Target::Classes(classes) => size_of_val(&classes[..]),
        Target::Numbers(numbers) => size_of_val(&numbers[..]),
    };
    (levels + target + size_of::<Sample>()) as u64
}

impl<D: Dataset> Dataset for Cached<D> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let place = self.kept.get(index);
        if let Some(sample) = place.and_then(OnceLock::get) {
            self.from_memory.fetch_add(1, Ordering::Relaxed);
            return Ok((**sample).clone());
        }
        let sample = self.fetch(index)?;
        if let Some(place) = place {
            self.keep(place, &sample);
        }
        Ok(sample)
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.dataset.target(index)
    }

    fn classes(&self) -> Option<&Classes> {
        self.dataset.classes()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.dataset.path(index)
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        self.dataset.fingerprint(index)
    }
}
