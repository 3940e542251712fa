//! Brightness, contrast, saturation, gamma and sharpness of a picture by a given factor: torchvision's
//! `functional.adjust_*`, with the results that it has for tensors of 8 bits (Pillow's differ by a level).
//!
//! On 16 bits the same formulas run on 65,536 levels. Hue has a file of its own.

use super::levels::{blend, check_channels, check_factor, fused, grey, map_levels, shares};
use crate::Result;
use crate::image::{Image, Size};
use crate::level::{Level, each_depth};

/// The picture with each level multiplied by `factor`: 0 is black, 1 changes nothing.
///
/// # Errors
/// [`Error::Image`](crate::Error::Image) unless it has 1 or 3 channels; [`Error::Argument`](crate::Error::Argument)
/// where the factor is negative or not finite.
pub fn adjust_brightness(image: &Image, factor: f32) -> Result<Image> {
    check_channels("adjust_brightness", image)?;
    check_factor("adjust_brightness: factor", factor)?;
    let pixels = each_depth!(image.pixels(), levels => map_levels(levels, |level| bright(level, factor)));
    Image::new(image.size(), image.channels(), pixels)
}

fn bright<L: Level>(level: L, factor: f32) -> L {
    L::truncate(level.to_f32() * factor)
}

/// The picture blended with its mean grey: 0 is that grey, 1 changes nothing, more moves away from it.
///
/// # Errors
/// As [`adjust_brightness`].
pub fn adjust_contrast(image: &Image, factor: f32) -> Result<Image> {
    check_channels("adjust_contrast", image)?;
    check_factor("adjust_contrast: factor", factor)?;
    let channels = image.channels();
    let pixels = each_depth!(image.pixels(), levels => contrast(levels, channels, factor));
    Image::new(image.size(), channels, pixels)
}

fn contrast<L: Level>(levels: &[L], channels: usize, factor: f32) -> Vec<L> {
    let sum: u64 = match channels {
        3 => {
            levels.as_chunks::<3>().0.iter().map(|&colour| L::truncate(grey(colour)).to_index() as u64).sum()
        }
        _ => levels.iter().map(|level| level.to_index() as u64).sum(),
    };
    let mean = sum as f32 / (levels.len() / channels) as f32;
    let shares = shares(factor);
    map_levels(levels, |level| L::truncate(blend(level.to_f32(), mean, shares)))
}

/// The picture blended with its own grey: 0 is grey, 1 changes nothing. A grey picture stays as it is.
///
/// # Errors
/// As [`adjust_brightness`].
pub fn adjust_saturation(image: &Image, factor: f32) -> Result<Image> {
    check_channels("adjust_saturation", image)?;
    check_factor("adjust_saturation: factor", factor)?;
    if image.channels() == 1 {
        return Ok(image.clone());
    }
    let pixels = each_depth!(image.pixels(), levels => saturation(levels, factor));
    Image::new(image.size(), 3, pixels)
}

fn saturation<L: Level>(levels: &[L], factor: f32) -> Vec<L> {
    let shares = shares(factor);
    let mut target = levels.to_vec();
    for colour in target.as_chunks_mut::<3>().0 {
        // Its whole part, by way of a level: a conversion that is vector code.
        let grey = L::truncate(grey(*colour)).to_f32();
        *colour = colour.map(|level| L::truncate(blend(level.to_f32(), grey, shares)));
    }
    target
}

/// The picture with each level `l`, from 0 to 1, replaced by `gain * l^gamma`: a gamma over 1 makes shadows darker.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) where gamma or gain is negative or not finite.
pub fn adjust_gamma(image: &Image, gamma: f32, gain: f32) -> Result<Image> {
    check_factor("adjust_gamma: gamma", gamma)?;
    check_factor("adjust_gamma: gain", gain)?;
    let pixels = each_depth!(image.pixels(), levels => map_levels(levels, |level| curve(level, gamma, gain)));
    Image::new(image.size(), image.channels(), pixels)
}

fn curve<L: Level>(level: L, gamma: f32, gain: f32) -> L {
    let share = f64::from(level.to_f32() * (1.0 / L::WHITE));
    let curved = share.powf(f64::from(gamma)) as f32;
    from_unit(if gain == 1.0 { curved } else { (curved * gain).clamp(0.0, 1.0) })
}

/// The level of a share of white as torchvision has it: the whole part of just under one level more than white times
/// the share.
#[inline(always)]
pub(super) fn from_unit<L: Level>(share: f32) -> L {
    L::truncate(share * (L::WHITE + 1.0 - 1e-3))
}

