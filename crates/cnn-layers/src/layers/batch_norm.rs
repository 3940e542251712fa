//! Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167).

use cnn_autograd::ops::batch_norm::{Epilogue, Normalised, Scaling, Statistics};
use cnn_autograd::{BatchStatistics, Ctx, Mode, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::{binary, unary};
use cnn_tensor::{DType, Tensor};

use crate::layer::{fused, observed, within};
use crate::visit::{Visitor, VisitorMut};
use crate::{Buffer, Error, FileLayout, Forward, Layer, Parameter, Result};

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

/// Normalises each channel over batch and image, as `torch.nn.BatchNorm2d`.
///
/// In train mode by the batch's mean and biased variance, which are recorded for the running statistics and
/// enter them when the step is applied; in eval mode, or frozen, by the running statistics.
///
/// # Shapes
/// `[batch, height, width, channels]`, unchanged; weight, bias, running mean and variance `[channels]`.
///
/// Starts as PyTorch does: weight 1, bias 0, running mean 0, running variance 1, epsilon 1e-5, momentum 0.1.
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
#[derive(Debug, Clone)]
pub struct BatchNorm2d {
    weight: Parameter,
    bias: Parameter,
    running_mean: Buffer,
    running_var: Buffer,
    num_batches_tracked: Buffer,
    epsilon: f64,
    momentum: Momentum,
    source: Source,
}

impl BatchNorm2d {
    /// With PyTorch's epsilon and momentum.
    ///
    /// # Errors
    /// As [`BatchNorm2dBuilder::build`].
    pub fn new(channels: usize) -> Result<Self> {
        Self::builder(channels).build()
    }

    /// With further settings.
    pub fn builder(channels: usize) -> BatchNorm2dBuilder {
        BatchNorm2dBuilder { channels, epsilon: 1e-5, momentum: Momentum::Exponential(0.1) }
    }

    /// The scale.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// The shift.
    pub fn bias(&self) -> &Parameter {
        &self.bias
    }

    /// Running mean of each channel.
    pub fn running_mean(&self) -> &Tensor {
        self.running_mean.value()
    }

    /// Running variance of each channel.
    pub fn running_var(&self) -> &Tensor {
        self.running_var.value()
    }

    /// Batches that have entered the running statistics.
    ///
    /// # Errors
    /// Where the buffer holds no number.
    pub fn num_batches_tracked(&self) -> Result<i64> {
        Ok(self.num_batches_tracked.value().as_slice::<i64>()?.first().copied().unwrap_or(0))
    }

    /// Uses the running statistics whatever the mode, and leaves them alone. Scale and shift still train.
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
        if x.shape().len() != 4 {
            let problem = format!("input {:?} should be [batch, height, width, channels]", x.shape());
            return Err(cnn_tensor::Error::shape("batch_norm", problem).into());
        }
        let scaling =
            Scaling { weight: self.weight.var(cx)?, bias: self.bias.var(cx)?, epsilon: self.epsilon };
        if cx.mode() == Mode::Eval || self.source == Source::Frozen {
            let statistics = Statistics {
                mean: Var::constant(self.running_mean.value().clone()),
                variance: Var::constant(self.running_var.value().clone()),
            };
            return Ok(x.batch_norm(statistics, scaling, epilogue)?);
        }
        let count = x.value().len() / self.weight.value().len().max(1);
        let Normalised { output, mean, unbiased_variance } = x.batch_norm_train(scaling, epilogue)?;
        let (layer, path) = (self.running_mean.id(), cx.path().to_owned());
        cx.record(BatchStatistics { layer, path, mean, unbiased_variance, count });
        Ok(output)
    }

    fn fold(&mut self, batch: &BatchStatistics) -> Result<()> {
        let batches = self.num_batches_tracked()?.saturating_add(1);
        let share = match self.momentum {
            Momentum::Exponential(momentum) => momentum,
            Momentum::Cumulative => 1.0 / batches as f64,
        };
        blend(self.running_mean.value_mut(), &batch.mean, share)?;
        blend(self.running_var.value_mut(), &batch.unbiased_variance, share)?;
        *self.num_batches_tracked.value_mut() = Tensor::scalar(batches)?;
        Ok(())
    }
}

/// `running = (1 - share) * running + share * batch`.
fn blend(running: &mut Tensor, batch: &Tensor, share: f64) -> Result<()> {
    let kept = unary::scale(running.clone(), 1.0 - share)?;
    *running = binary::add(kept, &unary::scale(batch.clone(), share)?)?;
    Ok(())
}

impl Layer for BatchNorm2d {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        visitor.child("weight", &self.weight);
        visitor.child("bias", &self.bias);
        visitor.child("running_mean", &self.running_mean);
        visitor.child("running_var", &self.running_var);
        visitor.child("num_batches_tracked", &self.num_batches_tracked);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        visitor.child("weight", &mut self.weight);
        visitor.child("bias", &mut self.bias);
        visitor.child("running_mean", &mut self.running_mean);
        visitor.child("running_var", &mut self.running_var);
        visitor.child("num_batches_tracked", &mut self.num_batches_tracked);
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        let id = self.running_mean.id();
        let mut folded = 0;
        for batch in statistics.iter().filter(|batch| batch.layer == id) {
            self.fold(batch)?;
            folded += 1;
        }
        Ok(folded)
    }
}

impl Forward for BatchNorm2d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        self.run(x, Epilogue::default(), cx)
    }
}

/// Settings of a [`BatchNorm2d`].
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm2dBuilder {
    channels: usize,
    epsilon: f64,
    momentum: Momentum,
}

impl BatchNorm2dBuilder {
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

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels, an epsilon that is negative or not finite, a momentum outside 0 to 1;
    /// out of memory.
    pub fn build(self) -> Result<BatchNorm2d> {
        let Self { channels, epsilon, momentum } = self;
        if channels == 0 {
            return Err(Error::argument("BatchNorm2d", "channels", channels, "1 or more"));
        }
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return Err(Error::argument("BatchNorm2d", "epsilon", epsilon, "a finite number of 0 or more"));
        }
        if let Momentum::Exponential(momentum) = momentum
            && !(0.0..=1.0).contains(&momentum)
        {
            return Err(Error::argument("BatchNorm2d", "momentum", momentum, "0 to 1"));
        }
        let filled = |value| Tensor::full(&[channels], value, DType::F32);
        Ok(BatchNorm2d {
            weight: Parameter::new(filled(1.0)?, FileLayout::AsIs),
            bias: Parameter::new(filled(0.0)?, FileLayout::AsIs),
            running_mean: Buffer::new(filled(0.0)?, FileLayout::AsIs),
            running_var: Buffer::new(filled(1.0)?, FileLayout::AsIs),
            num_batches_tracked: Buffer::new(Tensor::scalar(0i64)?, FileLayout::AsIs),
            epsilon,
            momentum,
            source: Source::Mode,
        })
    }
}
