//! Group normalisation (Wu and He, arXiv:1803.08494), and instance normalisation (Ulyanov, Vedaldi and Lempitsky,
//! arXiv:1607.08022), which has one channel in each group and may keep running statistics.

use std::marker::PhantomData;

use cnn_autograd::ops::batch_norm::Epilogue;
use cnn_autograd::ops::group_norm::Grouped;
use cnn_autograd::{BatchStatistics, Ctx, Mode, Var};
use cnn_tensor::ops::group_norm;
use cnn_tensor::{Shape, Spec, Tensor};

use super::normalisation::{
    Counted, Learnt, Momentum, Running, Settings, Tracked, expect_channels, expect_some,
};
use crate::sizes::{Affine, Tracking};
use crate::spatial::{OneAxis, SpatialAxes, TwoAxes};
use crate::visit::{Visitor, VisitorMut};
use crate::{Error, Forward, Layer, Parameter, Result};

/// Normalises each group of neighbouring channels of each image by its own mean and biased variance, as
/// `torch.nn.GroupNorm`.
///
/// # Shapes
/// `[batch, .., channels]`, unchanged; weight and bias `[channels]`.
///
/// Starts as PyTorch does: weight 1, bias 0, epsilon 1e-5. Unlike PyTorch it takes a batch of one value in each
/// group, whose variance is zero.
///
/// ```
/// use cnn_layers::{Ctx, Forward, GroupNorm, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let norm = GroupNorm::new(3, 6)?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::full(&[2, 4, 4, 6], 0.5, DType::F32)?);
/// assert_eq!(norm.call(x, &mut cx)?.shape(), [2, 4, 4, 6]);
/// assert!(GroupNorm::new(4, 6).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct GroupNorm {
    #[layer(flatten)]
    learnt: Learnt,
    #[layer(skip)]
    groups: usize,
    #[layer(skip)]
    channels: usize,
}

impl GroupNorm {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`GroupNormBuilder::build`].
    pub fn new(groups: usize, channels: usize) -> Result<Self> {
        Self::builder(groups, channels).build()
    }

    /// With further settings.
    pub fn builder(groups: usize, channels: usize) -> GroupNormBuilder {
        GroupNormBuilder { groups, channels, epsilon: 1e-5, affine: Affine::With }
    }

    /// The scale, if one is learnt.
    pub fn weight(&self) -> Option<&Parameter> {
        self.learnt.weight.as_ref()
    }

    /// The shift, if one is learnt.
    pub fn bias(&self) -> Option<&Parameter> {
        self.learnt.bias.as_ref()
    }

    /// Groups that channels fall into.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Channels of the input.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// What is added to the variance before its root is taken.
    pub fn epsilon(&self) -> f64 {
        self.learnt.epsilon
    }
}

impl Forward for GroupNorm {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        expect_channels("group_norm", &x, self.channels)?;
        Ok(x.group_norm(self.groups, self.learnt.affine(cx)?)?)
    }
}

/// Settings of a [`GroupNorm`].
#[derive(Debug, Clone, Copy)]
pub struct GroupNormBuilder {
    groups: usize,
    channels: usize,
    epsilon: f64,
    affine: Affine,
}

impl GroupNormBuilder {
    /// Added to the variance before its root is taken.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether scale and shift are learnt.
    #[must_use]
    pub fn affine(mut self, affine: Affine) -> Self {
        self.affine = affine;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels, groups that do not divide them, an epsilon that is negative or not finite;
    /// out of memory.
    pub fn build(self) -> Result<GroupNorm> {
        let Self { groups, channels, epsilon, affine } = self;
        expect_some("GroupNorm", channels)?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::argument("GroupNorm", "groups", groups, format!("a divisor of {channels}")));
        }
        Ok(GroupNorm { learnt: Learnt::new("GroupNorm", affine, &[channels], epsilon)?, groups, channels })
    }
}

/// Instance norm of images, as `torch.nn.InstanceNorm2d`. See [`InstanceNorm`].
///
/// # Shapes
/// `[batch, height, width, channels]`, unchanged.
///
/// ```
/// use cnn_layers::{Ctx, Forward, InstanceNorm2d, Result};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let norm = InstanceNorm2d::builder(1).epsilon(0.0).build()?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::from_slice(&[1, 2, 1, 1], &[1.0f32, 3.0])?);
/// assert_eq!(norm.call(x, &mut cx)?.value().to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok(()) }
/// ```
pub type InstanceNorm2d = InstanceNorm<TwoAxes>;

/// Instance norm of sequences, as `torch.nn.InstanceNorm1d`. See [`InstanceNorm`].
///
/// # Shapes
/// `[batch, length, channels]`, unchanged.
pub type InstanceNorm1d = InstanceNorm<OneAxis>;

