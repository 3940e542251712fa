//! Rows and columns around an image: of one value, mirrored, repeated or going round; and their removal, cropping.
//!
//! A pixel of the padded image is a copy of one pixel of the image or of none. So the gradient of a pixel is the sum
//! over its copies, and the gradient of cropping is padding with zeros.

#[cfg(test)]
mod tests;

use crate::ops::check;
use crate::ops::separable::{Axis, Separable, Tap};
use crate::ops::window::Padding2d;
use crate::{Error, Result, Shape, Spec, Tensor};

/// What is put around an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PaddingMode {
    /// This value everywhere.
    Constant(f64),
    /// The image mirrored at the centres of its border pixels, which are not repeated: less than its size.
    Reflect,
    /// The nearest pixel of the image.
    Replicate,
    /// The image again, from its other end: at most its size.
    Circular,
}

impl PaddingMode {
    /// PyTorch's `padding_mode="zeros"`.
    pub const ZEROS: Self = Self::Constant(0.0);

    /// Lower-case name, as PyTorch has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::Reflect => "reflect",
            Self::Replicate => "replicate",
            Self::Circular => "circular",
        }
    }

    /// The most elements that can be added to one end of an axis of `input`, where there is a limit.
    fn most(self, input: usize) -> Option<(usize, &'static str)> {
        match self {
            Self::Constant(_) | Self::Replicate => None,
            Self::Reflect => Some((input.saturating_sub(1), "less than the size of the input")),
            Self::Circular => Some((input, "at most the size of the input")),
        }
    }

    /// The element of an axis of `input` that element `index` is a copy of, with `before` added in front.
    fn source(self, index: usize, before: usize, input: usize) -> Option<usize> {
        match index.checked_sub(before) {
            Some(at) if at < input => Some(at),
            Some(at) => match self {
                Self::Constant(_) => None,
                Self::Reflect => (2 * input).checked_sub(at + 2),
                Self::Replicate => input.checked_sub(1),
                Self::Circular => Some(at - input),
            },
            None => match self {
                Self::Constant(_) => None,
                Self::Reflect => Some(before - index),
                Self::Replicate => Some(0),
                Self::Circular => (input + index).checked_sub(before),
            },
        }
    }
}

/// Shape of the padded image.
///
/// # Shapes
/// `[batch, height, width, channels]` to `[batch, top + height + bottom, left + width + right, channels]`.
///
/// # Errors
/// [`Error::Shape`] where `x` is not an image of at least one pixel; [`Error::Argument`] for more padding than the mode
/// allows; [`Error::TooLarge`].
pub fn infer(x: Spec, padding: &Padding2d, mode: PaddingMode) -> Result<Spec> {
    const OP: &str = "pad";
    let [batch, height, width, channels] = check::pixels(OP, &x.shape)?;
    let Padding2d { top, bottom, left, right } = *padding;
    let [height, width] = [(height, [top, bottom]), (width, [left, right])].map(|(size, sides)| {
        if let Some((most, expected)) = mode.most(size)
            && let Some(&side) = sides.iter().find(|&&side| side > most)
        {
            let met = format!("{side} ({} of an axis of {size})", mode.name());
            return Err(Error::argument(OP, "padding", met, expected));
        }
        let padded = size.checked_add(sides[0]).and_then(|size| size.checked_add(sides[1]));
        padded.ok_or_else(|| Error::shape(OP, format!("sizes overflow: {padding:?} around {}", x.shape)))
    });
    Ok(Spec::new(Shape::new(&[batch, height?, width?, channels])?, x.dtype))
}

