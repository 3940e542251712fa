//! The loops of one piece.

use std::ops::Range;

use super::geometry::{Geometry, Index, columns, for_each_reader, taps};
use crate::simd::{Isa, Kernel};

/// Most numbers in a vector of any instruction set.
const MOST_LANES: usize = 16;

/// Maxima of some rows of the output, and where they are.
pub(super) struct Max<'a, T> {
    pub(super) g: &'a Geometry,
    pub(super) x: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) indices: &'a mut [T],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl<T: Index> Kernel for Max<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { g, x, output, indices, first_row } = self;
        let row_len = g.out_w * g.channels;
        let rows = output.chunks_exact_mut(row_len).zip(indices.chunks_exact_mut(row_len));
        for (row, (output, indices)) in rows.enumerate() {
            let (n, out_y) = ((first_row + row) / g.out_h, (first_row + row) % g.out_h);
            let image = &x[n * g.in_h * g.in_w * g.channels..][..g.in_h * g.in_w * g.channels];
            let k_ys = taps(&g.rows, out_y, g.in_h);
            let pixels = output.chunks_exact_mut(g.channels).zip(indices.chunks_exact_mut(g.channels));
            for (out_x, (output, indices)) in pixels.enumerate() {
                let taps = [k_ys.clone(), taps(&g.columns, out_x, g.in_w)];
                let vectors = output.chunks_mut(I::LANES).zip(indices.chunks_mut(I::LANES));
                for (vector, (output, indices)) in vectors.enumerate() {
                    let window = MaxWindow { g, image, at: [out_y, out_x], taps: taps.clone() };
                    window.vector(isa, vector * I::LANES, output, indices);
                }
            }
        }
    }
}

/// One window of one image.
struct MaxWindow<'a> {
    g: &'a Geometry,
    image: &'a [f32],
    /// Row and column of the output.
    at: [usize; 2],
    /// Taps that read inside the image, by row and column.
    taps: [Range<usize>; 2],
}

impl MaxWindow<'_> {
    /// The maxima of as many channels from `channel` on as `output` holds, at most a vector.
    ///
    /// The positions are carried beside the values, as whole floats.
    #[inline(always)]
    fn vector<I: Isa, T: Index>(self, isa: I, channel: usize, output: &mut [f32], indices: &mut [T]) {
        let Self { g, image, at: [out_y, out_x], taps: [k_ys, k_xs] } = self;
        let lanes = output.len();
        let mut best = isa.splat(f32::NEG_INFINITY);
        let mut best_tap = isa.splat(0.0);
        let mut seen = false;
        for k_y in k_ys {
            let y = out_y * g.rows.stride + k_y * g.rows.dilation - g.rows.before;
            for k_x in k_xs.clone() {
                let x = out_x * g.columns.stride + k_x * g.columns.dilation - g.columns.before;
                let start = (y * g.in_w + x) * g.channels + channel;
                let value = match lanes == I::LANES {
                    true => isa.load(&image[start..]),
                    false => isa.load_partial(&image[start..start + lanes]),
                };
                let tap = isa.splat((k_y * g.columns.kernel + k_x) as f32);
                if seen {
                    // Taken where it is greater, or NaN: the last NaN stays, since nothing is greater than it.
                    let greater = isa.select_gt(value, best, tap, best_tap);
                    best_tap = isa.select_number(value, greater, tap);
                    let greater = isa.select_gt(value, best, value, best);
                    best = isa.select_number(value, greater, value);
                } else {
                    (best, best_tap, seen) = (value, tap, true);
                }
            }
        }
        let mut taps = [0.0f32; MOST_LANES];
        isa.store(best_tap, &mut taps);
        // All lanes, so that the number of conversions is known and they become vector code.
        let mut whole = [T::default(); MOST_LANES];
        whole[..I::LANES].iter_mut().zip(&taps).for_each(|(whole, &tap)| *whole = T::from_lane(tap));
        if lanes == I::LANES {
            isa.store(best, output);
            indices[..I::LANES].copy_from_slice(&whole[..I::LANES]);
        } else {
            isa.store_partial(best, output);
            indices.iter_mut().zip(&whole).for_each(|(index, &whole)| *index = whole);
        }
    }
}

