//! Depthwise convolution: one input and one output channel in each group, vectors over channels.

use super::Geometry;
use crate::gemm::outer::BLOCK_PIXELS;
use crate::ops::activation::Activation;
use crate::simd::{self, Isa, Kernel};
use crate::{DType, Result, Tensor, parallel};

/// Most slices of the batch whose weight gradients are summed apart.
const SLICES: usize = 8;

/// See [`super::forward`].
pub(super) fn forward(
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let row_len = geometry.out_w * geometry.out_c;
    if target.is_empty() {
        return Ok(());
    }
    let work = target.len() * geometry.taps();
    parallel::for_each(target.chunks_exact_mut(row_len).enumerate(), work, |(row, target)| {
        level.run(OutputRow { geometry, x, weight, bias, activation, row, target });
    })
}

/// See [`super::grad_input`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    target: &mut [f32],
) -> Result<()> {
    let level = simd::active()?;
    let row_len = geometry.in_w * geometry.in_c;
    if target.is_empty() {
        return Ok(());
    }
    let work = target.len() * geometry.taps();
    parallel::for_each(target.chunks_exact_mut(row_len).enumerate(), work, |(row, target)| {
        level.run(InputRow { geometry, grad, weight, row, target });
    })
}

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let slices = SLICES.min(geometry.batch);
    if slices == 0 || x.is_empty() {
        target.fill(0.0);
        return Ok(());
    }
    // For each slice its sums, and the sums of the block of rows at hand.
    let mut private = Tensor::zeros(&[slices, 2, target.len()], DType::F32)?;
    let sums = private.as_mut_slice::<f32>()?.chunks_exact_mut(2 * target.len()).enumerate();
    let work = grad.len() * geometry.taps();
    parallel::for_each(sums, work, |(slice, sums)| {
        let images = slice * geometry.batch / slices..(slice + 1) * geometry.batch / slices;
        let (sums, block) = sums.split_at_mut(sums.len() / 2);
        level.run(WeightSlice { geometry, x, grad, images, sums, block });
    })?;
    target.fill(0.0);
    for slice in private.as_slice::<f32>()?.chunks_exact(target.len()).step_by(2) {
        for (sum, value) in target.iter_mut().zip(slice) {
            *sum += value;
        }
    }
    Ok(())
}

/// `target += a * b`, number by number.
#[inline(always)]
fn multiply_add<I: Isa>(isa: I, target: &mut [f32], a: &[f32], b: &[f32]) {
    assert!(target.len() == a.len() && target.len() == b.len());
    let mut targets = target.chunks_exact_mut(I::LANES);
    let (mut a, mut b) = (a.chunks_exact(I::LANES), b.chunks_exact(I::LANES));
    for ((target, a), b) in (&mut targets).zip(&mut a).zip(&mut b) {
        let sum = isa.fma(isa.load(a), isa.load(b), isa.load(target));
        isa.store(sum, target);
    }
    let target = targets.into_remainder();
    if !target.is_empty() {
        let sum = isa.fma(
            isa.load_partial(a.remainder()),
            isa.load_partial(b.remainder()),
            isa.load_partial(target),
        );
        isa.store_partial(sum, target);
    }
}

/// One row of the output of one image.
struct OutputRow<'a> {
    geometry: &'a Geometry,
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    activation: Activation,
    /// Row among the rows of all images.
    row: usize,
    target: &'a mut [f32],
}

impl Kernel for OutputRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Geometry { in_h, in_w, in_c: channels, out_h, vertical, horizontal, .. } = *self.geometry;
        let (image, out_y) = (self.row / out_h, self.row % out_h);
        for (out_x, pixel) in self.target.chunks_exact_mut(channels).enumerate() {
            match self.bias {
                Some(bias) => pixel.copy_from_slice(bias),
                None => pixel.fill(0.0),
            }
            for tap_y in 0..vertical.kernel {
                let Some(y) = vertical.position(out_y, tap_y, in_h) else { continue };
                for tap_x in 0..horizontal.kernel {
                    let Some(x) = horizontal.position(out_x, tap_x, in_w) else { continue };
                    let source = &self.x[((image * in_h + y) * in_w + x) * channels..][..channels];
                    let weight = &self.weight[(tap_y * horizontal.kernel + tap_x) * channels..][..channels];
                    multiply_add(isa, pixel, source, weight);
                }
            }
            if self.activation != Activation::Identity {
                simd::map_in_place(isa, pixel, |value| self.activation.vector(isa, value));
            }
        }
    }
}

/// One row of the gradient of the input of one image.
struct InputRow<'a> {
    geometry: &'a Geometry,
    grad: &'a [f32],
    weight: &'a [f32],
    /// Row among the rows of all images.
    row: usize,
    target: &'a mut [f32],
}

impl Kernel for InputRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Geometry { in_h, in_c: channels, out_h, out_w, vertical, horizontal, .. } = *self.geometry;
        let (image, y) = (self.row / in_h, self.row % in_h);
        // The output that reads `position` with `tap`, if there is one.
        let reader = |window: &crate::ops::window::Window, position: usize, tap: usize, outputs: usize| {
            let distance = (position + window.before).checked_sub(tap * window.dilation)?;
            (distance % window.stride == 0)
                .then_some(distance / window.stride)
                .filter(|&output| output < outputs)
        };
        for (x, pixel) in self.target.chunks_exact_mut(channels).enumerate() {
            pixel.fill(0.0);
            for tap_y in 0..vertical.kernel {
                let Some(out_y) = reader(&vertical, y, tap_y, out_h) else { continue };
                for tap_x in 0..horizontal.kernel {
                    let Some(out_x) = reader(&horizontal, x, tap_x, out_w) else { continue };
                    let source =
                        &self.grad[((image * out_h + out_y) * out_w + out_x) * channels..][..channels];
                    let weight = &self.weight[(tap_y * horizontal.kernel + tap_x) * channels..][..channels];
                    multiply_add(isa, pixel, source, weight);
                }
            }
        }
    }
}

/// The gradient of the weights over some images.
struct WeightSlice<'a> {
    geometry: &'a Geometry,
    x: &'a [f32],
    grad: &'a [f32],
    images: std::ops::Range<usize>,
    sums: &'a mut [f32],
    /// Zeros, as many: each block of rows is summed on its own and then added, so that long sums stay exact.
    block: &'a mut [f32],
}

impl Kernel for WeightSlice<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Geometry { in_h, in_w, in_c: channels, out_h, out_w, vertical, horizontal, .. } = *self.geometry;
        let rows_in_block = (BLOCK_PIXELS / out_w).max(1);
        for (image, first) in
            self.images.flat_map(|image| (0..out_h).step_by(rows_in_block).map(move |first| (image, first)))
        {
            for out_y in first..(first + rows_in_block).min(out_h) {
                for tap_y in 0..vertical.kernel {
                    let Some(y) = vertical.position(out_y, tap_y, in_h) else { continue };
                    for out_x in 0..out_w {
                        let grad =
                            &self.grad[((image * out_h + out_y) * out_w + out_x) * channels..][..channels];
                        for tap_x in 0..horizontal.kernel {
                            let Some(x) = horizontal.position(out_x, tap_x, in_w) else { continue };
                            let source = &self.x[((image * in_h + y) * in_w + x) * channels..][..channels];
                            let sums =
                                &mut self.block[(tap_y * horizontal.kernel + tap_x) * channels..][..channels];
                            multiply_add(isa, sums, source, grad);
                        }
                    }
                }
            }
            for (sum, block) in self.sums.iter_mut().zip(&mut *self.block) {
                *sum += std::mem::take(block);
            }
        }
    }
}
