//! Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167): one body for rows, sequences and images.

use std::marker::PhantomData;

use cnn_autograd::ops::batch_norm::{Epilogue, Normalised, Scaling, Statistics};
use cnn_autograd::{BatchStatistics, Ctx, Mode, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::{DType, Tensor};

use super::running::Running;
use crate::layer::{fused, observed, within};
use crate::sizes::{Affine, Tracking};
use crate::spatial::{Axes, OneAxis, TwoAxes};
use crate::visit::{Visitor, VisitorMut};
use crate::{Error, FileLayout, Forward, Layer, Parameter, Result};

/// How a batch enters the running statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Momentum {
    /// `running = (1 - m) * running + m * batch`.
    Exponential(f64),
    /// The mean over all batches so far, each with the same weight (PyTorch's `momentum=None`).
    Cumulative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Statistics of the batch in train mode, running ones in eval mode.
    Mode,
    /// Running statistics always.
    Frozen,
}

/// Batch norm of images, as `torch.nn.BatchNorm2d`. See [`BatchNorm`].
///
/// # Shapes
/// `[batch, height, width, channels]`, unchanged; weight, bias, running mean and variance `[channels]`.
///
/// ```
/// use cnn_layers::{BatchNorm2d, Ctx, Forward, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let norm = BatchNorm2d::new(3)?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::full(&[2, 4, 4, 3], 0.5, DType::F32)?);
/// assert_eq!(norm.call(x, &mut cx)?.shape(), [2, 4, 4, 3]);
/// # Ok(()) }
/// ```
pub type BatchNorm2d = BatchNorm<TwoAxes>;

/// Batch norm of rows or sequences, as `torch.nn.BatchNorm1d`. See [`BatchNorm`].
///
/// # Shapes
/// `[batch, channels]` or `[batch, length, channels]`, unchanged; weight, bias, running mean and variance `[channels]`.
pub type BatchNorm1d = BatchNorm<OneAxis>;

/// Settings of a [`BatchNorm2d`].
pub type BatchNorm2dBuilder = BatchNormBuilder<TwoAxes>;

/// Normalises each channel over all other axes: [`BatchNorm1d`] and [`BatchNorm2d`].
///
/// In train mode by the batch's mean and biased variance, which are recorded for the running statistics and
/// enter them when the step is applied; in eval mode, or frozen, by the running statistics. Without running
/// statistics, always by the batch's.
///
/// Starts as PyTorch does: weight 1, bias 0, running mean 0, running variance 1, epsilon 1e-5, momentum 0.1.
#[derive(Debug, Clone)]
pub struct BatchNorm<A> {
    weight: Option<Parameter>,
    bias: Option<Parameter>,
    running: Option<Running>,
    channels: usize,
    epsilon: f64,
    momentum: Momentum,
    source: Source,
    axes: PhantomData<A>,
}

