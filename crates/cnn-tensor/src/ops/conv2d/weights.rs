//! The gradient of the weights: a register tile holds a block of the weights, and the pixels stream past it.
//!
//! No patch matrix and no transposed copy: for one tap, the pixels of an output row and the pixels of the input
//! under it are two runs at constant pitches. The batch is cut into slices, whose number depends on the sizes
//! alone; each slice sums into its own weights, and the slices are added in order.

use std::ops::Range;

use super::Geometry;
use super::padding;
use crate::gemm::outer::{BLOCK_PIXELS, Begin, OuterBlock, Run};
use crate::ops::window::Window;
use crate::simd;
use crate::{DType, Result, Tensor, parallel};

/// Most slices of the batch.
const SLICES: usize = 16;

/// Fewest pieces of work, where there are as many: they share evenly between a few threads.
const FEWEST_PIECES: usize = 16;

/// Most numbers that the slices' private weights may hold together.
const PRIVATE: usize = 1 << 20;

/// Numbers of input and output gradient that are streamed for all weights before the next rows are taken, so that
/// they stay in the second-level cache.
const BAND: usize = 1 << 17;

/// Inputs with fewer channels are copied with their padding, so that rows of the weights may mix taps.
const FEW_CHANNELS: usize = 8;

/// See [`super::grad_weight`].
pub(super) fn grad_weight(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    if geometry.groups == 1 && geometry.in_c < FEW_CHANNELS && has_padding(geometry) {
        let [rows, columns] = reach(geometry);
        let image = [geometry.in_h, geometry.in_w, geometry.in_c];
        if padding::is_small(image, &rows, &columns) {
            let (padded, size) = padding::pad(x, image, rows, columns)?;
            return sum_slices(&unpadded(geometry, size), padded.as_slice()?, grad, target);
        }
    }
    sum_slices(geometry, x, grad, target)
}

fn sum_slices(geometry: &Geometry, x: &[f32], grad: &[f32], target: &mut [f32]) -> Result<()> {
    let level = simd::active()?;
    let weights = target.len();
    let (x_len, grad_len) = (x.len() / geometry.batch, grad.len() / geometry.batch);
    let pixels = geometry.out_h * geometry.out_w;
    let most = SLICES.min((geometry.batch * pixels).div_ceil(BLOCK_PIXELS)).min((PRIVATE / weights).max(1));
    // Slices are some images, or some rows of one.
    let (image_slices, row_slices) = match geometry.batch < most {
        true => (geometry.batch, (most / geometry.batch).min(geometry.out_h)),
        false => (most, 1),
    };
    let slices = image_slices * row_slices;
    // Small images are summed together.
    let together = (BLOCK_PIXELS / pixels).min(BAND / (x_len + grad_len)).max(1);
    let parts = parts(geometry, slices);
    let mut private = match slices {
        1 => None,
        _ => Some(Tensor::stale(&[slices, weights], DType::F32)?),
    };
    let sums = match &mut private {
        None => &mut *target,
        Some(private) => private.as_mut_slice()?,
    };
    let shares = FEWEST_PIECES.div_ceil(slices).min(parts.len());
    let mut pieces = Vec::new();
    for (slice, mut rest) in sums.chunks_exact_mut(weights).enumerate() {
        let images = share_of(geometry.batch, slice / row_slices, image_slices);
        let rows = share_of(geometry.out_h, slice % row_slices, row_slices);
        for share in 0..shares {
            let share = share_of(parts.len(), share, shares);
            let mut work = Vec::with_capacity(share.len());
            for part in &parts[share] {
                let (sums, after) = rest.split_at_mut(part.rows.len() * geometry.out_c);
                rest = after;
                work.push((part, sums));
            }
            pieces.push((images.clone(), rows.clone(), work));
        }
    }
    let work = usize::try_from(geometry.multiply_adds()).unwrap_or(usize::MAX);
    parallel::for_each(pieces.into_iter(), work, |(images, rows, mut parts)| {
        let mut begin = Begin::Fresh;
        let runs_of = |parts: &[(&Part, &mut [f32])], images| {
            parts.iter().map(|(part, _)| bands(geometry, part, images, rows.clone())).collect::<Vec<_>>()
        };
        let (mut runs, mut images_of_runs) = (Vec::new(), 0);
        for first in images.clone().step_by(together) {
            let count = together.min(images.end - first);
            if count != images_of_runs {
                (runs, images_of_runs) = (runs_of(&parts, count), count);
            }
            let (x, grad) =
                (&x[first * x_len..][..count * x_len], &grad[first * grad_len..][..count * grad_len]);
            // All parts take one band before the next, so that it is read from memory once.
            for band in 0..runs.first().map_or(0, Vec::len) {
                for ((part, sums), runs) in parts.iter_mut().zip(&runs) {
                    let runs = &runs[band];
                    if runs.is_empty() && begin == Begin::Continue {
                        continue;
                    }
                    for group in 0..geometry.groups {
                        let column = group * geometry.group_out_c();
                        level.run(OuterBlock {
                            input: &x[group * geometry.group_in_c()..],
                            input_pitch: geometry.horizontal.stride.min(geometry.in_w) * geometry.in_c,
                            rows: &part.rows,
                            grad: &grad[column..],
                            grad_pitch: geometry.out_c,
                            columns: geometry.group_out_c(),
                            runs,
                            target: &mut sums[column..],
                            target_pitch: geometry.out_c,
                            begin,
                        });
                    }
                }
                begin = Begin::Continue;
            }
        }
    })?;
    if let Some(private) = &private {
        add_slices(private.as_slice()?, target)?;
    }
    Ok(())
}

/// Share number `index` of `0..len` cut into `count` parts.
fn share_of(len: usize, index: usize, count: usize) -> Range<usize> {
    index * len / count..(index + 1) * len / count
}

