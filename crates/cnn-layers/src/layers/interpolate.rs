//! Images of another size as a layer.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::interpolate::{InterpolateOptions, Interpolation, Target};

use crate::sizes::{Factors, Pair};
use crate::{Error, Forward, Layer, Result};

/// Images of another size, as `torch.nn.Upsample`; they may become smaller too. No parameters.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`. Of sequences `[batch, length, channels]` the
/// length changes as the width does.
///
/// ```
/// use cnn_layers::{Corners, Ctx, Forward, Interpolation, Result, Upsample};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let twice = Upsample::by(2.0, Interpolation::Linear(Corners::OfPixels))?;
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 7, 9, 3], DType::F32)?);
/// assert_eq!(twice.call(x, &mut cx)?.shape(), [1, 14, 18, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Upsample {
    #[layer(skip)]
    options: InterpolateOptions,
}

impl Upsample {
    /// To so many rows and columns.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn to(size: impl Into<Pair>, interpolation: Interpolation) -> Result<Self> {
        let size: [usize; 2] = size.into().into();
        if size.contains(&0) {
            return Err(Error::argument("Upsample", "size", format!("{size:?}"), "1 or more"));
        }
        Ok(Self { options: InterpolateOptions { target: Target::Size(size), interpolation } })
    }

    /// To so many times the rows and columns, rounded down: PyTorch's `scale_factor`.
    ///
    /// # Errors
    /// For a factor that is no positive number.
    pub fn by(factor: impl Into<Factors>, interpolation: Interpolation) -> Result<Self> {
        let Factors { vertical, horizontal } = factor.into();
        for factor in [vertical, horizontal] {
            if !(factor > 0.0 && factor < f64::INFINITY) {
                return Err(Error::argument("Upsample", "factor", factor, "a positive number"));
            }
        }
        let target = Target::Factor([vertical, horizontal]);
        Ok(Self { options: InterpolateOptions { target, interpolation } })
    }

    /// Size or factors, and how pixels are made.
    pub fn options(&self) -> &InterpolateOptions {
        &self.options
    }
}

impl Forward for Upsample {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        if x.shape().len() != 3 {
            return Ok(x.interpolate(&self.options)?);
        }
        let target = match self.options.target {
            Target::Size([_, length]) => Target::Size([1, length]),
            Target::Factor([_, factor]) => Target::Factor([1.0, factor]),
        };
        let options = InterpolateOptions { target, ..self.options };
        Ok(x.as_images("interpolate", |x| x.interpolate(&options))?)
    }
}
