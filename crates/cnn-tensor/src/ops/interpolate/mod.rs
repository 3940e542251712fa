//! Images of another size, by the nearest pixel or by mixing the two nearest along each axis.
//!
//! Where an output pixel lies in the input is what PyTorch's `interpolate` says, scale factors included: these set the
//! size, rounded down, and then the distance between pixels, which need not be the ratio of the sizes.
//! There is no filter against aliasing: an image that is made much smaller leaves most of its pixels out.

#[cfg(test)]
mod tests;

use crate::ops::check;
use crate::ops::separable::{Axis, Separable, Tap};
use crate::{Error, Result, Shape, Spec, Tensor};

/// The size of the output, `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// So many rows and columns.
    Size([usize; 2]),
    /// So many times those of the input, rounded down.
    Factor([f64; 2]),
}

/// Where the corners of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Corners {
    /// The corners of the corner pixels, which are squares (PyTorch's default).
    #[default]
    OfPixels,
    /// The centres of the corner pixels, which stay where they are: PyTorch's `align_corners=True`.
    Aligned,
}

/// What a pixel of the output is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The pixel in which its upper left corner lies, as in PyTorch for images; where the size stays or doubles, a factor
    /// that says otherwise does not count. PyTorch's sequences differ in that, forward: there the factor counts.
    Nearest,
    /// The pixel in which its centre lies: PyTorch's `nearest-exact`.
    NearestExact,
    /// The nearest two along each axis, by distance: PyTorch's `bilinear`, and `linear` of sequences.
    Linear(Corners),
}

impl Interpolation {
    /// PyTorch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::NearestExact => "nearest-exact",
            Self::Linear(_) => "bilinear",
        }
    }
}

/// Size and way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InterpolateOptions {
    /// The size of the output.
    pub target: Target,
    /// What its pixels are made of.
    pub interpolation: Interpolation,
}

const OP: &str = "interpolate";

/// Shape of the output.
///
/// # Shapes
/// `[batch, in_h, in_w, channels]` to `[batch, out_h, out_w, channels]`.
///
/// # Errors
/// [`Error::Shape`] where `x` is not an image of at least one pixel, or the output has none; [`Error::Argument`] for a
/// factor that is no positive number.
pub fn infer(x: Spec, options: &InterpolateOptions) -> Result<Spec> {
    let [batch, in_h, in_w, channels] = check::pixels(OP, &x.shape)?;
    let [out_h, out_w] = options.target.size([in_h, in_w])?;
    Ok(Spec::new(Shape::new(&[batch, out_h, out_w, channels])?, x.dtype))
}

/// The image at another size.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::interpolate::{self, Corners, InterpolateOptions, Interpolation, Target}};
/// let x = Tensor::from_slice(&[1, 1, 2, 1], &[1.0f32, 3.0])?;
/// let target = Target::Size([1, 4]);
/// let nearest = InterpolateOptions { target, interpolation: Interpolation::Nearest };
/// assert_eq!(interpolate::forward(&x, &nearest)?.to_vec::<f32>()?, [1.0, 1.0, 3.0, 3.0]);
/// let linear = InterpolateOptions { target, interpolation: Interpolation::Linear(Corners::OfPixels) };
/// assert_eq!(interpolate::forward(&x, &linear)?.to_vec::<f32>()?, [1.0, 1.5, 2.5, 3.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// As [`infer`].
///
/// # Errors
/// As [`infer`]; [`Error::DType`] unless `F32` or `F64`; [`Error::OutOfMemory`].
pub fn forward(x: &Tensor, options: &InterpolateOptions) -> Result<Tensor> {
    x.expect_compute(OP)?;
    let mut output = Tensor::stale(&infer(x.spec(), options)?.shape, x.dtype())?;
    if !output.is_empty() {
        map(x.shape(), output.shape(), options).forward(OP, x, 0.0, &mut output)?;
    }
    Ok(output)
}

