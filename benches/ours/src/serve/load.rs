//! Batches of augmented MNIST images from a loader: the images of `data/mnist`, moved, turned and scaled a little.

use cnn_data::sources::mnist::{self, Family};
use cnn_data::transform::{Interpolation, Pipeline, RandomAffine};
use cnn_data::{Loader, Preprocessing, Shuffled, Size, Split};

use super::Job;
use crate::failure::Result;
use crate::machine;

/// Seed of order and augmentation.
const SEED: u64 = 1;

pub(super) fn job(batch: usize, workers: usize) -> Result<Job> {
    let images = mnist::load(&machine::root().join("data/mnist"), Family::Mnist, Split::Train)?;
    let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.1307], &[0.3081])?;
    // The augmentation of configs/mnist.toml.
    let augmentation = Pipeline::new().then(
        RandomAffine::new(10.0)
            .translate([0.07, 0.07])
            .scale([0.9, 1.1])
            .shear(5.0)
            .interpolation(Interpolation::Bilinear),
    );
    let loader = Loader::new(images, Shuffled::new(SEED), preprocessing)
        .augment(augmentation, SEED)
        .batch_size(batch)
        .workers(workers);
    let mut epoch = 0;
    let mut batches = loader.epoch(epoch)?;
    let compute = move || {
        loop {
            if let Some(batch) = batches.next() {
                batch?;
                return Ok(Vec::new());
            }
            epoch += 1;
            batches = loader.epoch(epoch)?;
        }
    };
    Job::new(Vec::new(), compute)
}