/// The picture blended with a smoothed one: 0 is smoothed, 1 changes nothing, 2 is sharper. The rim stays as it is, and
/// so does a picture of fewer than three rows or columns.
///
/// Smoothed is the mean of 3 by 3 pixels, of which the middle one counts five times.
///
/// # Errors
/// As [`adjust_brightness`].
pub fn adjust_sharpness(image: &Image, factor: f32) -> Result<Image> {
    check_channels("adjust_sharpness", image)?;
    check_factor("adjust_sharpness: factor", factor)?;
    let (size, channels) = (image.size(), image.channels());
    let pixels = each_depth!(image.pixels(), levels => sharpness(levels, size, channels, factor));
    Image::new(size, channels, pixels)
}

fn sharpness<L: Level>(levels: &[L], size: Size, channels: usize, factor: f32) -> Vec<L> {
    let mut target = levels.to_vec();
    if size.height < 3 || size.width < 3 {
        return target;
    }
    let rest = shares(factor)[1];
    let row = size.width * channels;
    let inner = row - 2 * channels;
    let mut sums = vec![0.0f32; row];
    for middle in 1..size.height - 1 {
        let line = |row_number: usize| &levels[row_number * row..(row_number + 1) * row];
        let (above, here, below) = (line(middle - 1), line(middle), line(middle + 1));
        // Whole numbers below 2^24, so that the sums are exact in any order.
        for (sum, ((a, b), c)) in sums.iter_mut().zip(above.iter().zip(here).zip(below)) {
            *sum = a.to_f32() + b.to_f32() + c.to_f32();
        }
        let (left, centre, right) = (&sums[..inner], &sums[channels..], &sums[2 * channels..]);
        let start = middle * row + channels;
        let written = &mut target[start..start + inner];
        let neighbours = left.iter().zip(centre).zip(right).zip(&here[channels..]);
        for (level, (((left, centre), right), own)) in written.iter_mut().zip(neighbours) {
            let own = own.to_f32();
            let sum = left + centre + right + 4.0 * own;
            // A thirteenth of a whole number is never half way between two levels.
            let smooth = L::from_f32(sum / 13.0).to_f32();
            *level = L::truncate(fused(own, rest, smooth - own));
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn grey_image(levels: Vec<u8>) -> Image {
        Image::from_u8(Size::new(1, levels.len()), 1, levels).unwrap()
    }

    #[test]
    fn factors_of_one_change_nothing_on_either_depth() {
        let small = Image::from_u8(Size::new(4, 5), 3, (0..60).map(|at| at * 4).collect()).unwrap();
        let deep = Image::from_u16(Size::new(4, 5), 3, (0..60).map(|at| at * 1092).collect()).unwrap();
        for image in [small, deep] {
            for f in [adjust_brightness, adjust_contrast, adjust_saturation, adjust_sharpness] {
                assert_eq!(f(&image, 1.0).unwrap(), image);
            }
            assert_eq!(adjust_gamma(&image, 1.0, 1.0).unwrap(), image);
        }
    }

    #[test]
    fn levels_by_hand() {
        let image = grey_image(vec![10, 100, 250]);
        let levels = |image: Image| image.pixels().clone();
        assert_eq!(levels(adjust_brightness(&image, 1.5).unwrap()), Pixels::U8(vec![15, 150, 255]));
        // The mean is 120.
        assert_eq!(levels(adjust_contrast(&image, 0.5).unwrap()), Pixels::U8(vec![65, 110, 185]));
        assert_eq!(levels(adjust_gamma(&image, 0.0, 1.0).unwrap()), Pixels::U8(vec![255; 3]));
        let deep = Image::from_u16(Size::new(1, 2), 1, vec![100, 40_001]).unwrap();
        assert_eq!(levels(adjust_brightness(&deep, 2.0).unwrap()), Pixels::U16(vec![200, 65_535]));
    }

    #[test]
    fn sharpness_leaves_the_rim() {
        let mut levels = vec![0u8; 9];
        levels[4] = 130;
        let image = Image::from_u8(Size::new(3, 3), 1, levels).unwrap();
        let Pixels::U8(smooth) = adjust_sharpness(&image, 0.0).unwrap().pixels().clone() else { panic!() };
        assert_eq!(smooth, [0, 0, 0, 0, 50, 0, 0, 0, 0]);
    }

    #[test]
    fn factors_that_are_no_factors_and_channels_that_are_no_colours_are_refused() {
        let image = grey_image(vec![1]);
        for factor in [-0.1, f32::NAN, f32::INFINITY] {
            let message = adjust_contrast(&image, factor).unwrap_err().to_string();
            assert!(message.ends_with("expected a finite number, 0 or more"), "{message}");
        }
        let two = Image::from_u8(Size::new(1, 1), 2, vec![5, 9]).unwrap();
        assert_eq!(
            adjust_saturation(&two, 1.0).unwrap_err().to_string(),
            "adjust_saturation: a picture of 2 channels, expected 1 (grey) or 3 (red, green and blue)"
        );
    }
}
