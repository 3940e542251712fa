//! Blanking a rectangle: random erasing, Zhong, Zheng, Kang, Li and Yang (AAAI 2020), as torchvision's
//! `RandomErasing` draws it.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::crop::Rectangle;
use crate::image::{Image, Pixels, Size};
use crate::level::Level;
use crate::transform::Transform;
use crate::transform::arguments::{between, check_fill, check_pair, check_probability, setters};
use crate::{Result, Sample};

/// How often a rectangle is drawn before the picture is left as it is.
const ATTEMPTS: u64 = 10;

/// The picture with a rectangle at one level, a share of white. What of the rectangle lies outside is no matter.
#[must_use]
pub fn erase(mut image: Image, part: Rectangle, value: f32) -> Image {
    fn blank<L: Level>(
        levels: &mut [L],
        row: usize,
        columns: std::ops::Range<usize>,
        part: Rectangle,
        value: f32,
    ) {
        for line in levels.chunks_exact_mut(row).skip(part.top).take(part.size.height) {
            line[columns.clone()].fill(L::from_share(value));
        }
    }
    let (width, channels) = (image.width(), image.channels());
    let end = part.left.saturating_add(part.size.width).min(width);
    let columns = part.left.min(end) * channels..end * channels;
    match image.pixels_mut() {
        Pixels::U8(levels) => blank(levels, width * channels, columns, part, value),
        Pixels::U16(levels) => blank(levels, width * channels, columns, part, value),
    }
    image
}

/// Blanks a rectangle with a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomErasing {
    /// How probable the blanking is.
    pub p: f32,
    /// Least and greatest area, as a share of the picture's.
    pub scale: [f32; 2],
    /// Least and greatest height over width; drawn evenly in its logarithm.
    pub ratio: [f32; 2],
    /// Level of the rectangle, as a share of white.
    pub value: f32,
}

impl Default for RandomErasing {
    fn default() -> Self {
        Self { p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0.0 }
    }
}

impl RandomErasing {
    /// Blanking with this probability, of 2 to 33 percent of the picture, with black.
    pub fn new(p: f32) -> Self {
        Self { p, ..Self::default() }
    }

    /// The rectangle that a key draws for pictures of a size; none where the picture stays, or where ten rectangles
    /// did not fit.
    pub fn draw(&self, size: Size, key: Key) -> Option<Rectangle> {
        if key.uniform(0) >= self.p {
            return None;
        }
        (0..ATTEMPTS).find_map(|attempt| {
            let key = key.fold(attempt);
            let area = f64::from(between(key, 0, self.scale)) * size.height as f64 * size.width as f64;
            let ratio = f64::from(between(key, 1, self.ratio.map(f32::ln))).exp();
            let side = |length: f64| length.sqrt().round_ties_even() as usize;
            let part = Size::new(side(area * ratio), side(area / ratio));
            (part.height < size.height && part.width < size.width).then(|| {
                let place = |index: u64, free: usize| key.below(index, free as u64 + 1) as usize;
                Rectangle::new(place(1, size.height - part.height), place(2, size.width - part.width), part)
            })
        })
    }
}

setters!(RandomErasing {
    /// Least and greatest area, as a share of the picture's.
    scale: [f32; 2],
    /// Least and greatest height over width.
    ratio: [f32; 2],
    /// Level of the rectangle, as a share of white.
    value: f32,
});

impl Transform for RandomErasing {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        match self.draw(sample.image.size(), key) {
            Some(part) => Ok(Sample { image: erase(sample.image, part, self.value), ..sample }),
            None => Ok(sample),
        }
    }

    fn check(&self) -> Result<()> {
        check_probability("random-erasing: p", self.p)?;
        check_pair("random-erasing: scale", self.scale, 0.0..=1.0)?;
        check_pair("random-erasing: ratio", self.ratio, 0.01..=100.0)?;
        check_fill("random-erasing: value", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn the_blank_is_a_rectangle_whose_area_is_in_its_range() {
        let transform = RandomErasing::new(1.0).scale([0.1, 0.2]);
        for seed in 0..100 {
            let image = Image::from_u8(Size::new(20, 30), 1, vec![9; 600]).unwrap();
            let part = transform.draw(image.size(), Key::new(seed)).unwrap();
            let sample = transform.apply(Sample::new(image, Target::Class(0)), Key::new(seed)).unwrap();
            let Pixels::U8(levels) = sample.image.pixels() else { panic!("8 bits") };
            let inside = |at: usize| {
                let (row, column) = (at / 30, at % 30);
                (part.top..part.top + part.size.height).contains(&row)
                    && (part.left..part.left + part.size.width).contains(&column)
            };
            assert!((0..600).all(|at| (levels[at] == 0) == inside(at)), "{part:?}");
            let blank = levels.iter().filter(|&&level| level == 0).count();
            assert!((45..=140).contains(&blank), "{blank} pixels");
        }
    }

    #[test]
    fn what_lies_outside_is_no_matter() {
        let image = Image::from_u16(Size::new(2, 2), 1, vec![1, 2, 3, 4]).unwrap();
        let erased = |top, left| {
            erase(image.clone(), Rectangle::new(top, left, Size::new(usize::MAX, usize::MAX)), 1.0)
                .pixels()
                .clone()
        };
        assert_eq!(erased(1, 1), Pixels::U16(vec![1, 2, 3, u16::MAX]));
        assert_eq!(erased(5, 0), Pixels::U16(vec![1, 2, 3, 4]));
        assert_eq!(erased(0, 5), Pixels::U16(vec![1, 2, 3, 4]));
    }
}
