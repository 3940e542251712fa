//! From pictures on a disk to batches for a network: fast, exact, and never wrong in silence.
//!
//! A [`Dataset`] is a length and a function from an index to a [`Sample`]: an [`Image`] and a [`Target`].
//! [`sources`] reads IDX files (MNIST), CIFAR, folders of pictures, tables and arrays; [`decode`] turns files into images.
//! A [`Loader`] takes the samples in the order of a [`Sampler`], augments them ([`transform`]), prepares them as the
//! model expects ([`Preprocessing`]) and delivers batches in order, prepared ahead by worker threads.
//! Each random draw is keyed by (seed, epoch, sample, how often it was drawn, place in the pipeline), so that
//! batches do not depend on the number of workers, and a run that resumes goes on with the same ones.
//!
//! ```
//! use cnn_data::{Image, InMemory, Loader, Preprocessing, Sample, Shuffled, Size, Target};
//!
//! # fn main() -> cnn_data::Result<()> {
//! let size = Size::new(2, 2);
//! let samples = (0..5).map(|shade| {
//!     Ok(Sample::new(Image::from_u8(size, 1, vec![shade * 10; 4])?, Target::Class(usize::from(shade % 2))))
//! });
//! let dataset = InMemory::new(samples.collect::<cnn_data::Result<_>>()?);
//!
//! let loader = Loader::new(dataset, Shuffled::new(1), Preprocessing::new(size, 1)?).batch_size(2).workers(2);
//! for batch in loader.epoch(0)? {
//!     let batch = batch?;
//!     assert_eq!(batch.images.shape()[1..], [2, 2, 1]);
//!     assert_eq!(batch.labels.len(), batch.indices.len());
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod adapters;
mod bad_samples;
mod cache;
pub mod check;
mod classes;
mod content;
mod dataset;
pub mod decode;
#[cfg(feature = "download")]
pub mod download;
mod error;
mod image;
mod level;
mod loader;
mod preprocess;
mod resample;
mod resize;
mod sampler;
pub mod sources;
pub mod split;
mod statistics;
mod target;
pub mod transform;

pub use adapters::{Concat, Map, MapTarget, Named, Repeat};
pub use bad_samples::{BadSample, BadSamples};
pub use cache::{CacheUsage, Cached, Fingerprint};
pub use classes::Classes;
pub use content::{content_sha256, name_below};
pub use dataset::{Dataset, InMemory, Sample, Subset};
pub use error::{BadFile, Error, FailedOrigin, Result};
pub use image::{Image, Pixels, Size};
pub use loader::{Batch, Batches, LastBatch, Loader, Position};
pub use preprocess::Preprocessing;
pub use resample::ResizeFilter;
pub use resize::{Resize, ResizeMode};
pub use sampler::{Sampler, Sequential, Shuffled, Stratified, Weighted};
pub use sources::location::{DataLocation, Opened, Places};
pub use split::{Fold, HoldOut, Split, fold, hold_out};
pub use statistics::Statistics;
pub use target::Target;
