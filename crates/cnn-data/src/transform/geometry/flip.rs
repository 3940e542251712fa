//! Mirroring: torchvision's `RandomHorizontalFlip` and `RandomVerticalFlip`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use crate::image::{Image, Pixels, Size};
use crate::transform::arguments::check_probability;
use crate::transform::{Affine, Motion, Transform};
use crate::{Result, Sample};

/// The picture with left and right exchanged.
///
/// # Errors
/// None; it returns a result as the other functions of a picture do.
pub fn horizontal_flip(image: &Image) -> Result<Image> {
    let mut flipped = image.clone();
    flip_horizontally(&mut flipped);
    Ok(flipped)
}

fn flip_horizontally(image: &mut Image) {
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

/// The picture with top and bottom exchanged.
///
/// # Errors
/// None; it returns a result as the other functions of a picture do.
pub fn vertical_flip(image: &Image) -> Result<Image> {
    let mut flipped = image.clone();
    flip_vertically(&mut flipped);
    Ok(flipped)
}

fn flip_vertically(image: &mut Image) {
    fn mirror<L>(levels: &mut [L], height: usize, row: usize) {
        let (above, below) = levels.split_at_mut(height.div_ceil(2) * row);
        // Where the number of rows is odd, the middle one has no partner and stays.
        for (first, last) in above.chunks_exact_mut(row).zip(below.chunks_exact_mut(row).rev()) {
            first.swap_with_slice(last);
        }
    }
    let (height, row) = (image.height(), image.width() * image.channels());
    match image.pixels_mut() {
        Pixels::U8(levels) => mirror(levels, height, row),
        Pixels::U16(levels) => mirror(levels, height, row),
    }
}

/// Mirrors left and right with a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomHorizontalFlip {
    /// How probable the mirroring is.
    pub p: f32,
}

/// Mirrors top and bottom with a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomVerticalFlip {
    /// How probable the mirroring is.
    pub p: f32,
}

impl RandomHorizontalFlip {
    /// Mirroring with this probability; the default is 0.5.
    pub fn new(p: f32) -> Self {
        Self { p }
    }
}

impl RandomVerticalFlip {
    /// Mirroring with this probability; the default is 0.5.
    pub fn new(p: f32) -> Self {
        Self { p }
    }
}

impl Default for RandomHorizontalFlip {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl Default for RandomVerticalFlip {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl Transform for RandomHorizontalFlip {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) < self.p {
            flip_horizontally(&mut sample.image);
        }
        Ok(sample)
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        let mirrored = Affine { x: [-1.0, 0.0, size.width as f32], ..Affine::IDENTITY };
        Ok(if key.uniform(0) < self.p { Motion::affine(mirrored, size) } else { Motion::still(size) })
    }

    fn check(&self) -> Result<()> {
        check_probability("random-horizontal-flip: p", self.p)
    }
}

impl Transform for RandomVerticalFlip {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) < self.p {
            flip_vertically(&mut sample.image);
        }
        Ok(sample)
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        let mirrored = Affine { y: [0.0, -1.0, size.height as f32], ..Affine::IDENTITY };
        Ok(if key.uniform(0) < self.p { Motion::affine(mirrored, size) } else { Motion::still(size) })
    }

    fn check(&self) -> Result<()> {
        check_probability("random-vertical-flip: p", self.p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn mirroring_turns_columns_or_rows_and_keeps_channels() {
        let image = Image::from_u8(Size::new(2, 2), 3, (1..=12).collect()).unwrap();
        let across = horizontal_flip(&image).unwrap();
        assert_eq!(across.pixels(), &Pixels::U8(vec![4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]));
        let down = vertical_flip(&image).unwrap();
        assert_eq!(down.pixels(), &Pixels::U8(vec![7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]));
        let odd = Image::from_u16(Size::new(3, 1), 1, vec![1, 2, 3]).unwrap();
        assert_eq!(vertical_flip(&odd).unwrap().pixels(), &Pixels::U16(vec![3, 2, 1]));
    }

    #[test]
    fn what_is_certain_happens_and_what_is_impossible_does_not() {
        let image = Image::from_u8(Size::new(1, 2), 1, vec![1, 2]).unwrap();
        let sample = Sample::new(image.clone(), Target::Class(0));
        for seed in 0..20 {
            let flip = |p| RandomHorizontalFlip::new(p).apply(sample.clone(), Key::new(seed)).unwrap().image;
            assert_eq!(flip(1.0), horizontal_flip(&image).unwrap());
            assert_eq!(flip(0.0), image);
        }
        assert!(RandomVerticalFlip::new(1.5).check().is_err());
    }
}
