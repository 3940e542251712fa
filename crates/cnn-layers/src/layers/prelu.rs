//! The parametric rectifier (He et al., arXiv:1502.01852).

use cnn_autograd::{Ctx, Var};
use cnn_tensor::{DType, Tensor};

use crate::{Error, FileLayout, Forward, Layer, Parameter, Result};

/// `x` above zero, else a learnt slope times `x`, as `torch.nn.PReLU`.
///
/// # Shapes
/// `[.., channels]`, unchanged; weight `[1]` for one slope in all, `[channels]` for one each.
///
/// ```
/// use cnn_layers::{Ctx, Forward, PRelu, Result};
/// use cnn_tensor::Tensor;
/// # fn main() -> Result<()> {
/// let prelu = PRelu::new()?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::from_slice(&[2], &[-4.0f32, 4.0])?);
/// assert_eq!(prelu.call(x, &mut cx)?.value().to_vec::<f32>()?, [-1.0, 4.0]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Layer)]
pub struct PRelu {
    weight: Parameter,
}

impl PRelu {
    /// With one slope for all channels, which starts as 0.25.
    ///
    /// # Errors
    /// Out of memory.
    pub fn new() -> Result<Self> {
        Self::starting_at(1, 0.25)
    }

    /// With one slope for each channel, which all start as 0.25.
    ///
    /// # Errors
    /// As [`PRelu::starting_at`].
    pub fn per_channel(channels: usize) -> Result<Self> {
        Self::starting_at(channels, 0.25)
    }

    /// With so many slopes (1, or one for each channel) and their first value.
    ///
    /// # Errors
    /// [`Error::Argument`] for no slopes; out of memory.
    pub fn starting_at(slopes: usize, slope: f64) -> Result<Self> {
        if slopes == 0 {
            return Err(Error::argument("PRelu", "number of slopes", slopes, "1 or more"));
        }
        let weight = Tensor::full(&[slopes], slope, DType::F32)?;
        Ok(Self { weight: Parameter::new(weight, FileLayout::AsIs) })
    }

    /// The slopes.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }
}

impl Forward for PRelu {
    fn forward(&self, x: Var, cx: &mut Ctx) -> Result<Var> {
        let weight = self.weight.var(cx)?;
        Ok(x.prelu(weight)?)
    }
}
