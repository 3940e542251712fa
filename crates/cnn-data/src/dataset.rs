//! [`Dataset`]: how many samples there are, and how to get one. The two methods are the extension point.
//!
//! `get` may be called from several threads at once and must give the same sample for the same index.
//! References and shared pointers to data sets are data sets. As iterators have adapters, data sets have
//! [`map`](Dataset::map), [`filter`](Dataset::filter), [`concat`](Dataset::concat) and others.

use std::path::Path;
use std::sync::Arc;

use crate::adapters::{Concat, Map, MapTarget, Named, Repeat};
use crate::{Classes, Error, Fingerprint, Image, Result, Target};

/// An image and what it is an example of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The picture.
    pub image: Image,
    /// What it shows.
    pub target: Target,
}

impl Sample {
    /// A sample.
    pub fn new(image: Image, target: Target) -> Self {
        Self { image, target }
    }
}

/// A numbered collection of samples.
pub trait Dataset: Send + Sync {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Sample number `index`, from 0 to `len - 1`.
    ///
    /// # Errors
    /// Whatever keeps the sample from being made; [`Error::other`] wraps an error of your own.
    fn get(&self, index: usize) -> Result<Sample>;

    /// What sample number `index` is an example of. Data sets that know it without decoding the image say so here.
    ///
    /// # Errors
    /// As [`Dataset::get`].
    fn target(&self, index: usize) -> Result<Target> {
        self.get(index).map(|sample| sample.target)
    }

    /// Names of the classes, where the samples have classes with names.
    fn classes(&self) -> Option<&Classes> {
        None
    }

    /// The file that a sample lies in, where it has one of its own. Errors and lists of bad samples name it.
    fn path(&self, _index: usize) -> Option<&Path> {
        None
    }

    /// What the picture of a sample is made from, where that can be told without reading it: two equal fingerprints, in
    /// whatever process, mean equal pictures. A [`Cached`](crate::Cached) keeps pictures on disk by it.
    fn fingerprint(&self, _index: usize) -> Option<Fingerprint> {
        None
    }

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same samples, each passed through `f` when it is asked for. Targets stay, and are known without decoding.
    ///
    /// ```
    /// use cnn_data::{Dataset, Image, InMemory, Sample, Size, Target};
    /// # fn main() -> cnn_data::Result<()> {
    /// let colour = Image::from_u8(Size::new(1, 1), 3, vec![255, 0, 0])?;
    /// let samples = InMemory::new(vec![Sample::new(colour, Target::Class(0))]);
    /// let grey = samples.map(|sample| Ok(Sample::new(sample.image.with_channels(1)?, sample.target)));
    /// assert_eq!(grey.get(0)?.image.channels(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Of [`Dataset::get`]: what `f` says; [`Error::Argument`] where it changes the target, which is
    /// [`map_target`](Dataset::map_target)'s affair.
    fn map<F>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Sample) -> Result<Sample> + Send + Sync,
    {
        Map::new(self, f)
    }

    /// The same pictures, each target passed through `f`. What the classes are called is forgotten, as `f` may number
    /// them anew; [`named`](Dataset::named) says it.
    fn map_target<F>(self, f: F) -> MapTarget<Self, F>
    where
        Self: Sized,
        F: Fn(Target) -> Result<Target> + Send + Sync,
    {
        MapTarget::new(self, f)
    }

    /// The same samples with names for their classes.
    fn named(self, classes: Classes) -> Named<Self>
    where
        Self: Sized,
    {
        Named::new(self, classes)
    }

    /// The samples for whose index and target `keep` is true. It is asked once for each, now; no picture is decoded
    /// where the data set knows its targets.
    ///
    /// ```
    /// use cnn_data::{Dataset, Image, InMemory, Sample, Size, Target};
    /// # fn main() -> cnn_data::Result<()> {
    /// # let image = Image::from_u8(Size::new(1, 1), 1, vec![0])?;
    /// let all = InMemory::new((0..6).map(|n| Sample::new(image.clone(), Target::Class(n % 3))).collect());
    /// let ones = all.filter(|_, target| *target == Target::Class(1))?;
    /// assert_eq!(ones.indices(), [1, 4]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Sample`] where a target cannot be known.
    fn filter(self, mut keep: impl FnMut(usize, &Target) -> bool) -> Result<Subset<Self>>
    where
        Self: Sized,
    {
        let mut indices = Vec::new();
        for index in 0..self.len() {
            if keep(index, &self.target(index).map_err(|error| error.at_sample(index))?) {
                indices.push(index);
            }
        }
        Subset::new(self, indices)
    }

    /// The samples at `indices`, in this order.
    ///
    /// # Errors
    /// As [`Subset::new`].
    fn subset(self, indices: Vec<usize>) -> Result<Subset<Self>>
    where
        Self: Sized,
    {
        Subset::new(self, indices)
    }

    /// These samples and then those of another data set.
    ///
    /// # Errors
    /// [`Error::Argument`] where the classes of the two are not the same, in the same order, or only one has names.
    fn concat<D: Dataset>(self, other: D) -> Result<Concat<Self, D>>
    where
        Self: Sized,
    {
        Concat::new(self, other)
    }

    /// The samples so many times over, as samples of their own: an epoch meets each `times` times, augmented anew.
    ///
    /// # Errors
    /// [`Error::Argument`] where that is none, or more than can be numbered.
    fn repeat(self, times: usize) -> Result<Repeat<Self>>
    where
        Self: Sized,
    {
        Repeat::new(self, times)
    }
}

