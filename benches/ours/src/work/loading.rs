//! Loading and augmenting images.

use std::fmt;

use serde::{Deserialize, Serialize};

/// So many images through a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loading {
    pub(crate) pipeline: Pipeline,
    /// Images in one run. The loaders' runs are epochs of so many, in batches of 64, with a worker for each thread.
    pub(crate) images: usize,
}

/// Where images come from, and what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pipeline {
    /// MNIST in memory: moved, turned and scaled a little, normalised.
    Mnist,
    /// Pictures of CIFAR-10's size in memory: cropped after padding, flipped, normalised.
    Cifar,
    /// A folder of JPEG files of 500x375 pixels: a random part of each at 224x224, flipped, normalised.
    Folder,
    /// The files of MNIST, from gzip to memory.
    MnistFiles,
    /// `RandAugment` of pictures of 224x224 in memory, one after the other.
    RandAugment,
}

impl fmt::Display for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pipeline {
            Pipeline::Mnist => "mnist, affine",
            Pipeline::Cifar => "cifar-10, crop, flip",
            Pipeline::Folder => "folder of jpeg 500x375, resized crop 224x224, flip",
            Pipeline::MnistFiles => "mnist files, gzip",
            Pipeline::RandAugment => "rand-augment 224x224",
        })
    }
}
