//! A small data set and a small network with everything that a run's bits depend on: batch norm, dropout,
//! convolution, and a data set that is shuffled and augmented.

use cnn_data::transform::{Interpolation, Pipeline, RandomAffine};
use cnn_data::{Image, InMemory, Loader, Preprocessing, Sample, Sequential, Shuffled, Size, Target};
use cnn_layers::{BatchNorm2d, Conv2d, Ctx, Dense, Dropout, Forward, Key, Layer, Relu, Result, Var};

/// Convolution, batch norm, dropout, dense.
#[derive(Debug, Layer)]
pub(crate) struct Net {
    conv: Conv2d,
    bn: BatchNorm2d,
    dropout: Dropout,
    fc: Dense,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let key = Key::new(seed);
        Self {
            conv: Conv2d::builder(1, 8, 3).padding(1).build(key.fold(0)).unwrap(),
            bn: BatchNorm2d::new(8).unwrap(),
            dropout: Dropout::new(0.25).unwrap(),
            fc: Dense::new(8 * 4 * 4, 3, key.fold(1)).unwrap(),
        }
    }
}

impl Forward for Net {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let x = self.conv.call(x, cx)?;
        let x = self.bn.call_act(x, Relu, cx)?.max_pool2d(2)?;
        let x = self.dropout.call(x, cx)?.flatten()?;
        self.fc.call(x, cx)
    }
}

/// Images of 8 by 8: noise, brighter in the third that is the class.
pub(crate) fn samples(count: usize, seed: u64) -> InMemory {
    let key = Key::new(seed).fold_str("synthetic");
    let sample = |index: usize| {
        let class = index % 3;
        let level = |pixel: usize| {
            let bright = pixel / 8 * 3 / 8 == class;
            (key.fold(index as u64).uniform(pixel as u64) * 120.0) as u8 + if bright { 100 } else { 0 }
        };
        let image = Image::from_u8(Size::new(8, 8), 1, (0..64).map(level).collect()).unwrap();
        Sample::new(image, Target::Class(class))
    };
    InMemory::new((0..count).map(sample).collect())
}

pub(crate) fn preprocessing() -> Preprocessing {
    Preprocessing::new(Size::new(8, 8), 1).unwrap().normalize(&[0.4], &[0.2]).unwrap()
}

/// 75 images in five batches, the last one short.
pub(crate) fn training() -> Loader {
    let turned = RandomAffine::new(5.0).interpolation(Interpolation::Bilinear);
    let augmentation = Pipeline::new().then(turned);
    Loader::new(samples(75, 1), Shuffled::new(1), preprocessing()).batch_size(16).augment(augmentation, 1)
}

pub(crate) fn validation() -> Loader {
    Loader::new(samples(30, 2), Sequential, preprocessing()).batch_size(16)
}
