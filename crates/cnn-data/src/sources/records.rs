//! [`Records`]: pictures of one size, 8 bits, held in memory side by side, as MNIST and CIFAR-10 come.

use std::path::Path;

use crate::dataset::out_of_range;
use crate::image::{Image, Size};
use crate::{Classes, Dataset, Error, Result, Sample, Target};

/// A data set of small pictures in memory.
#[derive(Debug, Clone)]
pub struct Records {
    pub(super) size: Size,
    pub(super) channels: usize,
    /// Picture after picture, each in the order of an [`Image`].
    pub(super) levels: Vec<u8>,
    pub(super) labels: Vec<usize>,
    pub(super) classes: Classes,
}

impl Records {
    /// The same, once its parts are known to fit; `path` is their origin in messages.
    ///
    /// # Errors
    /// [`Error::Malformed`] where there are no pictures, not as many as labels, or a label has no class.
    pub(super) fn checked(self, path: &Path) -> Result<Self> {
        let Self { size, levels, labels, classes, .. } = &self;
        let needed =
            size.pixels().and_then(|pixels| pixels.checked_mul(self.channels)?.checked_mul(labels.len()));
        if needed != Some(levels.len()) || levels.is_empty() {
            let problem =
                format!("{} levels for {} labels and pictures of {size} pixels", levels.len(), labels.len());
            return Err(Error::malformed(path, problem));
        }
        if let Some((index, label)) = labels.iter().enumerate().find(|&(_, &label)| label >= classes.len()) {
            let problem =
                format!("label {label} of picture {index} is not below the {} classes", classes.len());
            return Err(Error::malformed(path, problem));
        }
        Ok(self)
    }

    /// The same pictures with the classes of a training set, matched by name.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] where pictures have a class that the training set has not.
    pub fn bind(self, classes: &Classes, place: &str) -> Result<Self> {
        if self.classes == *classes {
            return Ok(self);
        }
        let indices: Vec<Option<usize>> =
            self.classes.names().iter().map(|name| classes.index(name)).collect();
        let mut used = vec![false; indices.len()];
        self.labels.iter().for_each(|&label| used[label] = true);
        let unknown = |&(own, _): &(usize, &String)| used[own] && indices[own].is_none();
        let names: Vec<String> =
            self.classes.names().iter().enumerate().filter(unknown).map(|(_, name)| name.clone()).collect();
        if !names.is_empty() {
            return Err(Error::UnknownClass {
                place: place.to_owned(),
                names,
                known: classes.names().to_vec(),
            });
        }
        let labels = self.labels.iter().filter_map(|&label| indices[label]).collect();
        Ok(Self { labels, classes: classes.clone(), ..self })
    }

    /// Height and width of every picture.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Channels of every picture.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The class of every picture.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn label(&self, index: usize) -> Result<usize> {
        self.labels.get(index).copied().ok_or_else(|| out_of_range(index, self.labels.len()))
    }
}

impl Dataset for Records {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        let label = self.label(index)?;
        let len = self.size.height * self.size.width * self.channels;
        let levels = self.levels[index * len..][..len].to_vec();
        Ok(Sample::new(Image::from_u8(self.size, self.channels, levels)?, Target::Class(label)))
    }

    fn target(&self, index: usize) -> Result<Target> {
        self.label(index).map(Target::Class)
    }

    fn classes(&self) -> Option<&Classes> {
        Some(&self.classes)
    }
}
