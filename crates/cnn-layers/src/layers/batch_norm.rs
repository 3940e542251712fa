//! Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167): one body for rows, sequences and images.

use std::marker::PhantomData;

use cnn_autograd::ops::batch_norm::{Epilogue, Normalised};
use cnn_autograd::{BatchStatistics, Ctx, Mode, Var};
use cnn_tensor::Tensor;
use cnn_tensor::ops::activation::Activation;

use super::normalisation::{Counted, Momentum, Running, Settings, Tracked, expect_channels};
use crate::layer::{fused, observed, within};
use crate::sizes::{Affine, Tracking};
use crate::spatial::{OneAxis, SpatialAxes, TwoAxes};
use crate::visit::{Visitor, VisitorMut};
use crate::{Forward, Layer, Parameter, Result};

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
/// statistics, always by the batch's. An empty batch in train mode counts as a batch and moves no statistics.
///
/// Starts as PyTorch does: weight 1, bias 0, running mean 0, running variance 1, epsilon 1e-5, momentum 0.1. A momentum
/// above 1, which PyTorch takes, is refused.
#[derive(Debug, Clone)]
pub struct BatchNorm<A> {
    parts: Tracked,
    source: Source,
    axes: PhantomData<A>,
}

impl<A: SpatialAxes> BatchNorm<A> {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`BatchNormBuilder::build`].
    pub fn new(channels: usize) -> Result<Self> {
        Self::builder(channels).build()
    }

    /// With further settings.
    pub fn builder(channels: usize) -> BatchNormBuilder<A> {
        let (affine, tracking) = (Affine::With, Tracking::With);
        let settings = Settings { channels, epsilon: 1e-5, momentum: Momentum::default(), affine, tracking };
        BatchNormBuilder { settings, axes: PhantomData }
    }

    /// The scale, if one is learnt.
    pub fn weight(&self) -> Option<&Parameter> {
        self.parts.learnt.weight.as_ref()
    }

    /// The shift, if one is learnt.
    pub fn bias(&self) -> Option<&Parameter> {
        self.parts.learnt.bias.as_ref()
    }

    /// Running mean of each channel, if it is tracked.
    pub fn running_mean(&self) -> Option<&Tensor> {
        self.parts.running.as_ref().map(|running| running.mean().value())
    }

    /// Running variance of each channel, if it is tracked.
    pub fn running_var(&self) -> Option<&Tensor> {
        self.parts.running.as_ref().map(|running| running.variance().value())
    }

    /// Channels of the input.
    pub fn channels(&self) -> usize {
        self.parts.channels
    }

    /// What is added to the variance before its root is taken.
    pub fn epsilon(&self) -> f64 {
        self.parts.learnt.epsilon
    }

    /// How a batch enters the running statistics.
    pub fn momentum(&self) -> Momentum {
        self.parts.momentum
    }

    /// Batches that have entered the running statistics.
    ///
    /// # Errors
    /// Where the buffer holds no number, or one below zero.
    pub fn num_batches_tracked(&self) -> Result<i64> {
        self.parts.running.as_ref().map_or(Ok(0), Running::batches)
    }

    /// Uses the running statistics whatever the mode, and leaves them alone. Scale and shift still train. Where there
    /// are no running statistics, nothing changes.
    ///
    /// A norm whose scale and shift are both frozen does so too: nothing of it changes then.
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
        expect_channels("batch_norm", &x, self.parts.channels)?;
        let frozen = || self.source == Source::Frozen || self.parts.learnt.is_frozen();
        if let Some(running) = &self.parts.running
            && (cx.mode() == Mode::Eval || frozen())
        {
            return self.parts.run_by(running, x, epilogue, cx);
        }
        let affine = self.parts.learnt.affine(cx)?;
        let count = x.value().len() / self.parts.channels.max(1);
        let Normalised { output, mean, unbiased_variance } = x.batch_norm_train(affine, epilogue)?;
        if let Some(running) = &self.parts.running {
            let (layer, path) = (running.mean().id(), cx.path().to_owned());
            cx.record(BatchStatistics { layer, path, mean, unbiased_variance, count });
        }
        Ok(output)
    }
}

impl<A: SpatialAxes> Layer for BatchNorm<A> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        self.parts.visit(visitor);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        self.parts.visit_mut(visitor);
    }

    fn type_name(&self) -> &'static str {
        A::BATCH_NORM
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        self.parts.fold(statistics, Counted::Always)
    }
}

impl<A: SpatialAxes> Forward for BatchNorm<A> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Epilogue::default(), cx)
    }
}

/// Settings of a [`BatchNorm`].
#[derive(Debug, Clone, Copy)]
pub struct BatchNormBuilder<A> {
    settings: Settings,
    axes: PhantomData<A>,
}

impl<A: SpatialAxes> BatchNormBuilder<A> {
    /// Added to the variance before its root is taken.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.settings.epsilon = epsilon;
        self
    }

    /// How a batch enters the running statistics.
    #[must_use]
    pub fn momentum(mut self, momentum: Momentum) -> Self {
        self.settings.momentum = momentum;
        self
    }

    /// Whether scale and shift are learnt.
    #[must_use]
    pub fn affine(mut self, affine: Affine) -> Self {
        self.settings.affine = affine;
        self
    }

    /// Whether there are running statistics: without them, eval mode normalises by the batch too.
    #[must_use]
    pub fn tracking(mut self, tracking: Tracking) -> Self {
        self.settings.tracking = tracking;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for no channels, an epsilon that is negative or not finite, a momentum outside 0 to 1;
    /// out of memory.
    pub fn build(self) -> Result<BatchNorm<A>> {
        let Self { settings, axes } = self;
        Ok(BatchNorm { parts: settings.build(A::BATCH_NORM)?, source: Source::Mode, axes })
    }
}
