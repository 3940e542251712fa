//! Cutting a part out at a random place, after padding: torchvision's `RandomCrop`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::{Transform, check_range};
use crate::image::{Image, Size};
use crate::level::{Level, each_depth};
use crate::{Error, Result, Sample};

/// Most padding on each side.
const MOST_PADDING: usize = 4096;

/// Pads each side, then cuts out a part whose place is drawn; all places are equally likely.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomCrop {
    /// Size of the part; the picture's own where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Pixels added at each of the four sides.
    pub padding: usize,
    /// Level of the padding, as a share of white.
    pub fill: f32,
}

impl Transform for RandomCrop {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let image = &sample.image;
        let part = self.size.unwrap_or(image.size());
        let place = |index: u64, whole: usize, part: usize| {
            (whole + 2 * self.padding)
                .checked_sub(part)
                .map(|free| key.below(index, free as u64 + 1) as usize)
        };
        let (Some(top), Some(left)) =
            (place(0, image.height(), part.height), place(1, image.width(), part.width))
        else {
            let problem = format!(
                "a picture of {} pixels with {} of padding is smaller than the part of {part}: \
                 resize first, or pad more",
                image.size(),
                self.padding
            );
            return Err(Error::image("random-crop", problem));
        };
        let pixels = each_depth!(image.pixels(), levels => self.cut(levels, image, part, [top, left]));
        Ok(Sample { image: Image::new(part, image.channels(), pixels)?, ..sample })
    }

    fn check(&self) -> Result<()> {
        if self.padding > MOST_PADDING {
            return Err(Error::argument("random-crop: padding", self.padding, "0 to 4096 pixels"));
        }
        if self.size.is_some_and(|size| size.height == 0 || size.width == 0) {
            return Err(Error::argument("random-crop: size", self.size, "at least one pixel"));
        }
        check_range("random-crop: fill", self.fill, 0.0..=1.0)
    }
}

impl RandomCrop {
    /// The part whose first pixel is at `top, left` of the padded picture; the padding itself is never made.
    fn cut<L: Level>(&self, levels: &[L], image: &Image, part: Size, [top, left]: [usize; 2]) -> Vec<L> {
        let (channels, padding) = (image.channels(), self.padding);
        let mut target = vec![L::from_share(self.fill); part.height * part.width * channels];
        // Columns of the part that the picture covers, and where they lie in the picture.
        let first = padding.saturating_sub(left).min(part.width);
        let last = (padding + image.width()).saturating_sub(left).min(part.width).max(first);
        let from = (left + first).saturating_sub(padding);
        for (row, line) in target.chunks_exact_mut(part.width * channels).enumerate() {
            let Some(source) = (top + row).checked_sub(padding).filter(|&source| source < image.height())
            else {
                continue;
            };
            let start = (source * image.width() + from) * channels;
            let covered = &mut line[first * channels..last * channels];
            covered.copy_from_slice(&levels[start..start + covered.len()]);
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, Target};

    fn crop(transform: &RandomCrop, image: &Image, seed: u64) -> Result<Image> {
        Ok(transform.apply(Sample::new(image.clone(), Target::Class(0)), Key::new(seed))?.image)
    }

    #[test]
    fn every_place_of_the_padded_picture_comes_up_and_no_other() {
        let image = Image::from_u8(Size::new(1, 2), 1, vec![1, 2]).unwrap();
        let transform = RandomCrop { padding: 1, ..RandomCrop::default() };
        let mut met: Vec<Image> = (0..300).map(|seed| crop(&transform, &image, seed).unwrap()).collect();
        met.sort_by_key(|image| format!("{image:?}"));
        met.dedup();
        let levels: Vec<_> = met.iter().map(|image| image.pixels().clone()).collect();
        let expected = [[0, 0], [0, 1], [1, 2], [2, 0]].map(|levels| Pixels::U8(levels.to_vec()));
        assert_eq!(levels, expected);
    }

    #[test]
    fn a_part_without_padding_lies_inside() {
        let image = Image::from_u8(Size::new(4, 4), 1, (1..=16).collect()).unwrap();
        let transform = RandomCrop { size: Some(Size::new(2, 3)), ..RandomCrop::default() };
        for seed in 0..50 {
            let Pixels::U8(levels) = crop(&transform, &image, seed).unwrap().pixels().clone() else {
                panic!("8 bits")
            };
            let first = levels[0];
            assert_eq!(levels, [0, 1, 2, 4, 5, 6].map(|step| first + step));
        }
    }

    #[test]
    fn a_part_larger_than_the_picture_is_an_error() {
        let image = Image::from_u8(Size::new(2, 2), 1, vec![0; 4]).unwrap();
        let transform = RandomCrop { size: Some(Size::new(5, 2)), padding: 1, fill: 0.0 };
        let message = crop(&transform, &image, 1).unwrap_err().to_string();
        assert!(message.starts_with("random-crop: a picture of 2x2 pixels with 1 of padding"), "{message}");
    }
}
