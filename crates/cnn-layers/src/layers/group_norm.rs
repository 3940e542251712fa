//! Group normalisation (Wu and He, arXiv:1803.08494), and instance normalisation (Ulyanov, Vedaldi and Lempitsky,
//! arXiv:1607.08022), which has one channel in each group and may keep running statistics.

use std::marker::PhantomData;

use cnn_autograd::ops::batch_norm::{self, Epilogue, Statistics};
use cnn_autograd::ops::group_norm::Grouped;
use cnn_autograd::ops::layer_norm::Scaling;
use cnn_autograd::{BatchStatistics, Ctx, Mode, Var};
use cnn_tensor::ops::group_norm;
use cnn_tensor::{Shape, Spec, Tensor};

use super::batch_norm::{check, check_momentum, constant, learnt};
use super::running::Running;
use crate::sizes::{Affine, Tracking};
use crate::spatial::{Axes, OneAxis, TwoAxes};
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
    weight: Option<Parameter>,
    bias: Option<Parameter>,
    #[layer(skip)]
    groups: usize,
    #[layer(skip)]
    channels: usize,
    #[layer(skip)]
    epsilon: f64,
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
        self.weight.as_ref()
    }

    /// The shift, if one is learnt.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }
}

impl Forward for GroupNorm {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        expect_channels("group_norm", &x, self.channels)?;
        Ok(x.group_norm(self.groups, scaling(&self.weight, &self.bias, self.epsilon, cx)?)?)
    }
}

/// Refuses another number of channels: without scale and shift, the operation would take any.
fn expect_channels(op: &'static str, x: &Var, channels: usize) -> Result<()> {
    if x.shape().last() == Some(&channels) {
        return Ok(());
    }
    let problem = format!("input {:?} should be [batch, .., {channels}]", x.shape());
    Err(cnn_tensor::Error::shape(op, problem).into())
}

fn scaling(
    weight: &Option<Parameter>,
    bias: &Option<Parameter>,
    epsilon: f64,
    cx: &mut Ctx,
) -> Result<Scaling> {
    let [weight, bias] =
        [weight, bias].map(|learnt| learnt.as_ref().map(|learnt| learnt.var(cx)).transpose());
    Ok(Scaling { weight: weight?, bias: bias?, epsilon })
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
        check("GroupNorm", channels, epsilon)?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::argument("GroupNorm", "groups", groups, format!("a divisor of {channels}")));
        }
        let [weight, bias] = learnt(affine, &[channels])?;
        Ok(GroupNorm { weight, bias, groups, channels, epsilon })
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
/// eval mode normalises by them, and `num_batches_tracked` stays 0.
#[derive(Debug, Clone)]
pub struct InstanceNorm<A> {
    weight: Option<Parameter>,
    bias: Option<Parameter>,
    running: Option<Running>,
    channels: usize,
    epsilon: f64,
    momentum: f64,
    axes: PhantomData<A>,
}

impl<A: Axes> InstanceNorm<A> {
    /// With PyTorch's settings.
    ///
    /// # Errors
    /// As [`InstanceNormBuilder::build`].
    pub fn new(channels: usize) -> Result<Self> {
        Self::builder(channels).build()
    }

