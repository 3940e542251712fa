//! What a data set becomes by [`Dataset`]'s methods: mapped, named, joined, repeated.
//!
//! Each holds the data set that it is made of and computes when it is asked. Errors pass through. What a sample is
//! an example of is known without decoding its picture wherever the inner data set knows it.

use std::fmt;
use std::path::Path;

use crate::dataset::out_of_range;
use crate::error::some;
use crate::{Classes, Dataset, Error, Fingerprint, Result, Sample, Target};

/// Samples passed through a function: [`Dataset::map`].
#[derive(Clone)]
pub struct Map<D, F> {
    dataset: D,
    f: F,
}

impl<D: fmt::Debug, F> fmt::Debug for Map<D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("dataset", &self.dataset).finish_non_exhaustive()
    }
}

impl<D, F> Map<D, F> {
    pub(crate) fn new(dataset: D, f: F) -> Self {
        Self { dataset, f }
    }
}

impl<D: Dataset, F: Fn(Sample) -> Result<Sample> + Send + Sync> Dataset for Map<D, F> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let sample = self.dataset.get(index)?;
        let target = sample.target.clone();
        let sample = (self.f)(sample)?;
        if !same(&sample.target, &target) {
            let expected = format!("{target:?} as before; `map_target` changes targets");
            return Err(Error::argument("target of a mapped sample", &sample.target, expected));
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
}

/// Whether two targets are the same, values that are no number included.
fn same(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Numbers(a), Target::Numbers(b)) => {
            a.iter().map(|number| number.to_bits()).eq(b.iter().map(|number| number.to_bits()))
        }
        (a, b) => a == b,
    }
}

/// Targets passed through a function: [`Dataset::map_target`].
#[derive(Clone)]
pub struct MapTarget<D, F> {
    dataset: D,
    f: F,
}

impl<D: fmt::Debug, F> fmt::Debug for MapTarget<D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapTarget").field("dataset", &self.dataset).finish_non_exhaustive()
    }
}

impl<D, F> MapTarget<D, F> {
    pub(crate) fn new(dataset: D, f: F) -> Self {
        Self { dataset, f }
    }
}

impl<D: Dataset, F: Fn(Target) -> Result<Target> + Send + Sync> Dataset for MapTarget<D, F> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let Sample { image, target } = self.dataset.get(index)?;
        Ok(Sample::new(image, (self.f)(target)?))
    }

    fn target(&self, index: usize) -> Result<Target> {
        (self.f)(self.dataset.target(index)?)
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.dataset.path(index)
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        self.dataset.fingerprint(index)
    }
}

/// Samples whose classes have other names: [`Dataset::named`].
#[derive(Debug, Clone)]
pub struct Named<D> {
    dataset: D,
    classes: Classes,
}

impl<D> Named<D> {
    pub(crate) fn new(dataset: D, classes: Classes) -> Self {
        Self { dataset, classes }
    }
}

impl<D: Dataset> Dataset for Named<D> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        self.dataset.get(index)
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.dataset.target(index)
    }

    fn classes(&self) -> Option<&Classes> {
        Some(&self.classes)
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.dataset.path(index)
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        self.dataset.fingerprint(index)
    }
}

/// One data set after another: [`Dataset::concat`].
#[derive(Debug, Clone)]
pub struct Concat<A, B> {
    first: A,
    second: B,
    /// Samples of the first.
    middle: usize,
    len: usize,
}

impl<A: Dataset, B: Dataset> Concat<A, B> {
    pub(crate) fn new(first: A, second: B) -> Result<Self> {
        if first.classes() != second.classes() {
            let names = |classes: Option<&Classes>| match classes {
                Some(classes) => format!("{} ({})", classes.len(), some(classes.names())),
                None => "none with names".to_owned(),
            };
            let expected = format!("those of the first in their order: {}", names(first.classes()));
            let met = names(second.classes());
            return Err(Error::Argument { name: "classes of the second data set", met, expected });
        }
        let middle = first.len();
        let len = middle.checked_add(second.len()).ok_or_else(|| too_many(2))?;
        Ok(Self { first, second, middle, len })
    }
}

impl<A: Dataset, B: Dataset> Dataset for Concat<A, B> {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Sample> {
        match index.checked_sub(self.middle) {
            None => self.first.get(index),
            Some(_) if index >= self.len => Err(out_of_range(index, self.len)),
            Some(index) => self.second.get(index),
        }
    }

    fn target(&self, index: usize) -> Result<Target> {
        match index.checked_sub(self.middle) {
            None => self.first.target(index),
            Some(_) if index >= self.len => Err(out_of_range(index, self.len)),
            Some(index) => self.second.target(index),
        }
    }

    fn classes(&self) -> Option<&Classes> {
        self.first.classes()
    }

    fn path(&self, index: usize) -> Option<&Path> {
        index.checked_sub(self.middle).map_or_else(|| self.first.path(index), |index| self.second.path(index))
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        match index.checked_sub(self.middle) {
            None => self.first.fingerprint(index),
            Some(index) => self.second.fingerprint(index),
        }
    }
}

/// A data set several times over: [`Dataset::repeat`].
#[derive(Debug, Clone)]
pub struct Repeat<D> {
    dataset: D,
    once: usize,
    len: usize,
}

impl<D: Dataset> Repeat<D> {
    pub(crate) fn new(dataset: D, times: usize) -> Result<Self> {
        let once = dataset.len();
        match once.checked_mul(times) {
            Some(len) if times > 0 => Ok(Self { dataset, once, len }),
            _ => Err(too_many(times)),
        }
    }

    fn inner(&self, index: usize) -> Result<usize> {
        if index < self.len { Ok(index % self.once) } else { Err(out_of_range(index, self.len)) }
    }
}

impl<D: Dataset> Dataset for Repeat<D> {
    fn len(&self) -> usize {
        self.len
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
        self.inner(index).ok().and_then(|index| self.dataset.path(index))
    }

    fn fingerprint(&self, index: usize) -> Option<Fingerprint> {
        self.inner(index).ok().and_then(|index| self.dataset.fingerprint(index))
    }
}

fn too_many(times: usize) -> Error {
    let expected = format!("1 or more, and no more than {} samples in all", usize::MAX);
    Error::argument("number of times that samples are there", times, expected)
}