/// Normalises each channel of each image by its own mean and biased variance: [`InstanceNorm1d`] and
/// [`InstanceNorm2d`].
///
/// As in PyTorch, scale and shift are not learnt, and there are no running statistics, unless they are asked for. With
/// running statistics, the means over the batch of mean and unbiased variance enter them when the step is applied,
/// eval mode normalises by them, and `num_batches_tracked` stays 0. An empty batch leaves them as they are, where
/// PyTorch's become NaN, or with scale and shift it is refused; [`Momentum::Cumulative`] is the mean over all batches,
/// which it counts, empty ones too, where PyTorch's `momentum=None` leaves them as they start.
#[derive(Debug, Clone)]
pub struct InstanceNorm<A> {
    parts: Tracked,
    axes: PhantomData<A>,
}

impl<A: SpatialAxes> InstanceNorm<A> {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`InstanceNormBuilder::build`].
    pub fn new(channels: usize) -> Result<Self> {
        Self::builder(channels).build()
    }

    /// With further settings.
    pub fn builder(channels: usize) -> InstanceNormBuilder<A> {
        let (affine, tracking) = (Affine::Without, Tracking::Without);
        let settings = Settings { channels, epsilon: 1e-5, momentum: Momentum::default(), affine, tracking };
        InstanceNormBuilder { settings, axes: PhantomData }
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

    /// Notes the statistics of a batch, `values` numbers for each channel of each image; those of no images are none.
    fn record(
        &self,
        running: &Running,
        mean: &Tensor,
        inverse: &Tensor,
        [batch, values]: [usize; 2],
        cx: &mut Ctx,
    ) -> Result<()> {
        let like = running.mean().value();
        let [mean, unbiased_variance] = match mean.is_shape_only() {
            true => [(); 2].map(|()| Tensor::from(Spec::new(like.shape_value(), like.dtype()))),
            false => {
                let averages = group_norm::averages(mean, inverse, self.parts.learnt.epsilon, values)?;
                let [mean, variance] = [averages.mean, averages.unbiased_variance];
                [mean.to_dtype(like.dtype())?, variance.to_dtype(like.dtype())?]
            }
        };
        let (layer, path) = (running.mean().id(), cx.path().to_owned());
        let count = if batch > 0 { values } else { 0 };
        cx.record(BatchStatistics { layer, path, mean, unbiased_variance, count });
        Ok(())
    }
}

impl<A: SpatialAxes> Layer for InstanceNorm<A> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'_, 'a>) {
        self.parts.visit(visitor);
    }

    fn visit_mut<'a>(&'a mut self, visitor: &mut VisitorMut<'_, 'a>) {
        self.parts.visit_mut(visitor);
    }

    fn type_name(&self) -> &'static str {
        A::INSTANCE_NORM
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        self.parts.fold(statistics, Counted::ForTheMean)
    }
}

impl<A: SpatialAxes> Forward for InstanceNorm<A> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let shape = Shape::new(x.shape())?;
        let &[batch, ref spatial @ .., _] = shape.dims() else { return self.wrong(&x) };
        if shape.rank() != A::RANK {
            return self.wrong(&x);
        }
        expect_channels("instance_norm", &x, self.parts.channels)?;
        if let Some(running) = &self.parts.running
            && cx.mode() == Mode::Eval
        {
            return self.parts.run_by(running, x, Epilogue::default(), cx);
        }
        let values: usize = spatial.iter().product();
        if values == 1 {
            let problem = format!(
                "input {shape} has one value for each channel of an image, a variance needs 2 or more"
            );
            return Err(cnn_tensor::Error::shape("instance_norm", problem).into());
        }
        let affine = self.parts.learnt.affine(cx)?;
        let Grouped { output, mean, inverse_deviation } =
            x.group_norm_with_statistics(self.parts.channels, affine)?;
        if let Some(running) = &self.parts.running {
            self.record(running, &mean, &inverse_deviation, [batch, values], cx)?;
        }
        Ok(output)
    }
}

impl<A: SpatialAxes> InstanceNorm<A> {
    fn wrong(&self, x: &Var) -> Result<Var> {
        let problem = format!("input {:?} should be {}", x.shape(), A::EXPECTED);
        Err(cnn_tensor::Error::shape("instance_norm", problem).into())
    }
}

/// Settings of an [`InstanceNorm`].
#[derive(Debug, Clone, Copy)]
pub struct InstanceNormBuilder<A> {
    settings: Settings,
    axes: PhantomData<A>,
}

impl<A: SpatialAxes> InstanceNormBuilder<A> {
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

    /// Whether there are running statistics, by which eval mode then normalises.
    #[must_use]
    pub fn tracking(mut self, tracking: Tracking) -> Self {
        self.settings.tracking = tracking;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::Argument`] for no channels, an epsilon that is negative or not finite, a momentum outside 0 to 1;
    /// out of memory.
    pub fn build(self) -> Result<InstanceNorm<A>> {
        let Self { settings, axes } = self;
        Ok(InstanceNorm { parts: settings.build(A::INSTANCE_NORM)?, axes })
    }
}
