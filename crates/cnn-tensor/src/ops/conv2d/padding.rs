//! Copies of images with zeros around them, for the algorithms that then need no look at the borders.

use std::ops::Range;

use crate::{DType, Result, Tensor, parallel};

/// Numbers that a copy may have beside four times those of the image; where padding makes more, it is mostly padding.
const MARGIN: usize = 1 << 12;

/// Whether a copy of an image with so much padding is of about the image's size.
pub(super) fn is_small(
    [height, width, channels]: [usize; 3],
    vertical: &Range<usize>,
    horizontal: &Range<usize>,
) -> bool {
    let (rows, columns) = (height + vertical.start + vertical.end, width + horizontal.start + horizontal.end);
    rows * columns * channels <= 4 * height * width * channels + MARGIN
}

/// The images of `input`, each `[height, width, channels]`, with `vertical.start` rows of zeros above,
/// `vertical.end` below, and columns likewise; and the size of an image after that.
pub(super) fn pad(
    input: &[f32],
    [height, width, channels]: [usize; 3],
    vertical: Range<usize>,
    horizontal: Range<usize>,
) -> Result<(Tensor, [usize; 3])> {
    let image_len = height * width * channels;
    let (padded_h, padded_w) =
        (height + vertical.start + vertical.end, width + horizontal.start + horizontal.end);
    let mut padded = Tensor::stale(&[input.len() / image_len, padded_h, padded_w, channels], DType::F32)?;
    let images = padded.as_mut_slice::<f32>()?.chunks_exact_mut(padded_h * padded_w * channels);
    parallel::for_each(images.zip(input.chunks_exact(image_len)), input.len(), |(image, source)| {
        let (inner, row_len) = (width * channels, padded_w * channels);
        let left = horizontal.start * channels;
        let (above, rest) = image.split_at_mut(vertical.start * row_len);
        let (rows, below) = rest.split_at_mut(height * row_len);
        above.fill(0.0);
        below.fill(0.0);
        for (row, source) in rows.chunks_exact_mut(row_len).zip(source.chunks_exact(inner)) {
            row[..left].fill(0.0);
            row[left..left + inner].copy_from_slice(source);
            row[left + inner..].fill(0.0);
        }
    })?;
    Ok((padded, [padded_h, padded_w, channels]))
}
