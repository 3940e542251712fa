//! What the normalising layers have in common: scale and shift, running statistics, and what is refused.

use cnn_autograd::ops::batch_norm::{Epilogue, Statistics};
use cnn_autograd::{BatchStatistics, Ctx, Locate, Trainable, Var};
use cnn_tensor::ops::{binary, unary};
use cnn_tensor::{DType, Tensor};

use crate::sizes::{Affine, Tracking};
use crate::visit::{Visitor, VisitorMut};
use crate::{Buffer, Error, FileLayout, Layer, Parameter, Result};

/// How a batch enters the running statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Momentum {
    /// `running = (1 - m) * running + m * batch`.
    Exponential(f64),
    /// The mean over all batches so far, each with the same weight (PyTorch's `momentum=None` of a batch norm): batch
    /// number `n` enters with `m = 1 / n`. An empty batch is counted and moves nothing, so that behind one the statistics
    /// of the start have its weight.
    Cumulative,
}

impl Default for Momentum {
    /// PyTorch's: 0.1.
    fn default() -> Self {
        Self::Exponential(0.1)
    }
}

/// Scale and shift, where they are learnt, and the number under the root.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    pub(crate) weight: Option<Parameter>,
    pub(crate) bias: Option<Parameter>,
    pub(crate) epsilon: f64,
}

impl Learnt {
    /// As they start: 1 and 0.
    pub(crate) fn new(layer: &'static str, affine: Affine, shape: &[usize], epsilon: f64) -> Result<Self> {
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return Err(Error::argument(layer, "epsilon", epsilon, "a finite number of 0 or more"));
        }
        let layout = if shape.len() > 1 { FileLayout::ChannelsFirst } else { FileLayout::AsIs };
        let parameter = |value| match affine {
            Affine::With => Ok(Some(Parameter::new(Tensor::full(shape, value, DType::F32)?, layout))),
            Affine::Without => Ok::<_, Error>(None),
        };
        Ok(Self { weight: parameter(1.0)?, bias: parameter(0.0)?, epsilon })
    }

    /// Whether there is something to learn, and none of it is learnt.
    pub(crate) fn is_frozen(&self) -> bool {
        let mut parameters = self.weight.iter().chain(&self.bias).peekable();
        parameters.peek().is_some() && parameters.all(|parameter| parameter.trainable() == Trainable::No)
    }

    /// As operations take them.
    pub(crate) fn affine(&self, cx: &mut Ctx) -> Result<cnn_autograd::Affine> {
        let [weight, bias] =
            [&self.weight, &self.bias].map(|learnt| learnt.as_ref().map(|learnt| learnt.var(cx)).transpose());
        Ok(cnn_autograd::Affine { weight: weight?, bias: bias?, epsilon: self.epsilon })
    }
}

impl Layer for Learnt {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.child("weight", &self.weight);
        visitor.child("bias", &self.bias);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.child("weight", &mut self.weight);
        visitor.child("bias", &mut self.bias);
    }
}

/// What batch and instance norm are made of: scale, shift, and running statistics where they are kept.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    pub(crate) learnt: Learnt,
    pub(crate) running: Option<Running>,
    pub(crate) channels: usize,
    pub(crate) momentum: Momentum,
}

/// Settings of a [`Tracked`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) channels: usize,
    pub(crate) epsilon: f64,
    pub(crate) momentum: Momentum,
    pub(crate) affine: Affine,
    pub(crate) tracking: Tracking,
}

impl Settings {
    /// The parts of a layer of this name.
    pub(crate) fn build(self, layer: &'static str) -> Result<Tracked> {
        let Self { channels, epsilon, momentum, affine, tracking } = self;
        expect_some(layer, channels)?;
        if let Momentum::Exponential(momentum) = momentum
            && !(0.0..=1.0).contains(&momentum)
        {
            return Err(Error::argument(layer, "momentum", momentum, "0 to 1"));
        }
        let learnt = Learnt::new(layer, affine, &[channels], epsilon)?;
        let running = match tracking {
            Tracking::With => Some(Running::new(channels)?),
            Tracking::Without => None,
        };
        Ok(Tracked { learnt, running, channels, momentum })
    }
}

/// Refuses no channels.
pub(crate) fn expect_some(layer: &'static str, channels: usize) -> Result<()> {
    if channels > 0 { Ok(()) } else { Err(Error::argument(layer, "channels", channels, "1 or more")) }
}

/// Refuses another number of channels: without scale and shift, the operation would take any.
pub(crate) fn expect_channels(op: &'static str, x: &Var, channels: usize) -> Result<()> {
    if x.shape().last() == Some(&channels) {
        return Ok(());
    }
    let problem = format!("input {:?} should be [batch, .., {channels}]", x.shape());
    Err(cnn_tensor::Error::shape(op, problem).into())
}

impl Tracked {
    /// Normalises by running statistics.
    pub(crate) fn run_by(&self, running: &Running, x: Var, epilogue: Epilogue, cx: &mut Ctx) -> Result<Var> {
        let affine = self.learnt.affine(cx)?;
        let [mean, variance] =
            [&running.mean, &running.variance].map(|buffer| Var::constant(buffer.value().clone()));
        Ok(x.batch_norm(Statistics { mean, variance }, affine, epilogue)?)
    }

    /// Folds those of the batches in that are this layer's own; how many they were. Whether they are counted is the
    /// layer's to say, but a mean over all of them cannot be without.
    pub(crate) fn fold(&mut self, statistics: &[BatchStatistics], counted: Counted) -> Result<usize> {
        let Some(running) = &mut self.running else { return Ok(0) };
        let id = running.mean.id();
        let mut folded = 0;
        for batch in statistics.iter().filter(|batch| batch.layer == id) {
            let batches = running.batches().map_err(|error| error.at(&batch.path))?.saturating_add(1);
            let share = match self.momentum {
                Momentum::Exponential(momentum) => momentum,
                Momentum::Cumulative => 1.0 / batches as f64,
            };
            running.blend(batch, share)?;
            if counted == Counted::Always || self.momentum == Momentum::Cumulative {
                running.set_batches(batches)?;
            }
            folded += 1;
        }
        Ok(folded)
    }
}

/// When the batches that enter running statistics are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Always,
    /// Where their mean needs it.
    ForTheMean,
}

impl Layer for Tracked {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        self.learnt.visit(visitor);
        if let Some(running) = &self.running {
            running.visit(visitor);
        }
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        self.learnt.visit_mut(visitor);
        if let Some(running) = &mut self.running {
            running.visit_mut(visitor);
        }
    }
}

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

    /// How many batches have entered, which a file may say wrongly.
    pub(crate) fn batches(&self) -> Result<i64> {
        let batches = self.batches.value().as_slice::<i64>()?.first().copied().unwrap_or(0);
        if batches < 0 {
            return Err(Error::Layer(format!("num_batches_tracked is {batches}, expected 0 or more")));
        }
        Ok(batches)
    }

    pub(crate) fn set_batches(&mut self, batches: i64) -> Result<()> {
        *self.batches.value_mut() = Tensor::scalar(batches)?;
        Ok(())
    }

    /// `running = (1 - share) * running + share * batch`, of mean and variance; nothing for a batch without values.
    pub(crate) fn blend(&mut self, batch: &BatchStatistics, share: f64) -> Result<()> {
        if batch.count == 0 {
            return Ok(());
        }
        blend(self.mean.value_mut(), &batch.mean, share)?;
        blend(self.variance.value_mut(), &batch.unbiased_variance, share)
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