/// Rows of the weights that are summed over the same pixels.
struct Part {
    /// Taps whose pixels are visited: the rows' own tap, or the first of all where nothing is padded.
    tap: [usize; 2],
    /// Offset of each row in the input, from the pixel under the tap.
    rows: Vec<usize>,
}

/// The rows of the weights, in order, in parts. Without padding every tap sees every output pixel, and one part
/// holds them all; with padding each tap has its own. Where that makes few pieces of work, parts are halved.
fn parts(geometry: &Geometry, slices: usize) -> Vec<Part> {
    let channels = geometry.group_in_c();
    let offset = |tap_y: usize, tap_x: usize, channel: usize| {
        (tap_y * geometry.vertical.dilation * geometry.in_w + tap_x * geometry.horizontal.dilation)
            * geometry.in_c
            + channel
    };
    let taps =
        (0..geometry.vertical.kernel).flat_map(|y| (0..geometry.horizontal.kernel).map(move |x| (y, x)));
    let mut parts: Vec<Part> = if has_padding(geometry) {
        taps.map(|(y, x)| Part { tap: [y, x], rows: (0..channels).collect() }).collect()
    } else {
        let rows = taps.flat_map(|(y, x)| (0..channels).map(move |channel| offset(y, x, channel))).collect();
        vec![Part { tap: [0, 0], rows }]
    };
    // 32 rows keep the pixels in use long enough.
    while parts.len() * slices < FEWEST_PIECES && parts.iter().all(|part| part.rows.len() >= 64) {
        parts = parts
            .into_iter()
            .flat_map(|Part { tap, mut rows }| {
                let upper = rows.split_off(rows.len() / 2);
                [Part { tap, rows }, Part { tap, rows: upper }]
            })
            .collect();
    }
    parts
}

/// The runs in these rows of some images, for each band of output rows: several images are one band. The bands are the
/// same for every part.
fn bands(geometry: &Geometry, part: &Part, images: usize, rows: Range<usize>) -> Vec<Vec<Run>> {
    let Geometry { in_w, in_c, in_h, out_h, out_w, out_c, vertical, horizontal, .. } = *geometry;
    // A stride beyond the input never takes a second step inside it.
    let (stride_h, pitch) = (vertical.stride.min(in_h), horizontal.stride.min(in_w) * in_c);
    let row_numbers = out_w * out_c + stride_h * in_w * in_c;
    let rows = rows.start..rows.end + (images - 1) * out_h;
    let rows_in_band = match images {
        1 => (BAND / row_numbers).min(BLOCK_PIXELS / out_w).max(1),
        _ => rows.len(),
    };
    let columns: Range<usize> = horizontal.inside(part.tap[1], in_w, out_w);
    let mut bands = Vec::new();
    for first in rows.clone().step_by(rows_in_band) {
        let mut runs: Vec<Run> = Vec::new();
        for row in first..rows.end.min(first + rows_in_band) {
            let (Some(y), Some(x)) = (
                vertical.position(row % out_h, part.tap[0], in_h),
                horizontal.position(columns.start, part.tap[1], in_w),
            ) else {
                continue;
            };
            let run = Run {
                input: ((row / out_h * in_h + y) * in_w + x) * in_c,
                grad: (row * out_w + columns.start) * out_c,
                pixels: columns.len(),
            };
            match runs.last_mut() {
                // Rows that continue each other on both sides are one run.
                Some(last)
                    if last.input + last.pixels * pitch == run.input
                        && last.grad + last.pixels * out_c == run.grad =>
                {
                    last.pixels += run.pixels;
                }
                _ if run.pixels > 0 => runs.push(run),
                _ => {}
            }
        }
        bands.push(runs);
    }
    bands
}

/// `target[i] = private[0][i] + private[1][i] + ..`, in that order.
fn add_slices(private: &[f32], target: &mut [f32]) -> Result<()> {
    const CHUNK: usize = 1 << 12;
    let weights = target.len();
    parallel::for_each(target.chunks_mut(CHUNK).enumerate(), private.len(), |(chunk, target)| {
        let first = chunk * CHUNK;
        target.copy_from_slice(&private[first..first + target.len()]);
        for slice in private.chunks_exact(weights).skip(1) {
            for (sum, value) in target.iter_mut().zip(&slice[first..]) {
                *sum += value;
            }
        }
    })
}

fn has_padding(geometry: &Geometry) -> bool {
    let whole = |window: &Window, input, output: usize| {
        (0..window.kernel).all(|tap| window.inside(tap, input, output) == (0..output))
    };
    !(whole(&geometry.vertical, geometry.in_h, geometry.out_h)
        && whole(&geometry.horizontal, geometry.in_w, geometry.out_w))
}

/// Rows and columns of padding, before and after, that windows reach.
fn reach(geometry: &Geometry) -> [Range<usize>; 2] {
    let reach = |window: &Window, input: usize, outputs: usize| {
        let end = (outputs - 1) * window.stride + (window.kernel - 1) * window.dilation + 1;
        window.before..end.saturating_sub(window.before + input)
    };
    let Geometry { in_h, in_w, out_h, out_w, vertical, horizontal, .. } = geometry;
    [reach(vertical, *in_h, *out_h), reach(horizontal, *in_w, *out_w)]
}

/// The same convolution of images of this size that hold their padding.
fn unpadded(geometry: &Geometry, [height, width, _]: [usize; 3]) -> Geometry {
    Geometry {
        in_h: height,
        in_w: width,
        vertical: Window { before: 0, after: 0, ..geometry.vertical },
        horizontal: Window { before: 0, after: 0, ..geometry.horizontal },
        ..*geometry
    }
}