/// The image with padding around it, as `torch.nn.functional.pad`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::{pad::{self, PaddingMode}, window::Padding2d}};
/// let x = Tensor::from_slice(&[1, 1, 3, 1], &[1.0f32, 2.0, 3.0])?;
/// let sides = Padding2d { left: 2, right: 1, ..Padding2d::default() };
/// let y = pad::forward(&x, &sides, PaddingMode::Reflect)?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// As [`infer`].
///
/// # Errors
/// As [`infer`]; [`Error::DType`] unless `F32` or `F64`; [`Error::OutOfMemory`].
pub fn forward(x: &Tensor, padding: &Padding2d, mode: PaddingMode) -> Result<Tensor> {
    const OP: &str = "pad";
    x.expect_compute(OP)?;
    let mut output = Tensor::stale(&infer(x.spec(), padding, mode)?.shape, x.dtype())?;
    if !output.is_empty() {
        let empty = match mode {
            PaddingMode::Constant(value) => value,
            _ => 0.0,
        };
        map(x.shape(), padding, mode).forward(OP, x, empty, &mut output)?;
    }
    Ok(output)
}

/// The gradient of [`forward`] with respect to its input: sums over the copies of each pixel.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where the gradient does not have the shape of the output.
pub fn backward(
    grad_output: &Tensor,
    input_shape: &[usize],
    padding: &Padding2d,
    mode: PaddingMode,
) -> Result<Tensor> {
    const OP: &str = "pad gradient";
    grad_output.expect_compute(OP)?;
    let input = Spec::new(Shape::new(input_shape)?, grad_output.dtype());
    check::exactly(grad_output, OP, input.dtype, &infer(input, padding, mode)?.shape)?;
    let mut grad_input = Tensor::stale(input_shape, input.dtype)?;
    if !grad_input.is_empty() {
        map(input_shape, padding, mode).backward(OP, grad_output, &mut grad_input)?;
    }
    Ok(grad_input)
}

/// Shape of what [`crop`] leaves.
///
/// # Shapes
/// `[batch, top + height + bottom, left + width + right, channels]` to `[batch, height, width, channels]`.
///
/// # Errors
/// [`Error::Shape`] where `x` is not an image, or nothing is left of it.
pub fn crop_infer(x: Spec, sides: &Padding2d) -> Result<Spec> {
    const OP: &str = "crop";
    let [batch, height, width, channels] = check::pixels(OP, &x.shape)?;
    let Padding2d { top, bottom, left, right } = *sides;
    let left_over = |size: usize, [before, after]: [usize; 2]| {
        let rest = size.checked_sub(before).and_then(|size| size.checked_sub(after)).filter(|&size| size > 0);
        let problem = || format!("nothing is left of an axis of {size} without {before} + {after}");
        rest.ok_or_else(|| Error::shape(OP, problem()))
    };
    let (height, width) = (left_over(height, [top, bottom])?, left_over(width, [left, right])?);
    Ok(Spec::new(Shape::new(&[batch, height, width, channels])?, x.dtype))
}

/// The image without some rows and columns at its sides: the inverse of padding.
///
/// # Shapes
/// As [`crop_infer`].
///
/// # Errors
/// As [`crop_infer`]; [`Error::DType`] unless `F32` or `F64`.
pub fn crop(x: &Tensor, sides: &Padding2d) -> Result<Tensor> {
    const OP: &str = "crop";
    x.expect_compute(OP)?;
    let output = crop_infer(x.spec(), sides)?;
    backward(x, &output.shape, sides, PaddingMode::ZEROS)
}

/// The gradient of [`crop`] with respect to its input: zeros around it.
///
/// # Errors
/// As [`crop`]; [`Error::Shape`] where the gradient is not what [`crop`] leaves of `input_shape`.
pub fn crop_backward(grad_output: &Tensor, input_shape: &[usize], sides: &Padding2d) -> Result<Tensor> {
    const OP: &str = "crop gradient";
    let input = Spec::new(Shape::new(input_shape)?, grad_output.dtype());
    check::exactly(grad_output, OP, input.dtype, &crop_infer(input, sides)?.shape)?;
    forward(grad_output, sides, PaddingMode::ZEROS)
}

/// What the padded rows and columns of an image of `input` are copies of.
fn map(input: &[usize], padding: &Padding2d, mode: PaddingMode) -> Separable {
    let axis = |input: usize, [before, after]: [usize; 2]| {
        Axis::new([input, before + input + after], |index| mode.source(index, before, input).map(Tap::whole))
    };
    Separable {
        rows: axis(input[1], [padding.top, padding.bottom]),
        columns: axis(input[2], [padding.left, padding.right]),
    }
}