    /// With further settings.
    pub fn builder(channels: usize) -> InstanceNormBuilder<A> {
        InstanceNormBuilder {
            channels,
            epsilon: 1e-5,
            momentum: 0.1,
            affine: Affine::Without,
            tracking: Tracking::Without,
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

    /// Normalises by running statistics.
    fn run_by(&self, running: &Running, x: Var, cx: &mut Ctx) -> Result<Var> {
        let [weight, bias] =
            [(&self.weight, 1.0), (&self.bias, 0.0)].map(|(learnt, otherwise)| match learnt {
                Some(learnt) => learnt.var(cx),
                None => constant(self.channels, otherwise, x.dtype()),
            });
        let scaling = batch_norm::Scaling { weight: weight?, bias: bias?, epsilon: self.epsilon };
        let [mean, variance] =
            [running.mean(), running.variance()].map(|buffer| Var::constant(buffer.value().clone()));
        Ok(x.batch_norm(Statistics { mean, variance }, scaling, Epilogue::default())?)
    }

    /// Notes the statistics of a batch, `values` numbers for each channel of each image.
    fn record(
        &self,
        running: &Running,
        mean: &Tensor,
        inverse: &Tensor,
        values: usize,
        cx: &mut Ctx,
    ) -> Result<()> {
        let like = running.mean().value();
        let [mean, unbiased_variance] = match mean.is_shape_only() {
            true => [(); 2].map(|()| Tensor::from(Spec::new(like.shape_value(), like.dtype()))),
            false => {
                let averages = group_norm::averages(mean, inverse, self.epsilon, values)?;
                let [mean, variance] = [averages.mean, averages.unbiased_variance];
                [mean.to_dtype(like.dtype())?, variance.to_dtype(like.dtype())?]
            }
        };
        let (layer, path) = (running.mean().id(), cx.path().to_owned());
        cx.record(BatchStatistics { layer, path, mean, unbiased_variance, count: values });
        Ok(())
    }
}

impl<A: Axes> Layer for InstanceNorm<A> {
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
        A::INSTANCE_NORM
    }

    fn fold_statistics(&mut self, statistics: &[BatchStatistics]) -> Result<usize> {
        let Some(running) = &mut self.running else { return Ok(0) };
        let id = running.mean().id();
        let mut folded = 0;
        for batch in statistics.iter().filter(|batch| batch.layer == id) {
            running.blend(&batch.mean, &batch.unbiased_variance, self.momentum)?;
            folded += 1;
        }
        Ok(folded)
    }
}

impl<A: Axes> Forward for InstanceNorm<A> {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let shape = Shape::new(x.shape())?;
        let [batch, spatial @ .., _] = shape.dims() else { return self.wrong(&x) };
        if shape.rank() != A::RANK {
            return self.wrong(&x);
        }
        expect_channels("instance_norm", &x, self.channels)?;
        if let Some(running) = &self.running
            && cx.mode() == Mode::Eval
        {
            return self.run_by(running, x, cx);
        }
        let values: usize = spatial.iter().product();
        if values < 2 {
            let problem = format!(
                "input {shape} has {values} values for each channel of an image, their variance needs 2 or more"
            );
            return Err(cnn_tensor::Error::shape("instance_norm", problem).into());
        }
        let scaling = scaling(&self.weight, &self.bias, self.epsilon, cx)?;
        let Grouped { output, mean, inverse_deviation } =
            x.group_norm_with_statistics(self.channels, scaling)?;
        if let Some(running) = &self.running
            && *batch > 0
        {
            self.record(running, &mean, &inverse_deviation, values, cx)?;
        }
        Ok(output)
    }
}

impl<A: Axes> InstanceNorm<A> {
    fn wrong(&self, x: &Var) -> Result<Var> {
        let problem = format!("input {:?} should be {}", x.shape(), A::EXPECTED);
        Err(cnn_tensor::Error::shape("instance_norm", problem).into())
    }
}

/// Settings of an [`InstanceNorm`].
#[derive(Debug, Clone, Copy)]
pub struct InstanceNormBuilder<A> {
    channels: usize,
    epsilon: f64,
    momentum: f64,
    affine: Affine,
    tracking: Tracking,
    axes: PhantomData<A>,
}

impl<A: Axes> InstanceNormBuilder<A> {
    /// Added to the variance before its root is taken.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// The share of a batch in the running statistics.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether scale and shift are learnt.
    #[must_use]
    pub fn affine(mut self, affine: Affine) -> Self {
        self.affine = affine;
        self
    }

    /// Whether there are running statistics, by which eval mode then normalises.
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
    pub fn build(self) -> Result<InstanceNorm<A>> {
        let Self { channels, epsilon, momentum, affine, tracking, axes } = self;
        check(A::INSTANCE_NORM, channels, epsilon)?;
        check_momentum(A::INSTANCE_NORM, momentum)?;
        let [weight, bias] = learnt(affine, &[channels])?;
        let running = match tracking {
            Tracking::With => Some(Running::new(channels)?),
            Tracking::Without => None,
        };
        Ok(InstanceNorm { weight, bias, running, channels, epsilon, momentum, axes })
    }
}
