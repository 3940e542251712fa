//! Activations as layers, under the names of `torch.nn`. Any shape; no parameters.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::activation::Activation;
use cnn_tensor::ops::unary;

use crate::{Error, Forward, Layer, Result};

/// `max(x, 0)`, as `torch.nn.ReLU`.
///
/// Also names the activation where a layer fuses it: `conv.call_act(x, Relu, cx)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Relu;

/// `min(max(x, 0), 6)`, as `torch.nn.ReLU6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Relu6;

/// The scaled exponential unit of self-normalising networks, as `torch.nn.SELU`. Klambauer et al., arXiv:1706.02515.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Selu;

/// `1 / (1 + e^-x)`, as `torch.nn.Sigmoid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Sigmoid;

/// `ln(1 / (1 + e^-x))`, as `torch.nn.LogSigmoid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct LogSigmoid;

/// The hyperbolic tangent, as `torch.nn.Tanh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Tanh;

/// `x` times its sigmoid, also called swish, as `torch.nn.SiLU`. Hendrycks and Gimpel, arXiv:1606.08415.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Silu;

/// `min(max(x + 3, 0), 6) / 6`, as `torch.nn.Hardsigmoid`. Howard et al., arXiv:1905.02244.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct HardSigmoid;

/// `x` times its hard sigmoid, as `torch.nn.Hardswish`. Howard et al., arXiv:1905.02244.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct HardSwish;

/// Layers that are a function without settings.
macro_rules! forward {
    ($($name:ident => $function:ident,)+) => {
        $(
            impl Forward for $name {
                fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
                    Ok(x.$function()?)
                }
            }
        )+
    };
}

forward! {
    Relu => relu,
    Relu6 => relu6,
    Selu => selu,
    Sigmoid => sigmoid,
    LogSigmoid => log_sigmoid,
    Tanh => tanh,
    Silu => silu,
    HardSigmoid => hard_sigmoid,
    HardSwish => hard_swish,
}

impl From<Relu> for Activation {
    fn from(_: Relu) -> Self {
        Activation::Relu
    }
}

/// `x` above zero, else `slope * x`, as `torch.nn.LeakyReLU`.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct LeakyRelu {
    #[layer(skip)]
    slope: f64,
}

impl LeakyRelu {
    /// With the slope below zero; PyTorch's default is 0.01.
    pub fn new(slope: f64) -> Self {
        Self { slope }
    }

    /// The slope below zero.
    pub fn slope(&self) -> f64 {
        self.slope
    }
}

impl Default for LeakyRelu {
    /// PyTorch's slope, 0.01.
    fn default() -> Self {
        Self::new(0.01)
    }
}

impl Forward for LeakyRelu {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.leaky_relu(self.slope)?)
    }
}

/// `x` above zero, else `alpha * (e^x - 1)`, as `torch.nn.ELU`. Clevert et al., arXiv:1511.07289.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Elu {
    #[layer(skip)]
    alpha: f64,
}

impl Elu {
    /// Tending to `-alpha` far below zero; PyTorch's default is 1.
    pub fn new(alpha: f64) -> Self {
        Self { alpha }
    }

    /// What the output tends to far below zero, negated.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

impl Default for Elu {
    /// PyTorch's alpha, 1.
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Forward for Elu {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.elu(self.alpha)?)
    }
}

/// How a [`Gelu`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Approximation {
    /// By the normal distribution function (`approximate="none"`).
    #[default]
    Exact,
    /// By a hyperbolic tangent (`approximate="tanh"`).
    Tanh,
}

/// `x` times the normal distribution up to `x`, as `torch.nn.GELU`. Hendrycks and Gimpel, arXiv:1606.08415.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Layer)]
pub struct Gelu {
    #[layer(skip)]
    approximation: Approximation,
}

impl Gelu {
    /// Exact, or approximated; PyTorch's default is exact.
    pub fn new(approximation: Approximation) -> Self {
        Self { approximation }
    }

    /// How it is computed.
    pub fn approximation(&self) -> Approximation {
        self.approximation
    }
}

impl Forward for Gelu {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(match self.approximation {
            Approximation::Exact => x.gelu()?,
            Approximation::Tanh => x.gelu_tanh()?,
        })
    }
}

/// `ln(1 + e^(beta x)) / beta`, and `x` itself where `beta x` is above a threshold, as `torch.nn.Softplus`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Layer)]
pub struct Softplus {
    #[layer(skip)]
    settings: unary::Softplus,
}

impl Softplus {
    /// With a sharpness and a threshold; PyTorch's defaults are 1 and 20.
    ///
    /// # Errors
    /// [`Error::Argument`] for a beta that is 0 or not finite, and a threshold that is NaN.
    pub fn new(beta: f64, threshold: f64) -> Result<Self> {
        if beta == 0.0 || !beta.is_finite() {
            return Err(Error::argument("Softplus", "beta", beta, "a finite number other than 0"));
        }
        if threshold.is_nan() {
            return Err(Error::argument("Softplus", "threshold", threshold, "a number"));
        }
        Ok(Self { settings: unary::Softplus { beta, threshold } })
    }

    /// How sharp the bend is.
    pub fn beta(&self) -> f64 {
        self.settings.beta
    }

    /// Where the function is taken to be straight.
    pub fn threshold(&self) -> f64 {
        self.settings.threshold
    }
}

impl Forward for Softplus {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.softplus(self.settings)?)
    }
}
