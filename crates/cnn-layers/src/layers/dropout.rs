//! Dropout (Srivastava et al., 2014), of numbers, of channels (Tompson et al., arXiv:1411.4280) and of whole branches (Huang
//! et al., arXiv:1603.09382).

use cnn_autograd::{Ctx, Mode, Var};
use cnn_tensor::ops::dropout::Unit;

use crate::{Error, Forward, Layer, Result};

/// In train mode zeros each element with a probability and scales the rest up; otherwise does nothing. As
/// `torch.nn.Dropout`. Any shape. No parameters.
///
/// Which elements are dropped is a function of the step's key and the layer's path.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Dropout {
    #[layer(skip)]
    probability: f64,
}

/// In train mode zeros each channel of each sequence with a probability and scales the rest up; otherwise does nothing. As
/// `torch.nn.Dropout1d`. No parameters.
///
/// # Shapes
/// `[batch, length, channels]`, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Dropout1d {
    #[layer(skip)]
    probability: f64,
}

/// In train mode zeros each channel of each image with a probability and scales the rest up; otherwise does nothing. As
/// `torch.nn.Dropout2d`. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels]`, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Dropout2d {
    #[layer(skip)]
    probability: f64,
}

/// What a [`StochasticDepth`] drops together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DepthMode {
    /// Each example by itself (`mode="row"`).
    #[default]
    Row,
    /// The whole batch (`mode="batch"`).
    Batch,
}

/// In train mode zeros the output of a residual branch with a probability and scales it up otherwise; in eval mode does
/// nothing. As `torchvision.ops.StochasticDepth`. No parameters.
///
/// # Shapes
/// `[batch, ..]`, unchanged.
///
/// ```
/// use cnn_layers::{Ctx, DepthMode, Forward, Key, Result, StochasticDepth};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let depth = StochasticDepth::new(0.5, DepthMode::Row)?;
/// let mut cx = Ctx::training(Key::new(1));
/// let x = cx.input(Tensor::full(&[8, 3], 1.0, DType::F32)?);
/// let y = depth.call(x, &mut cx)?.value().to_vec::<f32>()?;
/// assert!(y.chunks(3).all(|example| example == [0.0; 3] || example == [2.0; 3]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct StochasticDepth {
    #[layer(skip)]
    probability: f64,
    #[layer(skip)]
    mode: DepthMode,
}

/// A probability, or an error with the name of the layer.
fn checked(layer: &'static str, probability: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(probability);
    }
    Err(Error::argument(layer, "probability", probability, "0 to 1"))
}

/// What all of them do: nothing in eval mode.
fn run(x: Var, unit: Unit, probability: f64, cx: &mut Ctx) -> Result<Var> {
    if cx.mode() == Mode::Eval || probability == 0.0 {
        return Ok(x);
    }
    Ok(x.dropout_of(unit, probability, cx.random_key())?)
}

/// Refuses an input of another rank.
fn expect_rank(layer: &'static str, x: &Var, rank: usize, expected: &str) -> Result<()> {
    if x.shape().len() == rank {
        return Ok(());
    }
    Err(cnn_tensor::Error::shape(layer, format!("input {:?}, expected {expected}", x.shape())).into())
}

impl Dropout {
    /// Drops each element with `probability`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 0 to 1.
    pub fn new(probability: f64) -> Result<Self> {
        Ok(Self { probability: checked("Dropout", probability)? })
    }

    /// Probability that an element is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }
}

impl Dropout1d {
    /// Drops each channel with `probability`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 0 to 1.
    pub fn new(probability: f64) -> Result<Self> {
        Ok(Self { probability: checked("Dropout1d", probability)? })
    }

    /// Probability that a channel is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }
}

impl Dropout2d {
    /// Drops each channel with `probability`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 0 to 1.
    pub fn new(probability: f64) -> Result<Self> {
        Ok(Self { probability: checked("Dropout2d", probability)? })
    }

    /// Probability that a channel is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }
}

impl StochasticDepth {
    /// Drops each example, or the batch, with `probability`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is from 0 to 1.
    pub fn new(probability: f64, mode: DepthMode) -> Result<Self> {
        Ok(Self { probability: checked("StochasticDepth", probability)?, mode })
    }

    /// Probability that an example, or the batch, is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// What is dropped together.
    pub fn mode(&self) -> DepthMode {
        self.mode
    }
}

impl Forward for Dropout {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        run(x, Unit::Element, self.probability, cx)
    }
}

impl Forward for Dropout1d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        expect_rank("Dropout1d", &x, 3, "[batch, length, channels]")?;
        run(x, Unit::Channel, self.probability, cx)
    }
}

impl Forward for Dropout2d {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        expect_rank("Dropout2d", &x, 4, "[batch, height, width, channels]")?;
        run(x, Unit::Channel, self.probability, cx)
    }
}

impl Forward for StochasticDepth {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let unit = match self.mode {
            DepthMode::Row => Unit::Example,
            DepthMode::Batch => Unit::Batch,
        };
        run(x, unit, self.probability, cx)
    }
}
