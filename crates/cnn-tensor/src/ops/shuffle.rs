//! Channels to pixels and back, and channels among each other: what belongs together is permuted.
//!
//! Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
//! network" (arXiv:1609.05158), for pixels; Zhang et al., "ShuffleNet" (arXiv:1707.01083), for channels.
//! The order of channels is PyTorch's, so that weights around these operations need no permutation.

use super::reshape::permute;
use crate::{Error, Result, Shape, Spec, Tensor};

/// Shape of [`pixel_shuffle`]'s output.
///
/// # Errors
/// [`Error::Shape`] where `x` is not an image whose channels are a multiple of `factor * factor`;
/// [`Error::Argument`] for a factor of zero.
pub fn pixel_shuffle_infer(x: Spec, factor: usize) -> Result<Spec> {
    const OP: &str = "pixel_shuffle";
    let ([batch, height, width, channels], area) = (image(OP, &x.shape)?, area(OP, factor)?);
    if !channels.is_multiple_of(area) {
        let problem = format!("the {channels} channels of {} are no multiple of {area}", x.shape);
        return Err(Error::shape(OP, problem));
    }
    let (Some(height), Some(width)) = (height.checked_mul(factor), width.checked_mul(factor)) else {
        return Err(Error::shape(OP, format!("sizes overflow: {factor} times those of {}", x.shape)));
    };
    Ok(Spec::new(Shape::new(&[batch, height, width, channels / area])?, x.dtype))
}

/// Each `factor * factor` channels become a square of pixels: channel `c * factor^2 + i * factor + j` becomes channel
/// `c` of row `i` and column `j` of the square, as `torch.nn.functional.pixel_shuffle`.
///
/// ```
/// # fn main() -> cnn_tensor::Result<()> {
/// use cnn_tensor::{Tensor, ops::shuffle};
/// let x = Tensor::from_slice(&[1, 1, 1, 4], &[1.0f32, 2.0, 3.0, 4.0])?;
/// let y = shuffle::pixel_shuffle(x, 2)?;
/// assert_eq!(y.shape(), [1, 2, 2, 1]);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok(()) }
/// ```
///
/// # Shapes
/// `[batch, height, width, channels * factor^2]` to `[batch, height * factor, width * factor, channels]`.
///
/// # Errors
/// As [`pixel_shuffle_infer`].
pub fn pixel_shuffle(x: Tensor, factor: usize) -> Result<Tensor> {
    let output = pixel_shuffle_infer(x.spec(), factor)?;
    let [batch, height, width, _] = image("pixel_shuffle", x.shape())?;
    let squares = x.reshape(&[batch, height, width, output.shape[3], factor, factor])?;
    permute(&squares, &[0, 1, 4, 2, 5, 3])?.reshape(&output.shape)
}

/// Shape of [`pixel_unshuffle`]'s output.
///
/// # Errors
/// [`Error::Shape`] where `x` is not an image whose height and width are multiples of `factor`; [`Error::Argument`]
/// for a factor of zero.
pub fn pixel_unshuffle_infer(x: Spec, factor: usize) -> Result<Spec> {
    const OP: &str = "pixel_unshuffle";
    let ([batch, height, width, channels], area) = (image(OP, &x.shape)?, area(OP, factor)?);
    if !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
        let problem = format!("height and width of {} are no multiples of {factor}", x.shape);
        return Err(Error::shape(OP, problem));
    }
    let channels = channels.checked_mul(area);
    let channels =
        channels.ok_or_else(|| Error::shape(OP, format!("sizes overflow: {area} times {}", x.shape)))?;
    Ok(Spec::new(Shape::new(&[batch, height / factor, width / factor, channels])?, x.dtype))
}

/// The inverse of [`pixel_shuffle`], which is also its gradient.
///
/// # Shapes
/// `[batch, height * factor, width * factor, channels]` to `[batch, height, width, channels * factor^2]`.
///
/// # Errors
/// As [`pixel_unshuffle_infer`].
pub fn pixel_unshuffle(x: Tensor, factor: usize) -> Result<Tensor> {
    let output = pixel_unshuffle_infer(x.spec(), factor)?;
    let [batch, _, _, channels] = image("pixel_unshuffle", x.shape())?;
    let (height, width) = (output.shape[1], output.shape[2]);
    let squares = x.reshape(&[batch, height, factor, width, factor, channels])?;
    permute(&squares, &[0, 1, 3, 5, 2, 4])?.reshape(&output.shape)
}

/// Channels dealt out: the channels of each of `groups` groups go to as many new groups, one to each, as
/// `torch.nn.functional.channel_shuffle`. Its inverse, and its gradient, is that with `channels / groups` groups.
///
/// # Shapes
/// `[.., channels]` to the same: channel `group * n + member` of `n` in a group becomes `member * groups + group`.
///
/// # Errors
/// [`Error::Shape`] where the channels do not fall into so many groups; [`Error::Argument`] for no groups.
pub fn channel_shuffle(x: Tensor, groups: usize) -> Result<Tensor> {
    let members = group_members(x.spec(), groups)?;
    let shape = x.shape_value();
    let pixels = shape.dims()[..shape.rank() - 1].iter().product();
    permute(&x.reshape(&[pixels, groups, members])?, &[0, 2, 1])?.reshape(&shape)
}

