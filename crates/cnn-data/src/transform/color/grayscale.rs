//! Channels of a picture: grey of a colour, and channels in another order. torchvision's `Grayscale`,
//! `RandomGrayscale` and `RandomChannelPermutation`, with its results for tensors of 8 bits.
//!
//! That grey is not Pillow's, which [`Image::with_channels`] computes: it takes the whole part of
//! `0.2989 R + 0.587 G + 0.114 B`, so that white becomes 254.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::levels::{check_channels, grey};
use crate::image::Image;
use crate::level::{Level, each_depth};
use crate::transform::Transform;
use crate::transform::arguments::check_range;
use crate::{Error, Result, Sample};

/// The grey of a picture, in one channel or three equal ones.
///
/// # Errors
/// [`Error::Image`] unless it has 1 or 3 channels; [`Error::Argument`] where another number is asked for.
pub fn rgb_to_grayscale(image: &Image, num_output_channels: usize) -> Result<Image> {
    check_channels("rgb_to_grayscale", image)?;
    check_output("rgb_to_grayscale: num_output_channels", num_output_channels)?;
    let single = match image.channels() {
        3 => {
            let pixels = each_depth!(image.pixels(), levels => greys(levels));
            Image::new(image.size(), 1, pixels)?
        }
        _ => image.clone(),
    };
    single.with_channels(num_output_channels)
}

fn greys<L: Level>(levels: &[L]) -> Vec<L> {
    levels.as_chunks::<3>().0.iter().map(|&colour| L::truncate(grey(colour))).collect()
}

fn check_output(name: &'static str, channels: usize) -> Result<()> {
    if channels == 1 || channels == 3 { Ok(()) } else { Err(Error::argument(name, channels, "1 or 3")) }
}

/// The picture whose channel `i` is channel `permutation[i]` of the given one.
///
/// # Errors
/// [`Error::Argument`] unless the permutation names each channel once.
pub fn permute_channels(image: &Image, permutation: &[usize]) -> Result<Image> {
    let channels = image.channels();
    let mut named = permutation.to_vec();
    named.sort_unstable();
    if named.len() != channels || named.iter().enumerate().any(|(place, &channel)| place != channel) {
        let expected = format!("each of 0 to {} once", channels - 1);
        return Err(Error::argument("permute_channels: permutation", permutation, expected));
    }
    let pixels = each_depth!(image.pixels(), levels => permuted(levels, permutation));
    Image::new(image.size(), channels, pixels)
}

fn permuted<L: Level>(levels: &[L], permutation: &[usize]) -> Vec<L> {
    let mut target = levels.to_vec();
    let channels = permutation.len();
    for (pixel, source) in target.chunks_exact_mut(channels).zip(levels.chunks_exact(channels)) {
        for (level, &channel) in pixel.iter_mut().zip(permutation) {
            *level = source[channel];
        }
    }
    target
}

/// Makes every picture grey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grayscale {
    /// 1, or 3 equal ones.
    pub num_output_channels: usize,
}

impl Default for Grayscale {
    fn default() -> Self {
        Self { num_output_channels: 1 }
    }
}

impl Grayscale {
    /// Grey pictures of 1 or 3 channels.
    pub fn new(num_output_channels: usize) -> Self {
        Self { num_output_channels }
    }
}

impl Transform for Grayscale {
    fn apply(&self, sample: Sample, _key: Key) -> Result<Sample> {
        Ok(Sample { image: rgb_to_grayscale(&sample.image, self.num_output_channels)?, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_output("grayscale: num_output_channels", self.num_output_channels)
    }
}

/// Makes a picture grey with a probability; the number of its channels stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomGrayscale {
    /// How probable it is.
    pub p: f32,
}

impl Default for RandomGrayscale {
    fn default() -> Self {
        Self { p: 0.1 }
    }
}

impl RandomGrayscale {
    /// Grey with a probability.
    pub fn new(p: f32) -> Self {
        Self { p }
    }
}

impl Transform for RandomGrayscale {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) >= self.p {
            return Ok(sample);
        }
        Ok(Sample { image: rgb_to_grayscale(&sample.image, sample.image.channels())?, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_range("random-grayscale: p", self.p, 0.0..=1.0)
    }
}

/// Puts the channels of each picture in a drawn order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomChannelPermutation {}

impl RandomChannelPermutation {
    /// All orders are equally likely.
    pub fn new() -> Self {
        Self {}
    }
}

impl Transform for RandomChannelPermutation {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let order = key.permutation(sample.image.channels());
        Ok(Sample { image: permute_channels(&sample.image, &order)?, ..sample })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Size, Target};

    fn colours() -> Image {
        Image::from_u8(Size::new(1, 2), 3, vec![255, 255, 255, 1, 2, 3]).unwrap()
    }

    #[test]
    fn grey_has_the_channels_that_are_asked_for() {
        assert_eq!(rgb_to_grayscale(&colours(), 1).unwrap().pixels(), &Pixels::U8(vec![254, 1]));
        assert_eq!(
            rgb_to_grayscale(&colours(), 3).unwrap().pixels(),
            &Pixels::U8(vec![254, 254, 254, 1, 1, 1])
        );
        let message = rgb_to_grayscale(&colours(), 2).unwrap_err().to_string();
        assert_eq!(message, "rgb_to_grayscale: num_output_channels is 2, expected 1 or 3");
        let sample = Sample::new(colours(), Target::Class(0));
        let kept = RandomGrayscale::new(1.0).apply(sample, Key::new(1)).unwrap();
        assert_eq!(kept.image.channels(), 3);
    }

    #[test]
    fn every_order_of_channels_comes_up() {
        let mut met: Vec<Vec<u8>> = (0..100)
            .map(|seed| {
                let sample = Sample::new(colours(), Target::Class(0));
                let image = RandomChannelPermutation::new().apply(sample, Key::new(seed)).unwrap().image;
                let Pixels::U8(levels) = image.pixels() else { panic!("8 bits") };
                levels[3..].to_vec()
            })
            .collect();
        met.sort_unstable();
        met.dedup();
        assert_eq!(met.len(), 6);
        assert!(
            permute_channels(&colours(), &[0, 0, 1]).is_err() && permute_channels(&colours(), &[0]).is_err()
        );
    }
}