/// The gradient of [`forward`] with respect to its input.
///
/// # Errors
/// As [`forward`]; [`Error::Shape`] where the gradient does not have the shape of the output.
pub fn backward(grad_output: &Tensor, input_shape: &[usize], options: &InterpolateOptions) -> Result<Tensor> {
    const OP: &str = "interpolate gradient";
    grad_output.expect_compute(OP)?;
    let input = Spec::new(Shape::new(input_shape)?, grad_output.dtype());
    check::exactly(grad_output, OP, input.dtype, &infer(input, options)?.shape)?;
    let mut grad_input = Tensor::stale(input_shape, input.dtype)?;
    if !grad_input.is_empty() {
        map(input_shape, grad_output.shape(), options).backward(OP, grad_output, &mut grad_input)?;
    }
    Ok(grad_input)
}

impl Target {
    /// The size of the output of an image of this size.
    fn size(self, input: [usize; 2]) -> Result<[usize; 2]> {
        let size = match self {
            Self::Size(size) => size,
            Self::Factor(factors) => {
                if let Some(factor) =
                    factors.iter().find(|&&factor| !(factor > 0.0 && factor < f64::INFINITY))
                {
                    return Err(Error::argument(OP, "factor", factor, "a positive number"));
                }
                // A size that is too large for a number stays too large for a tensor.
                [0, 1].map(|axis| (input[axis] as f64 * factors[axis]) as usize)
            }
        };
        if let Some(axis) = size.iter().position(|&size| size == 0) {
            let problem = format!("nothing is left of an axis of {}, expected 1 or more", input[axis]);
            return Err(Error::shape(OP, problem));
        }
        Ok(size)
    }

    /// The factor of an axis, where it sets the distance between pixels.
    fn factor(self, axis: usize) -> Option<f64> {
        match self {
            Self::Size(_) => None,
            Self::Factor(factors) => Some(factors[axis]),
        }
    }
}

/// What the rows and columns of the output are made of.
fn map(input: &[usize], output: &[usize], options: &InterpolateOptions) -> Separable {
    let along = |axis: usize| {
        let (sizes, factor) = ([input[axis + 1], output[axis + 1]], options.target.factor(axis));
        match options.interpolation {
            Interpolation::Nearest => Axis::new(sizes, |index| [Tap::whole(nearest(index, sizes, factor))]),
            Interpolation::NearestExact => {
                Axis::new(sizes, |index| [Tap::whole(scaled(index as f32 + 0.5, sizes, factor))])
            }
            Interpolation::Linear(corners) => {
                Axis::new(sizes, |index| linear(index, sizes, factor, corners).into_iter().flatten())
            }
        }
    };
    Separable { rows: along(0), columns: along(1) }
}

/// The pixel for the upper corner of pixel `index`. Where sizes are equal or double, factors do not count, as in PyTorch
/// for images, and for the gradient of sequences.
fn nearest(index: usize, [input, output]: [usize; 2], factor: Option<f64>) -> usize {
    if input == output {
        index
    } else if input.checked_mul(2) == Some(output) {
        index / 2
    } else {
        scaled(index as f32, [input, output], factor)
    }
}

/// The pixel at this place of the output. In single precision, whose rounding is part of what PyTorch does: the next
/// pixel begins where a product reaches it.
fn scaled(place: f32, [input, output]: [usize; 2], factor: Option<f64>) -> usize {
    let scale = match factor {
        Some(factor) => (1.0 / factor) as f32,
        None => input as f32 / output as f32,
    };
    ((place * scale) as usize).min(input - 1)
}

/// The pixels before and behind the place of pixel `index`. A size that stays mixes nothing.
fn linear(
    index: usize,
    [input, output]: [usize; 2],
    factor: Option<f64>,
    corners: Corners,
) -> [Option<Tap>; 2] {
    if input == output {
        return [Some(Tap::whole(index)), None];
    }
    let place = match corners {
        Corners::Aligned if output > 1 => index as f64 * ((input - 1) as f64 / (output - 1) as f64),
        Corners::Aligned => 0.0,
        Corners::OfPixels => {
            let scale = factor.map_or(input as f64 / output as f64, |factor| 1.0 / factor);
            (scale * (index as f64 + 0.5) - 0.5).max(0.0)
        }
    };
    let before = (place as usize).min(input - 1);
    let behind = (before + 1).min(input - 1);
    let share = (place - before as f64).clamp(0.0, 1.0);
    [Some(Tap { from: before, weight: 1.0 - share }), Some(Tap { from: behind, weight: share })]
}
