//! Making one batch: samples, augmented by their keys, written straight into the batch's tensor.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cnn_tensor::random::Key;
use cnn_tensor::{DType, Tensor};

use super::{Batch, Loader, Mixing};
use crate::image::Size;
use crate::target::Labels;
use crate::transform::{Pipeline, Transform};
use crate::{Classes, Dataset, Error, Preprocessing, Result, Target};

/// What makes the batches of one epoch.
pub(super) struct Assembler {
    dataset: Arc<dyn Dataset>,
    preprocessing: Preprocessing,
    augmentation: Pipeline,
    /// Of the seed and the epoch.
    key: Key,
    /// With the key of the seed and the epoch.
    mixing: Option<Mixing>,
    batch_size: usize,
    draws: Vec<Draw>,
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
            batch_size: loader.batch_size,
            draws: order.into_iter().map(draw).collect(),
        }
    }

    /// Batch `number` of the epoch; a panic in the data set or in a transform is an error.
    pub(super) fn batch_or_panic(&self, number: usize) -> Result<Batch> {
        // A data set that panicked is not asked again: the epoch ends with this error.
        catch_unwind(AssertUnwindSafe(|| self.batch(number)))
            .unwrap_or_else(|panic| Err(Error::Panic { batch: number, message: message(&*panic) }))
    }

    fn batch(&self, number: usize) -> Result<Batch> {
        let start = number * self.batch_size;
        let draws = &self.draws[start..self.draws.len().min(start + self.batch_size)];
        let Size { height, width } = self.preprocessing.size();
        let shape = [draws.len(), height, width, self.preprocessing.channels()];
        let mut images = Tensor::stale(&shape, DType::F32)?;
        let mut labels: Option<Labels> = None;
        let places = images.as_mut_slice::<f32>()?.chunks_exact_mut(self.preprocessing.numbers());
        for (draw, place) in draws.iter().zip(places) {
            let mut add = || {
                let target = self.sample(draw, place)?;
                let labels = match &mut labels {
                    Some(labels) => labels,
                    none => none.insert(Labels::new(
                        &target,
                        self.dataset.classes().map(Classes::len),
                        draws.len(),
                    )?),
                };
                labels.push(&target)
            };
            add().map_err(|error| error.at_sample(draw.index))?;
        }
        let labels = labels.unwrap_or(Labels::Class(Vec::new())).into_tensor(draws.len())?;
        let batch = Batch { images, labels, indices: draws.iter().map(|draw| draw.index).collect() };
        match &self.mixing {
            Some(Mixing { transform, key }) => {
                transform.apply(batch, self.dataset.classes().map(Classes::len), key.fold(number as u64))
            }
            None => Ok(batch),
        }
    }

    /// Writes a picture to its place in the batch and returns its target.
    fn sample(&self, draw: &Draw, place: &mut [f32]) -> Result<Target> {
        let mut sample = self.dataset.get(draw.index)?;
        if !self.augmentation.is_empty() {
            let key = self.key.fold(draw.index as u64).fold(u64::from(draw.earlier));
            sample = self.augmentation.apply(sample, key)?;
        }
        self.preprocessing.write(&sample.image, place)?;
        Ok(sample.target)
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
