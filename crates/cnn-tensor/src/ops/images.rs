//! Images that have parameters of their own for each channel: how they are handed out to threads, and how the
//! parameters of an image meet its columns.
//!
//! A *part* is what one thread takes: a piece of an image, or some whole images where these are small. Parameters
//! are repeated over the columns of a group as a part reaches an image, and over no more columns than the image has,
//! so that they never take more memory or time than the images do. What becomes of an image depends on the image alone.

use std::ops::Range;

use crate::ops::channels::Cut;
use crate::ops::in_place::PIECE;

/// How images of one size are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Images {
    /// The cut of each image.
    pub(crate) cut: Cut,
    /// Numbers of an image.
    image: usize,
    /// Images of a part; more than one only where an image is one piece.
    some: usize,
}

impl Images {
    /// Images of so many pixels, which are not empty.
    pub(crate) fn new(pixels: usize, channels: usize) -> Self {
        let (cut, image) = (Cut::of_image(pixels, channels), pixels * channels);
        let some = if cut.pieces == 1 { (PIECE / image).max(1) } else { 1 };
        Self { cut, image, some }
    }

    /// Pieces of a part, all of which are whole images where they are several.
    pub(crate) fn pieces_of_part(&self) -> usize {
        self.some
    }

    /// The parts of so many numbers, in order.
    pub(crate) fn parts(&self, len: usize) -> Vec<Range<usize>> {
        let several = self.some * self.image;
        let mut parts = Vec::with_capacity(len.div_ceil(several) * self.cut.pieces);
        for start in (0..len).step_by(several) {
            let end = len.min(start + several);
            let part = if self.some == 1 { self.cut.piece } else { several };
            parts.extend((start..end).step_by(part).map(|start| start..end.min(start + part)));
        }
        parts
    }

    /// The numbers of the images in parts, each with the number of its first.
    pub(crate) fn split<'t>(&self, numbers: &'t mut [f32]) -> Vec<(usize, &'t mut [f32])> {
        let mut rest = numbers;
        let parts = self.parts(rest.len()).into_iter();
        parts
            .map(|part| {
                let (now, later) = std::mem::take(&mut rest).split_at_mut(part.len());
                rest = later;
                (part.start, now)
            })
            .collect()
    }

    /// Goes through the images of a part that begins with number `first` and has `len`. Each of the parameters has a
    /// number for each channel of each image.
    #[inline(always)]
    pub(crate) fn walk<'a, const N: usize>(
        &self,
        first: usize,
        len: usize,
        parameters: [&'a [f32]; N],
    ) -> Walk<'a, N> {
        let columns = self.cut.group.min(self.image);
        let repeated = if columns == self.cut.channels { 0 } else { columns };
        Walk {
            images: *self,
            columns,
            first,
            len,
            at: 0,
            image: 0,
            parameters,
            repeated: [(); N].map(|()| vec![0.0; repeated]),
        }
    }
}

/// The images of a part, one after the other.
pub(crate) struct Walk<'a, const N: usize> {
    images: Images,
    /// Columns that parameters are repeated over.
    columns: usize,
    first: usize,
    len: usize,
    /// Numbers of the part that are done.
    at: usize,
    /// Number of the image.
    image: usize,
    parameters: [&'a [f32]; N],
    /// Those of the image, where they are repeated.
    repeated: [Vec<f32>; N],
}

impl<const N: usize> Walk<'_, N> {
    /// The numbers of the next image, counted from the start of the part.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Range<usize>> {
        if self.at == self.len {
            return None;
        }
        let size = self.images.image;
        self.image = (self.first + self.at) / size;
        let range = self.at..self.len.min((self.image + 1) * size - self.first);
        self.at = range.end;
        let channels = self.images.cut.channels;
        for (repeated, values) in self.repeated.iter_mut().zip(self.parameters) {
            let values = &values[self.image * channels..][..channels];
            for row in repeated.chunks_exact_mut(channels) {
                row.copy_from_slice(values);
            }
        }
        Some(range)
    }

    /// Number of the image.
    #[inline(always)]
    pub(crate) fn image(&self) -> usize {
        self.image
    }

    /// The image's parameters, repeated over the columns of a group as far as the image has so many.
    #[inline(always)]
    pub(crate) fn parameters(&self) -> [&[f32]; N] {
        let channels = self.images.cut.channels;
        let mut result = self.parameters;
        for (result, repeated) in result.iter_mut().zip(&self.repeated) {
            *result = match self.columns == channels {
                true => &result[self.image * channels..][..channels],
                false => repeated,
            };
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_small_images_and_pieces_of_large_ones() {
        for [batch, pixels, channels] in
            [[1, 1, 1], [9000, 2, 3], [3, 100_000, 3], [2, 40, 900], [5000, 1, 200]]
        {
            let (images, image) = (Images::new(pixels, channels), pixels * channels);
            let parts = images.parts(batch * image);
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, batch * image));
            let one = |part: &Range<usize>| part.start / image == (part.end - 1) / image;
            assert!(parts.iter().all(|part| one(part) || part.len().is_multiple_of(image)));
            assert!(parts.len() <= batch * image / (PIECE / 2) + batch.min(2), "{} parts", parts.len());
            assert_eq!(batch > 1 && images.pieces_of_part() > 1, parts.iter().any(|part| !one(part)));
        }
    }

    #[test]
    fn parameters_are_those_of_the_image_over_no_more_columns_than_it_has() {
        // Images of two pixels, then of more than a group.
        for pixels in [1, 2, 100] {
            let images = Images::new(pixels, 3);
            let parameters: Vec<f32> = (0..12).map(|at| at as f32).collect();
            let mut walk = images.walk(3 * pixels, 9 * pixels, [&parameters]);
            for image in 1..4 {
                let range = walk.next().unwrap();
                assert_eq!((walk.image(), range), (image, (image - 1) * 3 * pixels..image * 3 * pixels));
                let [values] = walk.parameters();
                assert_eq!(values.len(), images.cut.group.min(3 * pixels));
                assert!(values.chunks(3).all(|row| row == &parameters[3 * image..][..3]));
            }
            assert_eq!(walk.next(), None);
        }
    }
}
