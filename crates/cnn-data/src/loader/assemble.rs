//! Making one batch: samples, augmented by their keys, written straight into the batch's tensor.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use super::{Batch, Loader, Mixing};
use crate::image::Size;
use crate::target::Labels;
use crate::transform::{Pipeline, Transform};
use crate::{BadSample, BadSamples, Classes, Dataset, Error, Preprocessing, Result, Sample, Target};

/// What makes the batches of one epoch.
pub(super) struct Assembler {
    dataset: Arc<dyn Dataset>,
    preprocessing: Preprocessing,
    augmentation: Pipeline,
    /// Of the seed and the epoch.
    key: Key,
    /// With the key of the seed and the epoch.
    mixing: Option<Mixing>,
    bad_samples: BadSamples,
    batch_size: usize,
    draws: Vec<Draw>,
}

/// A batch, unless all its samples were bad, and those that were.
pub(super) struct Made {
    pub(super) batch: Option<Batch>,
    pub(super) bad: Vec<BadSample>,
}

/// One sample of an epoch: which, and how often it was drawn before.
struct Draw {
    index: usize,
    earlier: u32,
}

impl Assembler {
    pub(super) fn new(loader: &Loader, order: Vec<usize>, epoch: u64) -> Self {
        let mut drawn = vec![0u32; loader.dataset.len()];
        let draw = |index: usize| {
            let earlier = drawn[index];
            drawn[index] += 1;
            Draw { index, earlier }
        };
        Self {
            dataset: loader.dataset.clone(),
            preprocessing: loader.preprocessing.clone(),
            augmentation: loader.augmentation.clone(),
            key: loader.key.fold(epoch),
            mixing: loader.mixing.clone().map(|mixing| Mixing { key: mixing.key.fold(epoch), ..mixing }),
            bad_samples: loader.bad_samples,
            batch_size: loader.batch_size,
            draws: order.into_iter().map(draw).collect(),
        }
    }

    /// Batch `number` of the epoch; a panic in the data set or in a transform is an error.
    pub(super) fn batch_or_panic(&self, number: usize) -> Result<Made> {
        let current = Cell::new(None);
        // A data set that panicked is not asked again: the epoch ends with this error.
        catch_unwind(AssertUnwindSafe(|| self.batch(number, &current))).unwrap_or_else(|panic| {
            let error = Error::Panic { batch: number, message: message(&*panic) };
            Err(match current.get() {
                Some(index) => error.at_sample(index).in_file(self.dataset.path(index)),
                None => error,
            })
        })
    }

    /// Makes a batch; `current` says at which sample.
    fn batch(&self, number: usize, current: &Cell<Option<usize>>) -> Result<Made> {
        let start = number * self.batch_size;
        let draws = &self.draws[start..self.draws.len().min(start + self.batch_size)];
        let shape = |samples: usize| {
            let Size { height, width } = self.preprocessing.size();
            [samples, height, width, self.preprocessing.channels()]
        };
        let numbers = self.preprocessing.numbers();
        let classes = self.dataset.classes().map(Classes::len);
        let mut images = Tensor::stale(&shape(draws.len()), DType::F32)?;
        let mut labels: Option<Labels> = None;
        let (mut indices, mut bad) = (Vec::with_capacity(draws.len()), Vec::new());
        let mut places = images.as_mut_slice::<f32>()?.chunks_exact_mut(numbers);
        for draw in draws {
            current.set(Some(draw.index));
            let sample = match self.dataset.get(draw.index) {
                Ok(sample) => sample,
                Err(error) if self.bad_samples == BadSamples::Error => {
                    return Err(error.at_sample(draw.index).in_file(self.dataset.path(draw.index)));
                }
                Err(error) => {
                    bad.push(self.bad_sample(draw.index, &error));
                    continue;
                }
            };
            let add = || {
                if let Some(place) = places.next() {
                    let target = self.prepare(sample, draw, place)?;
                    let labels = match &mut labels {
                        Some(labels) => labels,
                        none => none.insert(Labels::new(&target, classes, draws.len())?),
                    };
                    labels.push(&target)?;
                }
                Ok(())
            };
            add()
                .map_err(|error: Error| error.at_sample(draw.index).in_file(self.dataset.path(draw.index)))?;
            indices.push(draw.index);
        }
        current.set(None);
        let Some(labels) = labels else { return Ok(Made { batch: None, bad }) };
        if !bad.is_empty() {
            let kept = &images.as_slice::<f32>()?[..indices.len() * numbers];
            images = Tensor::from_slice(&shape(indices.len()), kept)?;
        }
        let batch = Batch { images, labels: labels.into_tensor(indices.len())?, indices };
        let batch = match &self.mixing {
            Some(Mixing { transform, key, .. }) => {
                transform.apply(batch, classes, key.fold(number as u64))?
            }
            None => batch,
        };
        Ok(Made { batch: Some(batch), bad })
    }

    /// Augments a sample, writes its picture to its place in the batch and returns its target.
    fn prepare(&self, mut sample: Sample, draw: &Draw, place: &mut [f32]) -> Result<Target> {
        if !self.augmentation.is_empty() {
            let key = self.key.fold(draw.index as u64).fold(u64::from(draw.earlier));
            sample = self.augmentation.apply(sample, key)?;
        }
        self.preprocessing.write(&sample.image, place)?;
        Ok(sample.target)
    }

    fn bad_sample(&self, index: usize, error: &Error) -> BadSample {
        let names_file = matches!(error, Error::Io { .. } | Error::Malformed { .. });
        let problem = match self.dataset.path(index).filter(|_| !names_file) {
            Some(path) => format!("{}: {error}", path.display()),
            None => error.to_string(),
        };
        BadSample { index, problem }
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
