//! Running statistics of batch and instance norm: three buffers under PyTorch's names.

use cnn_tensor::ops::{binary, unary};
use cnn_tensor::{DType, Tensor};

use crate::visit::{Visitor, VisitorMut};
use crate::{Buffer, FileLayout, Layer, Result};

/// Running mean and variance of each channel, and how many batches have entered them.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    mean: Buffer,
    variance: Buffer,
    batches: Buffer,
}

impl Running {
    /// As PyTorch starts them: mean 0, variance 1, no batches.
    pub(crate) fn new(channels: usize) -> Result<Self> {
        let filled = |value| Tensor::full(&[channels], value, DType::F32);
        Ok(Self {
            mean: Buffer::new(filled(0.0)?, FileLayout::AsIs),
            variance: Buffer::new(filled(1.0)?, FileLayout::AsIs),
            batches: Buffer::new(Tensor::scalar(0i64)?, FileLayout::AsIs),
        })
    }

    pub(crate) fn mean(&self) -> &Buffer {
        &self.mean
    }

    pub(crate) fn variance(&self) -> &Buffer {
        &self.variance
    }

    pub(crate) fn batches(&self) -> Result<i64> {
        Ok(self.batches.value().as_slice::<i64>()?.first().copied().unwrap_or(0))
    }

    pub(crate) fn set_batches(&mut self, batches: i64) -> Result<()> {
        *self.batches.value_mut() = Tensor::scalar(batches)?;
        Ok(())
    }

    /// `running = (1 - share) * running + share * batch`, of mean and variance.
    pub(crate) fn blend(&mut self, mean: &Tensor, variance: &Tensor, share: f64) -> Result<()> {
        blend(self.mean.value_mut(), mean, share)?;
        blend(self.variance.value_mut(), variance, share)
    }
}

fn blend(running: &mut Tensor, batch: &Tensor, share: f64) -> Result<()> {
    let kept = unary::scale(running.clone(), 1.0 - share)?;
    *running = binary::add(kept, &unary::scale(batch.clone(), share)?)?;
    Ok(())
}

impl Layer for Running {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.child("running_mean", &self.mean);
        visitor.child("running_var", &self.variance);
        visitor.child("num_batches_tracked", &self.batches);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.child("running_mean", &mut self.mean);
        visitor.child("running_var", &mut self.variance);
        visitor.child("num_batches_tracked", &mut self.batches);
    }
}
