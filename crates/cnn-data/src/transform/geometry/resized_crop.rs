//! A part of random area and proportions at one size: torchvision's `RandomResizedCrop`, the augmentation that
//! Szegedy and others trained Inception with ("Going deeper with convolutions", CVPR 2015).

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::crop::{Rectangle, crop};
use crate::image::{Image, Size};
use crate::resize::{Resize, ResizeMode};
use crate::transform::arguments::{between, check_pair, check_size, setters};
use crate::transform::{Motion, Transform};
use crate::{Result, Sample};

/// How often a part is drawn before the middle is taken.
const ATTEMPTS: u64 = 10;

/// A part of the picture, stretched to a size.
///
/// # Errors
/// Those of [`crop`] and of [`Resize::resize`].
pub fn resized_crop(image: &Image, part: Rectangle, size: Size) -> Result<Image> {
    let resize = Resize::new(size, ResizeMode::Stretch);
    // The whole picture is no copy of itself.
    if part == Rectangle::new(0, 0, image.size()) {
        return resize.resize(image);
    }
    resize.resize(&crop(image, part)?)
}

/// Cuts out a part of random area, proportions and place, and stretches it to one size, antialiased.
///
/// Ten parts are drawn; where none fits into the picture, the largest part in its middle whose proportions are in
/// range is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// The size that results.
    pub size: Size,
    /// Least and greatest area of the part, as a share of the picture's.
    #[serde(default = "scale")]
    pub scale: [f32; 2],
    /// Least and greatest width over height of the part; drawn evenly in its logarithm.
    #[serde(default = "ratio")]
    pub ratio: [f32; 2],
}

fn scale() -> [f32; 2] {
    [0.08, 1.0]
}

fn ratio() -> [f32; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

impl RandomResizedCrop {
    /// Parts of 8 to 100 percent of the area, of proportions from 3:4 to 4:3.
    pub fn new(size: Size) -> Self {
        Self { size, scale: scale(), ratio: ratio() }
    }

    /// The part of a picture of a size that a key draws.
    pub fn draw(&self, size: Size, key: Key) -> Rectangle {
        let [height, width] = [size.height as f64, size.width as f64];
        let fits = |rows: f64, columns: f64| {
            (1.0..=height).contains(&rows).then_some(())?;
            (1.0..=width).contains(&columns).then_some(Size::new(rows as usize, columns as usize))
        };
        for attempt in 0..ATTEMPTS {
            let key = key.fold(attempt);
            let area = f64::from(between(key, 0, self.scale)) * height * width;
            let ratio = f64::from(between(key, 1, self.ratio.map(f32::ln))).exp();
            let sides = [(area / ratio).sqrt(), (area * ratio).sqrt()].map(f64::round_ties_even);
            if let Some(part) = fits(sides[0], sides[1]) {
                let place = |index: u64, free: usize| key.below(index, free as u64 + 1) as usize;
                let top = place(1, size.height - part.height);
                return Rectangle::new(top, place(2, size.width - part.width), part);
            }
        }
        self.fallback(size)
    }

    /// The largest part in the middle whose proportions are in range.
    fn fallback(&self, size: Size) -> Rectangle {
        let [height, width] = [size.height as f64, size.width as f64];
        let [least, most] = self.ratio.map(f64::from);
        let shorter = |side: f64, whole: usize| (side.round_ties_even() as usize).clamp(1, whole);
        let part = if width / height < least {
            Size::new(shorter(width / least, size.height), size.width)
        } else if width / height > most {
            Size::new(size.height, shorter(height * most, size.width))
        } else {
            size
        };
        Rectangle::new((size.height - part.height) / 2, (size.width - part.width) / 2, part)
    }
}

setters!(RandomResizedCrop {
    /// Least and greatest area of the part, as a share of the picture's.
    scale: [f32; 2],
    /// Least and greatest width over height of the part.
    ratio: [f32; 2],
});

impl Transform for RandomResizedCrop {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let part = self.draw(sample.image.size(), key);
        Ok(Sample { image: resized_crop(&sample.image, part, self.size)?, ..sample })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        let part = self.draw(size, key);
        let resize = Resize::new(self.size, ResizeMode::Stretch);
        Ok(part.window().motion().then(resize.motion(part.size, key)?))
    }

    fn check(&self) -> Result<()> {
        check_size("random-resized-crop: size", self.size)?;
        check_pair("random-resized-crop: scale", self.scale, 0.0..=1.0)?;
        check_pair("random-resized-crop: ratio", self.ratio, 0.01..=100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_their_ranges() {
        let transform = RandomResizedCrop::new(Size::new(8, 8)).scale([0.2, 0.5]);
        let size = Size::new(60, 80);
        for seed in 0..300 {
            let part = transform.draw(size, Key::new(seed));
            assert!(part.lies_in(size));
            let share = (part.size.height * part.size.width) as f32 / 4800.0;
            let ratio = part.size.width as f32 / part.size.height as f32;
            // A side is rounded by half a pixel at most.
            assert!((0.19..0.52).contains(&share) && (0.72..1.38).contains(&ratio), "{part:?}");
        }
    }

    #[test]
    fn where_nothing_fits_the_middle_is_taken() {
        // A part of the whole area with proportions from 3:4 to 4:3 does not fit into a strip.
        let transform = RandomResizedCrop::new(Size::new(8, 8)).scale([1.0, 1.0]);
        let drawn = |height, width| transform.draw(Size::new(height, width), Key::new(1));
        assert_eq!(drawn(9, 30), Rectangle::new(0, 9, Size::new(9, 12)));
        assert_eq!(drawn(40, 9), Rectangle::new(14, 0, Size::new(12, 9)));
        assert_eq!(drawn(1, 1), Rectangle::new(0, 0, Size::new(1, 1)));
        assert!(RandomResizedCrop::new(Size::new(0, 8)).check().is_err());
    }
}
