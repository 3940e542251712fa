//! Training that can be relied on: optimisers, schedules, a [`Trainer`] with callbacks, checkpoints that survive
//! a kill at any instant, evaluation, and the folder that a run leaves.
//!
//! A loop of one's own is as easy as the [`Trainer`]; this is all there is to one step:
//!
//! ```
//! use cnn_autograd::{Ctx, random::Key};
//! use cnn_layers::{Forward, Layer, Reduction};
//! use cnn_tensor::Tensor;
//! use cnn_train::optim::{Adam, AdamOptions, Optimizer};
//!
//! # fn step(model: &mut dyn Forward, images: Tensor, labels: &Tensor) -> cnn_train::Result<()> {
//! let mut optimizer = Adam::new(AdamOptions::default())?;
//!
//! let mut cx = Ctx::training(Key::new(1).fold(0)); // the seed, and the number of the step
//! let images = cx.input(images);
//! let logits = model.call(images, &mut cx)?;
//! let loss = logits.cross_entropy(labels, Reduction::Mean)?;
//! let step = cx.backward(loss)?; // gradients and batch statistics
//! optimizer.step(model, step, 1e-3)?; // applies both
//! # Ok(()) }
//! ```
//!
//! Nothing here prints: a [`Callback`] sees what happens and says it.

#![forbid(unsafe_code)]

mod average;
mod callback;
mod checkpoint;
mod error;
mod evaluate;
mod events;
mod files;
mod fingerprint;
mod history;
pub mod metrics;
mod metrics_log;
pub mod optim;
mod range_test;
mod run_dir;
pub mod schedule;
mod trainer;

pub use average::Average;
pub use callback::{BatchEvent, Callback, EpochEvent, Flow, StartEvent};
pub use checkpoint::{Checkpoint, CheckpointFolder, Partial, Position, Recipe};
pub use error::{CallbackError, Error, LastGood, NotFinite, Result};
pub use evaluate::{Evaluation, Prediction, Summary, evaluate};
pub use events::EventsLog;
pub use files::write_atomically;
pub use fingerprint::weights_sha256;
pub use history::{BestBy, Ending, EpochRecord, History, Validation};
pub use metrics_log::MetricsLog;
pub use range_test::{RangeOptions, RangePoint, RangeTest, find_learning_rate};
pub use run_dir::{Durations, Predictions, RunDir, RunInfo, RunResult, SplitRow};
pub use trainer::{
    Freeze, Keep, LossOptions, OnNonFinite, Rehearsal, StepOptions, StepOutcome, Trainer, TrainerOptions,
    train_step,
};
