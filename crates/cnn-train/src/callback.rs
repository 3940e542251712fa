//! Callbacks: what watches a run, writes it down, and may end it.
//!
//! A callback sees events and answers whether to go on. It cannot change the weights, so that what a run
//! computes does not depend on who watches it.

use std::time::Duration;

use cnn_layers::Forward;

use crate::error::CallbackError;
use crate::history::{EpochRecord, History};

/// Whether training goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// Go on.
    #[default]
    Continue,
    /// End the run after this batch or epoch; what was kept so far is the result. An epoch that is stopped in its
    /// middle is in no checkpoint: a resumed run begins it again.
    Stop,
}

/// Watches a run. Every method has a default that does nothing.
///
/// ```
/// use cnn_train::{BatchEvent, Callback, CallbackError, Flow};
///
/// /// Ends the run as soon as the running accuracy is high enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
///         Ok(if event.accuracy >= self.0 { Flow::Stop } else { Flow::Continue })
///     }
/// }
/// ```
pub trait Callback {
    /// Before the first batch, and again where the run goes back to a checkpoint
    /// ([`OnNonFinite::Rollback`](crate::OnNonFinite::Rollback)): then what was told of the steps after it does not hold.
    ///
    /// # Errors
    /// Any error ends the run and reaches the caller of `fit`; so it is with the other methods.
    fn on_start(&mut self, _event: &StartEvent<'_>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After every step.
    ///
    /// # Errors
    /// As [`Callback::on_start`].
    fn on_batch(&mut self, _event: &BatchEvent) -> Result<Flow, CallbackError> {
        Ok(Flow::Continue)
    }

    /// Before a checkpoint is written, also the one before the first batch: what the callback has written so far should
    /// be on the disk when it returns, because a run that goes on from the checkpoint does not tell it again.
    ///
    /// # Errors
    /// As [`Callback::on_start`].
    fn on_checkpoint(&mut self) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After every epoch, its validation and its checkpoint.
    ///
    /// # Errors
    /// As [`Callback::on_start`].
    fn on_epoch(&mut self, _event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        Ok(Flow::Continue)
    }
}

impl<C: Callback + ?Sized> Callback for &mut C {
    fn on_start(&mut self, event: &StartEvent<'_>) -> Result<(), CallbackError> {
        (**self).on_start(event)
    }

    fn on_batch(&mut self, event: &BatchEvent) -> Result<Flow, CallbackError> {
        (**self).on_batch(event)
    }

    fn on_checkpoint(&mut self) -> Result<(), CallbackError> {
        (**self).on_checkpoint()
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_>) -> Result<Flow, CallbackError> {
        (**self).on_epoch(event)
    }
}

/// The run is about to begin, or to go on.
#[derive(Debug, Clone, Copy)]
pub struct StartEvent<'a> {
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Batches that are done of the epoch that the run goes on in; 0 at an epoch's beginning.
    pub batch: usize,
    /// What a resumed run did before; empty for a new one.
    pub history: &'a History,
}

/// A step was taken.
#[derive(Debug, Clone, Copy)]
pub struct BatchEvent {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// The batch in its epoch, counted from 1.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Images seen in this epoch.
    pub images: usize,
    /// Loss of this batch.
    pub loss: f64,
    /// Mean loss of this epoch so far.
    pub mean_loss: f64,
    /// Share of this epoch's images classified correctly so far, 0 to 1.
    pub accuracy: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Images per second in this epoch so far.
    pub images_per_second: f64,
    /// Time since the epoch began.
    pub elapsed: Duration,
    /// Of this time what the steps waited for the loader's batches.
    pub waited: Duration,
}

/// An epoch has ended.
#[derive(Clone, Copy)]
pub struct EpochEvent<'a> {
    /// What it measured.
    pub record: &'a EpochRecord,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Whether its validation accuracy is higher than that of every epoch before.
    pub is_best: bool,
    /// The network as it is now.
    pub model: &'a dyn Forward,
}