/// The gradient of some rows of the input of max-pooling.
pub(super) struct MaxBack<'a, T> {
    pub(super) g: &'a Geometry,
    pub(super) indices: &'a [T],
    pub(super) grad_output: &'a [f32],
    pub(super) grad_input: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl<T: Index> Kernel for MaxBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { g, indices, grad_output, grad_input, first_row } = self;
        let row_len = g.out_w * g.channels;
        for (row, grad_input) in grad_input.chunks_exact_mut(g.in_w * g.channels).enumerate() {
            let (n, y) = ((first_row + row) / g.in_h, (first_row + row) % g.in_h);
            grad_input.fill(0.0);
            for_each_reader(g, y, |out_y, k_y| {
                let start = (n * g.out_h + out_y) * row_len;
                let indices = indices[start..start + row_len].chunks_exact(g.channels);
                let grads = grad_output[start..start + row_len].chunks_exact(g.channels);
                for (out_x, (indices, grads)) in indices.zip(grads).enumerate() {
                    for (k_x, x) in columns(g, out_x) {
                        let tap = T::from_tap(k_y * g.columns.kernel + k_x);
                        let targets = &mut grad_input[x * g.channels..(x + 1) * g.channels];
                        for ((target, &grad), &index) in targets.iter_mut().zip(grads).zip(indices) {
                            *target += if index == tap { grad } else { 0.0 };
                        }
                    }
                }
            });
        }
    }
}

/// Means of some rows of the output.
pub(super) struct Average<'a> {
    pub(super) g: &'a Geometry,
    pub(super) x: &'a [f32],
    pub(super) output: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { g, x, output, first_row } = self;
        let row_len = g.in_w * g.channels;
        let mut sums = vec![0.0f32; row_len];
        for (row, output) in output.chunks_exact_mut(g.out_w * g.channels).enumerate() {
            let (n, out_y) = ((first_row + row) / g.out_h, (first_row + row) % g.out_h);
            // First down the columns of the image, whose rows are contiguous however few the channels are; so
            // the error also grows with the sides of a window and not with its area.
            sums.fill(0.0);
            for k_y in taps(&g.rows, out_y, g.in_h) {
                let y = n * g.in_h + out_y * g.rows.stride + k_y * g.rows.dilation - g.rows.before;
                sums.iter_mut().zip(&x[y * row_len..][..row_len]).for_each(|(sum, x)| *sum += x);
            }
            output.fill(0.0);
            for (out_x, output) in output.chunks_exact_mut(g.channels).enumerate() {
                for (_, x) in columns(g, out_x) {
                    let pixel = &sums[x * g.channels..][..g.channels];
                    output.iter_mut().zip(pixel).for_each(|(total, sum)| *total += sum);
                }
                let divisor = g.divisor(out_y, out_x) as f32;
                output.iter_mut().for_each(|y| *y /= divisor);
            }
        }
    }
}

/// The gradient of some rows of the input of average pooling.
pub(super) struct AverageBack<'a> {
    pub(super) g: &'a Geometry,
    pub(super) grad_output: &'a [f32],
    pub(super) grad_input: &'a mut [f32],
    /// Number of the first row, counted over all images.
    pub(super) first_row: usize,
}

impl Kernel for AverageBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { g, grad_output, grad_input, first_row } = self;
        let row_len = g.out_w * g.channels;
        for (row, grad_input) in grad_input.chunks_exact_mut(g.in_w * g.channels).enumerate() {
            let (n, y) = ((first_row + row) / g.in_h, (first_row + row) % g.in_h);
            grad_input.fill(0.0);
            for_each_reader(g, y, |out_y, _| {
                let grads = &grad_output[(n * g.out_h + out_y) * row_len..][..row_len];
                for (out_x, grads) in grads.chunks_exact(g.channels).enumerate() {
                    let share = 1.0 / g.divisor(out_y, out_x) as f32;
                    for (_, x) in columns(g, out_x) {
                        let targets = &mut grad_input[x * g.channels..(x + 1) * g.channels];
                        targets.iter_mut().zip(grads).for_each(|(target, grad)| *target += grad * share);
                    }
                }
            });
        }
    }
}