impl<A: Axes> BatchNorm<A> {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`BatchNormBuilder::build`].
    pub fn new(channels: usize) -> Result<Self> {
        Self::builder(channels).build()
    }

    /// With further settings.
    pub fn builder(channels: usize) -> BatchNormBuilder<A> {
        BatchNormBuilder {
            channels,
            epsilon: 1e-5,
            momentum: Momentum::Exponential(0.1),
            affine: Affine::With,
            tracking: Tracking::With,
            axes: PhantomData,
        }
    }

    /// The scale, if one is learnt.
    pub fn weight(&self) -> Option<&Parameter> {
        self.weight.as_ref()
    }

    /// The shift, if one is learnt.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// Running mean of each channel, if it is tracked.
    pub fn running_mean(&self) -> Option<&Tensor> {
        self.running.as_ref().map(|running| running.mean().value())
    }

    /// Running variance of each channel, if it is tracked.
    pub fn running_var(&self) -> Option<&Tensor> {
        self.running.as_ref().map(|running| running.variance().value())
    }

    /// Batches that have entered the running statistics.
    ///
    /// # Errors
    /// Where the buffer holds no number.
    pub fn num_batches_tracked(&self) -> Result<i64> {
        self.running.as_ref().map_or(Ok(0), Running::batches)
    }

    /// Uses the running statistics whatever the mode, and leaves them alone. Scale and shift still train. Where there
    /// are no running statistics, nothing changes.
    pub fn freeze(&mut self) {
        self.source = Source::Frozen;
    }

    /// Follows the mode again.
    pub fn unfreeze(&mut self) {
        self.source = Source::Mode;
    }

    /// [`Forward::call`], then an activation, in one pass.
    ///
    /// # Errors
    /// Where the input does not fit, with the layer's path.
    pub fn call_act(&self, x: Var, activation: impl Into<Activation>, cx: &mut Ctx) -> Result<Var> {
        fused(self, activation.into(), cx, |activation, cx| {
            self.run(x, Epilogue { residual: None, activation }, cx)
        })
    }

    /// [`Forward::call`], then the sum with a residual of the same shape, then an activation, in one pass.
    ///
    /// # Errors
    /// Where the inputs do not fit, with the layer's path.
    pub fn call_add_act(
        &self,
        x: Var,
        residual: Var,
        activation: impl Into<Activation>,
        cx: &mut Ctx,
    ) -> Result<Var> {
        let activation = activation.into();
        if observed(self, cx) {
            return Ok(self.call(x, cx)?.add_act(residual, activation)?);
        }
        within(self, cx, |cx| self.run(x, Epilogue { residual: Some(residual), activation }, cx))
    }

    fn run(&self, x: Var, epilogue: Epilogue, cx: &mut Ctx) -> Result<Var> {
        let rank = x.shape().len();
        if rank != A::RANK && (A::RANK, rank) != (3, 2) {
            let rows = if A::RANK == 3 { "[batch, channels] or " } else { "" };
            let problem = format!("input {:?} should be {rows}{}", x.shape(), A::EXPECTED);
            return Err(cnn_tensor::Error::shape("batch_norm", problem).into());
        }
        let [weight, bias] =
            [(&self.weight, 1.0), (&self.bias, 0.0)].map(|(learnt, otherwise)| match learnt {
                Some(learnt) => learnt.var(cx),
                None => constant(self.channels, otherwise, x.dtype()),
            });
        let scaling = Scaling { weight: weight?, bias: bias?, epsilon: self.epsilon };
        if let Some(running) = &self.running
            && (cx.mode() == Mode::Eval || self.source == Source::Frozen)
        {
            let [mean, variance] =
                [running.mean(), running.variance()].map(|buffer| Var::constant(buffer.value().clone()));
            return Ok(x.batch_norm(Statistics { mean, variance }, scaling, epilogue)?);
        }
        let count = x.value().len() / self.channels.max(1);
        let Normalised { output, mean, unbiased_variance } = x.batch_norm_train(scaling, epilogue)?;
        if let Some(running) = &self.running {
            let (layer, path) = (running.mean().id(), cx.path().to_owned());
            cx.record(BatchStatistics { layer, path, mean, unbiased_variance, count });
        }
        Ok(output)
    }
}

/// One value for each channel that is not learnt.
pub(super) fn constant(channels: usize, value: f64, dtype: DType) -> Result<Var> {
    // A type that does not compute is for the operation to refuse.
    let dtype = if dtype.is_compute() { dtype } else { DType::F32 };
    Ok(Var::constant(Tensor::full(&[channels], value, dtype)?))
}

