//! Operations on the scale of levels: invert, posterise, solarise, stretch the contrast, equalise the histogram.
//! torchvision's functions of the same names, with its results for tensors of 8 bits.

use super::levels::{check_channels, look_up, map_channels, map_levels};
use crate::image::Image;
use crate::level::{Level, each_depth};
use crate::{Error, Result};

/// The picture with white and black exchanged.
///
/// # Errors
/// None; it returns a result as the other functions of a picture do.
pub fn invert(image: &Image) -> Result<Image> {
    let pixels = each_depth!(image.pixels(), levels => map_levels(levels, inverted));
    Image::new(image.size(), image.channels(), pixels)
}

fn inverted<L: Level>(level: L) -> L {
    L::from_index(L::COUNT - 1 - level.to_index())
}

/// The picture with the highest `bits` of each level, the others 0.
///
/// # Errors
/// [`Error::Argument`] for more than 8 bits.
pub fn posterize(image: &Image, bits: u32) -> Result<Image> {
    check_bits("posterize: bits", bits)?;
    let pixels = each_depth!(image.pixels(), levels => map_levels(levels, |level| coarse(level, bits)));
    Image::new(image.size(), image.channels(), pixels)
}

fn coarse<L: Level>(level: L, bits: u32) -> L {
    let step = L::COUNT >> bits;
    L::from_index(level.to_index() / step * step)
}

/// An error for more than 8 bits.
pub(super) fn check_bits(name: &'static str, bits: u32) -> Result<()> {
    if bits <= 8 { Ok(()) } else { Err(Error::argument(name, bits, "0 to 8")) }
}

/// The picture with each level from `threshold` on inverted. The threshold is a level of 8 bits, 0 to 255, of which one
/// is 257 levels of 16 bits.
///
/// # Errors
/// [`Error::Argument`] where the threshold is over 255 or not a number.
pub fn solarize(image: &Image, threshold: f32) -> Result<Image> {
    check_threshold("solarize: threshold", threshold)?;
    let pixels = each_depth!(image.pixels(), levels => map_levels(levels, |level| burnt(level, threshold)));
    Image::new(image.size(), image.channels(), pixels)
}

fn burnt<L: Level>(level: L, threshold: f32) -> L {
    if level.to_f32() >= threshold * (L::WHITE / 255.0) { inverted(level) } else { level }
}

/// An error for a threshold over white.
pub(super) fn check_threshold(name: &'static str, threshold: f32) -> Result<()> {
    if threshold <= 255.0 { Ok(()) } else { Err(Error::argument(name, threshold, "a number up to 255")) }
}

/// The picture with each channel stretched, so that its lowest level is black and its highest white. A channel of one
/// level stays as it is.
///
/// # Errors
/// [`Error::Image`] unless it has 1 or 3 channels.
pub fn autocontrast(image: &Image) -> Result<Image> {
    check_channels("autocontrast", image)?;
    let channels = image.channels();
    let pixels = each_depth!(image.pixels(), levels => stretch(levels, channels));
    Image::new(image.size(), channels, pixels)
}

fn stretch<L: Level>(levels: &[L], channels: usize) -> Vec<L> {
    let mut range = vec![(L::from_index(usize::MAX), L::default()); channels];
    for pixel in levels.chunks_exact(channels) {
        for ((least, most), &level) in range.iter_mut().zip(pixel) {
            (*least, *most) = ((*least).min(level), (*most).max(level));
        }
    }
    let scales: Vec<(f32, f32)> = range
        .into_iter()
        .map(|(least, most)| match least == most {
            true => (0.0, 1.0),
            false => (least.to_f32(), (most.to_f32() - least.to_f32()) * (1.0 / L::WHITE)),
        })
        .collect();
    map_channels(levels, channels, |channel, level| {
        let (least, step) = scales[channel];
        L::truncate((level.to_f32() - least) / step)
    })
}

/// The picture with the histogram of each channel made even.
///
/// On 8 bits a level `k` becomes the whole part of `(below(k) + step / 2) / step`, where `below` counts the pixels of
/// lower levels and `step` is a 255th of all but those of the highest level met, in whole numbers: Pillow's rule. A
/// channel whose step is 0 stays as it is. On 16 bits, where few pictures have a step over 0, it is
/// `65535 below(k) / all but the highest`, to the nearest.
///
/// # Errors
/// None; it returns a result as the other functions of a picture do.
pub fn equalize(image: &Image) -> Result<Image> {
    let channels = image.channels();
    let pixels = each_depth!(image.pixels(), levels => even(levels, channels));
    Image::new(image.size(), channels, pixels)
}

fn even<L: Level>(levels: &[L], channels: usize) -> Vec<L> {
    let mut counts = vec![0usize; channels * L::COUNT];
    for pixel in levels.chunks_exact(channels) {
        for (level, counts) in pixel.iter().zip(counts.chunks_exact_mut(L::COUNT)) {
            counts[level.to_index()] += 1;
        }
    }
    let tables: Vec<L> = counts.chunks_exact(L::COUNT).flat_map(ranks).collect();
    look_up(levels, channels, &tables)
}

/// What each level of a channel becomes, from how often each is met.
fn ranks<L: Level>(counts: &[usize]) -> Vec<L> {
    let highest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
    let rest = counts[..highest].iter().sum::<usize>();
    let white = L::COUNT - 1;
    let step = rest / white;
    if rest == 0 || (L::COUNT == 256 && step == 0) {
        return (0..L::COUNT).map(L::from_index).collect();
    }
    let rank = |below: usize| match L::COUNT {
        256 => (below + step / 2) / step,
        _ => ((below as u128 * white as u128 + rest as u128 / 2) / rest as u128) as usize,
    };
    let mut below = 0;
    let level = |&count: &usize| {
        let level = L::from_index(rank(below));
        below += count;
        level
    };
    counts.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Size};

    fn line(levels: Vec<u16>) -> Image {
        Image::from_u16(Size::new(1, levels.len()), 1, levels).unwrap()
    }

    #[test]
    fn sixteen_bits_keep_their_own_scale() {
        let levels = |image: Result<Image>| image.unwrap().pixels().clone();
        let image = line(vec![0, 1000, 0x8080, u16::MAX]);
        assert_eq!(levels(invert(&image)), Pixels::U16(vec![u16::MAX, 64_535, 0x7f7f, 0]));
        assert_eq!(levels(posterize(&image, 1)), Pixels::U16(vec![0, 0, 0x8000, 0x8000]));
        assert_eq!(levels(posterize(&image, 0)), Pixels::U16(vec![0; 4]));
        assert_eq!(levels(solarize(&image, 128.0)), Pixels::U16(vec![0, 1000, 0x7f7f, 0]));
        assert_eq!(levels(autocontrast(&line(vec![10, 20, 30]))), Pixels::U16(vec![0, 32_767, u16::MAX]));
        assert_eq!(levels(equalize(&line(vec![10, 20, 30]))), Pixels::U16(vec![0, 32_768, u16::MAX]));
        assert_eq!(levels(equalize(&line(vec![7; 3]))), Pixels::U16(vec![7; 3]));
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        let image = line(vec![1]);
        assert_eq!(posterize(&image, 9).unwrap_err().to_string(), "posterize: bits is 9, expected 0 to 8");
        assert!(solarize(&image, 256.0).is_err() && solarize(&image, f32::NAN).is_err());
    }
}
