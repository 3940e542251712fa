//! Mirroring left and right: torchvision's `RandomHorizontalFlip`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::{Transform, check_range};
use crate::image::{Image, Pixels};
use crate::{Result, Sample};

/// Mirrors left and right with a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomHorizontalFlip {
    /// How probable the mirroring is.
    pub probability: f32,
}

impl Default for RandomHorizontalFlip {
    fn default() -> Self {
        Self { probability: 0.5 }
    }
}

impl Transform for RandomHorizontalFlip {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) < self.probability {
            mirror(&mut sample.image);
        }
        Ok(sample)
    }

    fn check(&self) -> Result<()> {
        check_range("random-horizontal-flip: probability", self.probability, 0.0..=1.0)
    }
}

fn mirror(image: &mut Image) {
    fn mirror<L>(levels: &mut [L], width: usize, channels: usize) {
        for line in levels.chunks_exact_mut(width * channels) {
            // Reversing the line reverses each pixel's channels too; reversing those again puts them right.
            line.reverse();
            line.chunks_exact_mut(channels).for_each(<[L]>::reverse);
        }
    }
    let (width, channels) = (image.width(), image.channels());
    match image.pixels_mut() {
        Pixels::U8(levels) => mirror(levels, width, channels),
        Pixels::U16(levels) => mirror(levels, width, channels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Size, Target};

    #[test]
    fn mirroring_turns_columns_and_keeps_channels() {
        let image = Image::from_u8(Size::new(2, 2), 3, (1..=12).collect()).unwrap();
        let flipped = RandomHorizontalFlip { probability: 1.0 };
        let sample = flipped.apply(Sample::new(image.clone(), Target::Class(0)), Key::new(1)).unwrap();
        assert_eq!(sample.image.pixels(), &Pixels::U8(vec![4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]));
        let never = RandomHorizontalFlip { probability: 0.0 };
        assert_eq!(
            never.apply(Sample::new(image.clone(), Target::Class(0)), Key::new(1)).unwrap().image,
            image
        );
    }
}
