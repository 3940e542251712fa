//! A picture of the data set in the pixels of a report.

use cnn_data::{Image, Pixels};
use image::{Rgb, RgbImage};

/// An image as large as it fits on a square, in its proportions.
///
/// Enlarging by a whole factor keeps pixels square and sharp, which small digits need; anything else takes the mean over
/// what a pixel covers.
pub(crate) fn thumbnail(image: &Image, side: u32) -> RgbImage {
    let (width, height) = (image.width() as u32, image.height() as u32);
    let whole = (side / width.max(1)).min(side / height.max(1));
    let (shown_width, shown_height) = if whole >= 1 {
        (width * whole, height * whole)
    } else {
        let scale = f64::from(side) / f64::from(width.max(height));
        let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
        (scaled(width), scaled(height))
    };
    let range = |at: u32, shown: u32, length: u32| {
        let first = (u64::from(at) * u64::from(length) / u64::from(shown)) as u32;
        let last = (u64::from(at + 1) * u64::from(length)).div_ceil(u64::from(shown)) as u32;
        first..last.max(first + 1).min(length)
    };
    RgbImage::from_fn(shown_width, shown_height, |x, y| {
        Rgb(mean_colour(image, range(y, shown_height, height), range(x, shown_width, width)))
    })
}

/// An image pixel for pixel.
pub(crate) fn whole(image: &Image) -> RgbImage {
    RgbImage::from_fn(image.width() as u32, image.height() as u32, |x, y| {
        Rgb(mean_colour(image, y..y + 1, x..x + 1))
    })
}

/// The mean over a part of an image, grey where it has fewer than three channels.
fn mean_colour(image: &Image, rows: std::ops::Range<u32>, columns: std::ops::Range<u32>) -> [u8; 3] {
    let channels = image.channels();
    let count = rows.len() as u64 * columns.len() as u64;
    let mut sums = [0u64; 3];
    for y in rows {
        for x in columns.clone() {
            let at = (y as usize * image.width() + x as usize) * channels;
            for (part, sum) in sums.iter_mut().enumerate() {
                *sum += level(image, at + if channels >= 3 { part } else { 0 });
            }
        }
    }
    sums.map(|sum| (sum / count.max(1)) as u8)
}

/// A level of the image in 8 bits.
fn level(image: &Image, at: usize) -> u64 {
    match image.pixels() {
        Pixels::U8(levels) => levels.get(at).map_or(0, |&level| u64::from(level)),
        Pixels::U16(levels) => levels.get(at).map_or(0, |&level| u64::from(level >> 8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: usize, width: usize, levels: Vec<u8>) -> Image {
        Image::from_u8(cnn_data::Size::new(height, width), 1, levels).unwrap()
    }

    fn levels(picture: &RgbImage) -> Vec<u8> {
        picture.pixels().map(|pixel| pixel.0[0]).collect()
    }

    #[test]
    fn a_small_image_is_enlarged_by_a_whole_factor_and_stays_sharp() {
        let shown = thumbnail(&image(1, 2, vec![0, 255]), 7);
        assert_eq!((shown.width(), shown.height()), (6, 3));
        assert_eq!(levels(&shown)[..6], [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn a_large_image_is_averaged() {
        let large = image(2, 4, vec![0, 100, 7, 7, 100, 200, 7, 7]);
        assert_eq!(levels(&thumbnail(&large, 2)), [100, 7]);
        assert_eq!(whole(&large).dimensions(), (4, 2));
    }

    #[test]
    fn colours_stay_colours_and_two_channels_are_grey() {
        let colour = Image::from_u8(cnn_data::Size::new(1, 1), 3, vec![1, 2, 3]).unwrap();
        assert_eq!(whole(&colour).get_pixel(0, 0).0, [1, 2, 3]);
        let deep = Image::from_u16(cnn_data::Size::new(1, 1), 2, vec![0x0900, 0x0100]).unwrap();
        assert_eq!(whole(&deep).get_pixel(0, 0).0, [9; 3]);
    }
}
