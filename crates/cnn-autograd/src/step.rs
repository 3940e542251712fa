//! [`Step`]: everything that one step of training asks to be applied.

use cnn_tensor::Tensor;

use crate::{Gradients, ParameterId, Result};

/// Statistics of one batch in one normalising layer, to be folded into its running values.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Names the layer: the id of its running mean.
    pub layer: ParameterId,
    /// Path of the layer when it ran.
    pub path: String,
    /// Mean of each channel.
    pub mean: Tensor,
    /// Variance of each channel, divided by count - 1.
    pub unbiased_variance: Tensor,
    /// Values that each mean is made of; none for an empty batch, whose mean and variance mean nothing.
    pub count: usize,
}

/// Gradients and batch statistics of one or more passes.
///
/// The only way to an update in train mode, so that statistics are neither lost nor counted twice.
#[derive(Debug, Default)]
#[must_use = "a step that is not applied trains nothing"]
pub struct Step {
    /// Gradients of the loss.
    pub gradients: Gradients,
    /// Batch statistics in the order in which they were recorded.
    pub statistics: Vec<BatchStatistics>,
}

impl Step {
    /// Adds another micro-batch: gradients are summed, statistics follow those that are here.
    ///
    /// # Errors
    /// As [`Gradients::accumulate`].
    pub fn accumulate(&mut self, other: Step) -> Result<()> {
        self.gradients.accumulate(other.gradients)?;
        self.statistics.extend(other.statistics);
        Ok(())
    }
}
