//! Images through a pipeline: loaders that deliver an epoch, files that are read, transforms one after the other.

use bench_common::inputs::{self, stream};
use cnn_data::sources::mnist::{self, Family};
use cnn_data::sources::{Folder, FolderOptions};
use cnn_data::transform::{
    Interpolation, Pipeline as Steps, RandAugment, RandomAffine, RandomCrop, RandomHorizontalFlip,
    RandomResizedCrop, Transform,
};
use cnn_data::{Dataset, Image, InMemory, Loader, Preprocessing, Sample, Shuffled, Size, Split, Target};
use cnn_tensor::random::Key;

use super::{Job, photographs};
use crate::failure::Result;
use crate::machine;
use crate::work::{Loading, Pipeline};

/// Seed of order and augmentation.
const SEED: u64 = 1;

/// Images in a batch.
const BATCH: usize = 64;

/// Mean and standard deviation of ImageNet's and CIFAR-10's pixels, as networks are usually trained with.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
const CIFAR: [[f32; 3]; 2] = [[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]];

pub(super) fn job(load: Loading, workers: usize) -> Result<Job> {
    match load.pipeline {
        Pipeline::Mnist => {
            let images = mnist::load(&machine::root().join("data/mnist"), Family::Mnist, Split::Train)?;
            let images = images.subset((0..load.images).collect())?;
            let preprocessing = Preprocessing::new(Size::new(28, 28), 1)?.normalize(&[0.1307], &[0.3081])?;
            // The augmentation of configs/mnist.toml.
            let affine = RandomAffine::new(10.0).translate([0.07, 0.07]).scale([0.9, 1.1]).shear(5.0);
            let steps = Steps::new().then(affine.interpolation(Interpolation::Bilinear));
            epochs(images, preprocessing, steps, workers)
        }
        Pipeline::Cifar => {
            let size = Size::new(32, 32);
            let preprocessing = Preprocessing::new(size, 3)?.normalize(&CIFAR[0], &CIFAR[1])?;
            let crop = RandomCrop::new(size).padding(4);
            let steps = Steps::new().then(crop).then(RandomHorizontalFlip::default());
            epochs(InMemory::new(samples(load.images, size)?), preprocessing, steps, workers)
        }
        Pipeline::Folder => {
            let size = Size::new(224, 224);
            let preprocessing = Preprocessing::new(size, 3)?.normalize(&IMAGENET[0], &IMAGENET[1])?;
            let steps = Steps::new().then(RandomResizedCrop::new(size)).then(RandomHorizontalFlip::default());
            let folder = photographs::folder(load.images)?;
            let folder = Folder::open(&folder, Split::Train, &FolderOptions::default())?;
            epochs(folder, preprocessing, steps, workers)
        }
        Pipeline::MnistFiles => {
            let folder = machine::root().join("data/mnist");
            let compute = move || {
                for split in [Split::Train, Split::Test] {
                    mnist::load(&folder, Family::Mnist, split)?;
                }
                Ok(Vec::new())
            };
            Job::new(Vec::new(), compute)
        }
        Pipeline::RandAugment => {
            // Each picture is made eight times, so that the inputs do not crowd out what is timed.
            let samples = samples(load.images.div_ceil(8), Size::new(224, 224))?;
            let augment = RandAugment::default();
            let mut key = Key::new(SEED);
            let compute = move || {
                for number in 0..load.images {
                    key = key.fold(1);
                    augment.apply(samples[number % samples.len()].clone(), key)?;
                }
                Ok(Vec::new())
            };
            Job::new(Vec::new(), compute)
        }
    }
}

/// A loader that delivers an epoch each time.
fn epochs(
    images: impl Dataset + 'static,
    preprocessing: Preprocessing,
    steps: Steps,
    workers: usize,
) -> Result<Job> {
    let loader = Loader::new(images, Shuffled::new(SEED), preprocessing)
        .augment(steps, SEED)
        .batch_size(BATCH)
        .workers(workers);
    let mut epoch = 0;
    let compute = move || {
        for batch in loader.epoch(epoch)? {
            batch?;
        }
        epoch += 1;
        Ok(Vec::new())
    };
    Job::new(Vec::new(), compute)
}

/// Colour pictures of noise around grey; the Python side has the same.
fn samples(count: usize, size: Size) -> Result<Vec<Sample>> {
    let levels = size.height * size.width * 3;
    let sample = |number: usize| {
        let level = |at: usize| inputs::number(stream::INPUT, number * levels + at) * 64.0 + 128.0;
        let image = Image::from_u8(size, 3, (0..levels).map(|at| level(at) as u8).collect())?;
        Ok(Sample::new(image, Target::Class(number % 10)))
    };
    (0..count).map(sample).collect()
}