impl<A: Axes> Layer for BatchNorm<A> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.child("weight", &self.weight);
        visitor.child("bias", &self.bias);
        if let Some(running) = &self.running {
            running.visit(visitor);
        }
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.child("weight", &mut self.weight);
        visitor.child("bias", &mut self.bias);
        if let Some(running) = &mut self.running {
            running.visit_mut(visitor);
        }
    }

    fn type_name(&self) -> &'static str {
        A::BATCH_NORM
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        let Some(running) = &mut self.running else { return Ok(0) };
        let id = running.mean().id();
        let mut folded = 0;
        for batch in statistics.iter().filter(|batch| batch.layer == id) {
            let batches = running.batches()?.saturating_add(1);
            let share = match self.momentum {
                Momentum::Exponential(momentum) => momentum,
                Momentum::Cumulative => 1.0 / batches as f64,
            };
            running.blend(&batch.mean, &batch.unbiased_variance, share)?;
            running.set_batches(batches)?;
            folded += 1;
        }
        Ok(folded)
    }
}

impl<A: Axes> Forward for BatchNorm<A> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Epilogue::default(), cx)
    }
}

/// Settings of a [`BatchNorm`].
#[derive(Debug, Clone, Copy)]
pub struct BatchNormBuilder<A> {
    channels: usize,
    epsilon: f64,
    momentum: Momentum,
    affine: Affine,
    tracking: Tracking,
    axes: PhantomData<A>,
}

impl<A: Axes> BatchNormBuilder<A> {
    /// Added to the variance before its root is taken.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// How a batch enters the running statistics.
    #[must_use]
    pub fn momentum(mut self, momentum: Momentum) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether scale and shift are learnt.
    #[must_use]
    pub fn affine(mut self, affine: Affine) -> Self {
        self.affine = affine;
        self
    }

    /// Whether there are running statistics: without them, eval mode normalises by the batch too.
    #[must_use]
    pub fn tracking(mut self, tracking: Tracking) -> Self {
        self.tracking = tracking;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels, an epsilon that is negative or not finite, a momentum outside 0 to 1;
    /// out of memory.
    pub fn build(self) -> Result<BatchNorm<A>> {
        let Self { channels, epsilon, momentum, affine, tracking, axes } = self;
        check(A::BATCH_NORM, channels, epsilon)?;
        if let Momentum::Exponential(momentum) = momentum {
            check_momentum(A::BATCH_NORM, momentum)?;
        }
        let [weight, bias] = learnt(affine, &[channels])?;
        let running = match tracking {
            Tracking::With => Some(Running::new(channels)?),
            Tracking::Without => None,
        };
        Ok(BatchNorm { weight, bias, running, channels, epsilon, momentum, source: Source::Mode, axes })
    }
}

/// Refuses no channels, and an epsilon that is negative or not finite.
pub(super) fn check(layer: &'static str, channels: usize, epsilon: f64) -> Result<()> {
    if channels == 0 {
        return Err(Error::argument(layer, "channels", channels, "1 or more"));
    }
    check_epsilon(layer, epsilon)
}

/// Refuses an epsilon that is negative or not finite.
pub(super) fn check_epsilon(layer: &'static str, epsilon: f64) -> Result<()> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(layer, "epsilon", epsilon, "a finite number of 0 or more"))
}

/// Refuses a momentum outside 0 to 1.
pub(super) fn check_momentum(layer: &'static str, momentum: f64) -> Result<()> {
    if (0.0..=1.0).contains(&momentum) {
        return Ok(());
    }
    Err(Error::argument(layer, "momentum", momentum, "0 to 1"))
}

/// Scale and shift as they start, where they are learnt.
pub(super) fn learnt(affine: Affine, shape: &[usize]) -> Result<[Option<Parameter>; 2]> {
    let layout = if shape.len() > 1 { FileLayout::ChannelsFirst } else { FileLayout::AsIs };
    let parameter =
        |value| -> Result<_> { Ok(Parameter::new(Tensor::full(shape, value, DType::F32)?, layout)) };
    match affine {
        Affine::With => Ok([Some(parameter(1.0)?), Some(parameter(0.0)?)]),
        Affine::Without => Ok([None, None]),
    }
}
