//! Padding and cropping of images as layers.

use cnn_autograd::{Ctx, Var};
use cnn_tensor::ops::pad::PaddingMode;
use cnn_tensor::ops::window::Padding2d;

use crate::sizes::{Ends, Pair, Sides};
use crate::{Error, Forward, Layer, Result};

/// Rows and columns around an image. No parameters.
///
/// With `PaddingMode::ZEROS` it is `torch.nn.ZeroPad2d`, with the others `ConstantPad2d`, `ReflectionPad2d`,
/// `ReplicationPad2d` and `CircularPad2d`.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, top + height + bottom, left + width + right, channels]`.
///
/// ```
/// use cnn_layers::{Ctx, Forward, Pad2d, PaddingMode, Result};
/// use cnn_tensor::{DType, Tensor};
/// # fn main() -> Result<()> {
/// let pad = Pad2d::new([1, 3], PaddingMode::Reflect);
/// let mut cx = Ctx::inference();
/// let x = cx.input(Tensor::zeros(&[1, 8, 8, 3], DType::F32)?);
/// assert_eq!(pad.call(x, &mut cx)?.shape(), [1, 10, 14, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Pad2d {
    #[layer(skip)]
    sides: Padding2d,
    #[layer(skip)]
    mode: PaddingMode,
}

impl Pad2d {
    /// So much at the sides, made of this. Whether the mode allows so much depends on the image.
    pub fn new(sides: impl Into<Sides>, mode: PaddingMode) -> Self {
        Self { sides: sides.into().0, mode }
    }

    /// Rows and columns at the sides.
    pub fn sides(&self) -> Padding2d {
        self.sides
    }

    /// What they are made of.
    pub fn mode(&self) -> PaddingMode {
        self.mode
    }
}

impl Forward for Pad2d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.pad(self.sides, self.mode)?)
    }
}

/// Elements at the ends of sequences. No parameters.
///
/// With `PaddingMode::ZEROS` it is `torch.nn.ZeroPad1d`, with the others `ConstantPad1d`, `ReflectionPad1d`,
/// `ReplicationPad1d` and `CircularPad1d`.
///
/// # Shapes
/// `[batch, length, channels]` to `[batch, before + length + after, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Layer)]
pub struct Pad1d {
    #[layer(skip)]
    ends: Ends,
    #[layer(skip)]
    mode: PaddingMode,
}

impl Pad1d {
    /// So much at the ends, made of this. Whether the mode allows so much depends on the sequence.
    pub fn new(ends: impl Into<Ends>, mode: PaddingMode) -> Self {
        Self { ends: ends.into(), mode }
    }

    /// Elements at the ends.
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// What they are made of.
    pub fn mode(&self) -> PaddingMode {
        self.mode
    }
}

impl Forward for Pad1d {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        Ok(x.as_images("pad", |x| x.pad(self.ends.into(), self.mode))?)
    }
}

/// An image without rows and columns at its sides, as `torchvision.transforms.CenterCrop` or PyTorch's negative
/// padding. No parameters. An image that is smaller than what is to be left is an error, where `CenterCrop` pads it.
/// Of sequences, what is said about rows does not count.
///
/// # Shapes
/// `[batch, top + height + bottom, left + width + right, channels]` to `[batch, height, width, channels]`. Sequences
/// `[batch, left + length + right, channels]` to `[batch, length, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Layer)]
pub struct Crop {
    #[layer(skip)]
    cut: Cut,
}

/// What is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Sides(Padding2d),
    /// All but so many rows and columns in the middle.
    ToCenter([usize; 2]),
}

impl Crop {
    /// So much is cut off.
    pub fn new(sides: impl Into<Sides>) -> Self {
        Self { cut: Cut::Sides(sides.into().0) }
    }

    /// So much is left, of the middle. Where the middle is between two pixels, that with the even distance from the
    /// first is taken, as torchvision rounds.
    ///
    /// # Errors
    /// For a size of zero.
    pub fn center(size: impl Into<Pair>) -> Result<Self> {
        let size: [usize; 2] = size.into().into();
        if size.contains(&0) {
            return Err(Error::argument("Crop", "size", format!("{size:?}"), "1 or more"));
        }
        Ok(Self { cut: Cut::ToCenter(size) })
    }
}

impl Cut {
    /// The same of a sequence, an image of one row, which stays.
    fn of_sequence(self) -> Self {
        match self {
            Self::Sides(sides) => Self::Sides(Padding2d { top: 0, bottom: 0, ..sides }),
            Self::ToCenter([_, length]) => Self::ToCenter([1, length]),
        }
    }

    /// What is cut off an image of this height and width.
    fn sides(self, [height, width]: [usize; 2]) -> cnn_autograd::Result<Padding2d> {
        let [rows, columns] = match self {
            Self::Sides(sides) => return Ok(sides),
            Self::ToCenter(size) => size,
        };
        let middle = |input: usize, left: usize| {
            let problem = || format!("input has an axis of {input}, expected {left} or more");
            let over = input.checked_sub(left).ok_or_else(|| cnn_tensor::Error::shape("crop", problem()))?;
            let before = over / 2 + usize::from(over % 4 == 3);
            Ok::<_, cnn_autograd::Error>([before, over - before])
        };
        let ([top, bottom], [left, right]) = (middle(height, rows)?, middle(width, columns)?);
        Ok(Padding2d { top, bottom, left, right })
    }
}

impl Forward for Crop {
    fn forward(&self, x: Var, _cx: &mut Ctx) -> Result<Var> {
        match *x.shape() {
            [_, length, _] => {
                let cut = self.cut.of_sequence();
                Ok(x.as_images("crop", |x| x.crop(cut.sides([1, length])?))?)
            }
            [_, height, width, _] => Ok(x.crop(self.cut.sides([height, width])?)?),
            _ => Ok(x.crop(Padding2d::default())?),
        }
    }
}
