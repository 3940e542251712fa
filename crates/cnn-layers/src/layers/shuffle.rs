//! Channels to pixels and back, and channels among each other, as layers.

use cnn_autograd::{Ctx, Var};

use crate::{Error, Forward, Layer, Result};

/// Each `factor * factor` channels become a square of pixels, as `torch.nn.PixelShuffle`. No parameters.
///
/// # Shapes
/// `[batch, height, width, channels * factor^2]` to `[batch, height * factor, width * factor, channels]`.
///
/// ```
/// use cnn_layers::{Ctx, Forward, PixelShuffle, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 8, 8, 12], DType::F32)?);
/// assert_eq!(PixelShuffle::new(2)?.call(x, &mut cx)?.shape(), [1, 16, 16, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct PixelShuffle {
    #[layer(skip)]
    factor: usize,
}

/// The inverse of [`PixelShuffle`], as `torch.nn.PixelUnshuffle`. No parameters.
///
/// # Shapes
/// `[batch, height * factor, width * factor, channels]` to `[batch, height, width, channels * factor^2]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct PixelUnshuffle {
    #[layer(skip)]
    factor: usize,
}

/// The channels of each group go to as many new groups, one to each, as `torch.nn.ChannelShuffle`: between grouped
/// convolutions it lets groups see each other. No parameters.
///
/// # Shapes
/// `[.., channels]` to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct ChannelShuffle {
    #[layer(skip)]
    groups: usize,
}

impl PixelShuffle {
    /// Squares of so many rows and columns.
    ///
    /// # Errors
    /// For zero, and for a number whose square overflows.
    pub fn new(factor: usize) -> Result<Self> {
        Ok(Self { factor: side("PixelShuffle", factor)? })
    }
}

impl PixelUnshuffle {
    /// Squares of so many rows and columns.
    ///
    /// # Errors
    /// For zero, and for a number whose square overflows.
    pub fn new(factor: usize) -> Result<Self> {
        Ok(Self { factor: side("PixelUnshuffle", factor)? })
    }
}

impl ChannelShuffle {
    /// From so many groups.
    ///
    /// # Errors
    /// For none.
    pub fn new(groups: usize) -> Result<Self> {
        match groups {
            0 => Err(Error::argument("ChannelShuffle", "groups", 0, "1 or more")),
            groups => Ok(Self { groups }),
        }
    }
}

/// A side of a square that has an area.
fn side(layer: &'static str, factor: usize) -> Result<usize> {
    match factor.checked_mul(factor) {
        None | Some(0) => {
            Err(Error::argument(layer, "factor", factor, "1 or more, not overflowing when squared"))
        }
        Some(_) => Ok(factor),
    }
}

impl Forward for PixelShuffle {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.pixel_shuffle(self.factor)?)
    }
}

impl Forward for PixelUnshuffle {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.pixel_unshuffle(self.factor)?)
    }
}

impl Forward for ChannelShuffle {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.channel_shuffle(self.groups)?)
    }
}
