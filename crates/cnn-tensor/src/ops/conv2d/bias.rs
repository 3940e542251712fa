//! Bias and activation over pixels that are already summed, where no kernel adds them as it stores its sums.

use crate::ops::activation::Activation;
use crate::ops::channels::Cut;
use crate::parallel::for_each;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Float, Result, Tensor};

/// `act(output + bias)`, in place.
pub(in crate::ops) fn add(output: &mut Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<()> {
    if bias.is_none() && activation == Activation::Identity {
        return Ok(());
    }
    match output.dtype() {
        DType::F32 => add_f32(output, bias, activation),
        _ => add_plain::<f64>(output, bias, activation),
    }
}

fn add_plain<F: Float>(output: &mut Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<()> {
    let channels = output.shape()[3];
    let zeros = vec![F::ZERO; if bias.is_none() { channels } else { 0 }];
    let bias = bias.map_or(Ok(&zeros[..]), Tensor::as_slice::<F>)?;
    for pixel in output.as_mut_slice::<F>()?.chunks_exact_mut(channels) {
        for (value, &bias) in pixel.iter_mut().zip(bias) {
            *value = activation.value(*value + bias);
        }
    }
    Ok(())
}

fn add_f32(output: &mut Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<()> {
    let level = simd::active()?;
    let channels = output.shape()[3];
    let cut = Cut::new(output.len() / channels, channels);
    let bias = match bias {
        Some(bias) => cut.repeat(bias.as_slice()?),
        None => vec![0.0; cut.group],
    };
    let output = output.as_mut_slice::<f32>()?;
    let bytes = 2 * size_of_val(output);
    for_each(output.chunks_mut(cut.piece), bytes, |output| {
        level.run(Add { group: &bias, activation, output });
    })
}

/// Some whole groups of pixels, the last of which may be cut short.
struct Add<'a> {
    /// The bias of each number of a group.
    group: &'a [f32],
    activation: Activation,
    output: &'a mut [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { group, activation, output } = self;
        match activation {
            Activation::Identity => each(group, output, |sum| sum),
            activation => each(group, output, |sum| activation.value(sum)),
        }
    }
}

#[inline(always)]
fn each(group: &[f32], output: &mut [f32], act: impl Fn(f32) -> f32) {
    for pixels in output.chunks_mut(group.len()) {
        for (value, &bias) in pixels.iter_mut().zip(group) {
            *value = act(*value + bias);
        }
    }
}
