//! [`Dataset`]: how many samples there are, and how to get one. The two methods are the extension point.
//!
//! `get` may be called from several threads at once and must give the same sample for the same index.
//! References and shared pointers to data sets are data sets.

use std::sync::Arc;

use crate::{Classes, Error, Image, Result, Target};

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

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
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
}

/// The error of an index that no sample has.
pub(crate) fn out_of_range(index: usize, len: usize) -> Error {
    Error::argument("sample index", index, format!("a number below the {len} samples"))
}