macro_rules! forward_dataset {
    ($pointer:ty) => {
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            fn len(&self) -> usize {
                (**self).len()
            }

            fn get(&self, index: usize) -> Result<Sample> {
                (**self).get(index)
            }

            fn target(&self, index: usize) -> Result<Target> {
                (**self).target(index)
            }

            fn classes(&self) -> Option<&Classes> {
                (**self).classes()
            }

            fn path(&self, index: usize) -> Option<&Path> {
                (**self).path(index)
            }

            fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
                (**self).fingerprint(index)
            }
        }
    };
}

forward_dataset!(&D);
forward_dataset!(Arc<D>);
forward_dataset!(Box<D>);

/// Samples that are held in memory.
#[derive(Debug, Clone)]
pub struct InMemory {
    samples: Vec<Sample>,
    classes: Option<Classes>,
}

impl InMemory {
    /// A data set of these samples.
    pub fn new(samples: Vec<Sample>) -> Self {
        Self { samples, classes: None }
    }

    /// The same samples with names for their classes.
    #[must_use]
    pub fn with_classes(self, classes: Classes) -> Self {
        Self { classes: Some(classes), ..self }
    }

    fn sample(&self, index: usize) -> Result<&Sample> {
        self.samples.get(index).ok_or_else(|| out_of_range(index, self.samples.len()))
    }
}

impl Dataset for InMemory {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.sample(index).cloned()
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.sample(index).map(|sample| sample.target.clone())
    }

    fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }
}

/// Some samples of a data set, in a given order.
#[derive(Debug, Clone)]
pub struct Subset<D> {
    dataset: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The samples of `dataset` at `indices`.
    ///
    /// # Errors
    /// [`Error::Argument`] where an index is not below the data set's length.
    pub fn new(dataset: D, indices: Vec<usize>) -> Result<Self> {
        match indices.iter().find(|&&index| index >= dataset.len()) {
            Some(&index) => Err(out_of_range(index, dataset.len())),
            None => Ok(Self { dataset, indices }),
        }
    }

    /// The index in the whole data set of each sample.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    fn inner(&self, index: usize) -> Result<usize> {
        self.indices.get(index).copied().ok_or_else(|| out_of_range(index, self.indices.len()))
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.dataset.get(self.inner(index)?)
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.dataset.target(self.inner(index)?)
    }

    fn classes(&self) -> Option<&Classes> {
        self.dataset.classes()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.indices.get(index).and_then(|&index| self.dataset.path(index))
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        self.indices.get(index).and_then(|&index| self.dataset.fingerprint(index))
    }
}

/// The error of an index that no sample has.
pub(crate) fn out_of_range(index: usize, len: usize) -> Error {
    Error::argument("sample index", index, format!("a number below the {len} samples"))
}