/// Channels in each group of [`channel_shuffle`].
///
/// # Errors
/// As [`channel_shuffle`].
pub fn group_members(x: Spec, groups: usize) -> Result<usize> {
    const OP: &str = "channel_shuffle";
    if groups == 0 {
        return Err(Error::argument(OP, "groups", 0, "1 or more"));
    }
    match x.shape.last() {
        Some(channels) if channels.is_multiple_of(groups) => Ok(channels / groups),
        _ => Err(Error::shape(OP, format!("the channels of {} are no multiple of {groups}", x.shape))),
    }
}

fn image(op: &'static str, shape: &[usize]) -> Result<[usize; 4]> {
    let problem = || Error::shape(op, format!("input {shape:?}, expected [batch, height, width, channels]"));
    shape.try_into().map_err(|_| problem())
}

/// Pixels of a square.
fn area(op: &'static str, factor: usize) -> Result<usize> {
    let area = factor.checked_mul(factor).filter(|&area| area > 0);
    area.ok_or_else(|| {
        Error::argument(op, "factor", factor, "1 or more, with a square that does not overflow")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DType;
    use crate::testing::{assert_threads_change_nothing, normal, same_bits};

    fn count(shape: &[usize]) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|value| value as f32).collect();
        Tensor::from_slice(shape, &values).unwrap()
    }

    #[test]
    fn channels_become_squares_of_pixels_in_the_order_of_pytorch() {
        // torch.nn.functional.pixel_shuffle of one row of two pixels with channels 0..8 and 8..16.
        let y = pixel_shuffle(count(&[1, 1, 2, 8]), 2).unwrap();
        assert_eq!(y.shape(), [1, 2, 4, 2]);
        let expected = [0., 4., 1., 5., 8., 12., 9., 13., 2., 6., 3., 7., 10., 14., 11., 15.];
        assert_eq!(y.to_vec::<f32>().unwrap(), expected);
        assert!(same_bits(&pixel_unshuffle(y, 2).unwrap(), &count(&[1, 1, 2, 8])));
    }

    #[test]
    fn channels_are_dealt_out_to_groups() {
        let y = channel_shuffle(count(&[1, 1, 1, 6]), 2).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert!(same_bits(&channel_shuffle(y, 3).unwrap(), &count(&[1, 1, 1, 6])));
        assert_eq!(channel_shuffle(count(&[4]), 2).unwrap().to_vec::<f32>().unwrap(), [0.0, 2.0, 1.0, 3.0]);
    }

    #[test]
    fn an_empty_batch_stays_empty() {
        let x = Tensor::zeros(&[0, 2, 2, 4], DType::F32).unwrap();
        assert_eq!(pixel_shuffle(x.clone(), 2).unwrap().shape(), [0, 4, 4, 1]);
        assert_eq!(pixel_unshuffle(x.clone(), 2).unwrap().shape(), [0, 1, 1, 16]);
        assert_eq!(channel_shuffle(x, 2).unwrap().shape(), [0, 2, 2, 4]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = count(&[1, 2, 3, 6]);
        let error = pixel_shuffle(x.clone(), 2).unwrap_err().to_string();
        assert_eq!(error, "pixel_shuffle: the 6 channels of [1, 2, 3, 6] are no multiple of 4");
        assert!(matches!(pixel_unshuffle(x.clone(), 2), Err(Error::Shape { .. })));
        assert!(matches!(channel_shuffle(x.clone(), 4), Err(Error::Shape { .. })));
        for factor in [0, usize::MAX] {
            assert!(matches!(pixel_shuffle(x.clone(), factor), Err(Error::Argument { .. })));
            assert!(matches!(pixel_unshuffle(x.clone(), factor), Err(Error::Argument { .. })));
        }
        assert!(matches!(channel_shuffle(x, 0), Err(Error::Argument { .. })));
        assert!(matches!(pixel_shuffle(count(&[4]), 2), Err(Error::Shape { .. })));
        assert!(matches!(channel_shuffle(count(&[]), 2), Err(Error::Shape { .. })));
    }

    #[test]
    fn threads_change_nothing() {
        let x = normal(&[3, 20, 22, 36], 1, DType::F32).unwrap();
        assert_threads_change_nothing("pixel_shuffle", || vec![pixel_shuffle(x.clone(), 2).unwrap()]);
        assert_threads_change_nothing("pixel_unshuffle", || vec![pixel_unshuffle(x.clone(), 2).unwrap()]);
        assert_threads_change_nothing("channel_shuffle", || vec![channel_shuffle(x.clone(), 4).unwrap()]);
    }

    proptest! {
        #[test]
        fn each_number_goes_where_the_formula_says(
            (batch, height, width, channels) in (1usize..3, 1usize..4, 1usize..4, 1usize..20),
            factor in 1usize..4,
        ) {
            let area = factor * factor;
            let x = count(&[batch, height, width, channels * area]);
            let y = pixel_shuffle(x.clone(), factor).unwrap();
            let dealt = channel_shuffle(x.clone(), factor).unwrap();
            let [x_values, y_values, dealt] = [&x, &y, &dealt].map(|tensor| tensor.to_vec::<f32>().unwrap());
            for (at, &value) in x_values.iter().enumerate() {
                let (pixel, channel) = (at / (channels * area), at % (channels * area));
                let (row, column) = (pixel / width, pixel % width);
                let (c, i, j) = (channel / area, channel % area / factor, channel % factor);
                let to = ((row * factor + i) * width * factor + column * factor + j) * channels + c;
                prop_assert_eq!(y_values[to], value);
                let members = channels * area / factor;
                let to = pixel * channels * area + channel % members * factor + channel / members;
                prop_assert_eq!(dealt[to], value);
            }
            prop_assert!(same_bits(&pixel_unshuffle(y, factor).unwrap(), &x));
        }
    }
}
