//! Blanking squares of a grid: Chen, Liu, Zhao and Jia, "GridMask data augmentation" (2020). torchvision has no such
//! transform.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::crop::Rectangle;
use super::erase::erase;
use crate::image::{Image, Size};
use crate::transform::Transform;
use crate::transform::arguments::{between, check_fill, check_pair, check_probability, check_range, setters};
use crate::{Result, Sample};

/// A grid of squares that repeats without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Pixels from a square to the next, in both directions; 1 or more.
    pub unit: usize,
    /// Side of a square in pixels.
    pub square: usize,
    /// Row of the first square.
    pub top: usize,
    /// Column of the first square.
    pub left: usize,
}

impl Grid {
    /// The picture with the squares at one level, a share of white. Squares above and to the left of the first are part
    /// of the grid.
    #[must_use]
    pub fn erase(&self, mut image: Image, value: f32) -> Image {
        let unit = self.unit.max(1);
        let starts = |first: usize, length: usize| {
            // From the square that begins at the side or before it, as a start and a length that lie inside.
            let first = first % unit;
            let before = first.checked_sub(unit - self.square.min(unit)).filter(|&rest| rest > 0);
            let whole = (first..length).step_by(unit).map(|start| (start, self.square.min(unit)));
            before.map(|rest| (0, rest)).into_iter().chain(whole).collect::<Vec<_>>()
        };
        let size = image.size();
        for &(top, height) in &starts(self.top, size.height) {
            for &(left, width) in &starts(self.left, size.width) {
                image = erase(image, Rectangle::new(top, left, Size::new(height, width)), value);
            }
        }
        image
    }
}

/// Blanks the squares of a grid whose width and place are drawn, with a probability.
///
/// The grid is upright; the paper also turns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GridMask {
    /// How probable the blanking is.
    pub p: f32,
    /// Least and greatest distance from one square to the next, as a share of the picture's shorter side.
    pub unit: [f32; 2],
    /// Share of that distance that is kept between squares: of the area, 1 - (1 - ratio)^2 is kept.
    pub ratio: f32,
    /// Level of the squares, as a share of white.
    pub value: f32,
}

impl Default for GridMask {
    fn default() -> Self {
        // The paper's for pictures of 224 pixels: 96 to 224, with a ratio of 0.6.
        Self { p: 0.5, unit: [0.43, 1.0], ratio: 0.6, value: 0.0 }
    }
}

impl GridMask {
    /// Blanking with this probability, in a grid as the paper's for pictures of 224 pixels.
    pub fn new(p: f32) -> Self {
        Self { p, ..Self::default() }
    }

    /// The grid that a key draws for pictures of a size; none where the picture stays.
    pub fn draw(&self, size: Size, key: Key) -> Option<Grid> {
        if key.uniform(0) >= self.p {
            return None;
        }
        let shorter = size.height.min(size.width) as f32;
        let unit = ((between(key, 1, self.unit) * shorter).round() as usize).max(1);
        let square = ((1.0 - self.ratio) * unit as f32).round() as usize;
        let place = |index: u64| key.below(index, unit as u64) as usize;
        Some(Grid { unit, square, top: place(1), left: place(2) })
    }
}

setters!(GridMask {
    /// Least and greatest distance from one square to the next, as a share of the picture's shorter side.
    unit: [f32; 2],
    /// Share of that distance that is kept between squares.
    ratio: f32,
    /// Level of the squares, as a share of white.
    value: f32,
});

impl Transform for GridMask {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        match self.draw(sample.image.size(), key) {
            Some(grid) => Ok(Sample { image: grid.erase(sample.image, self.value), ..sample }),
            None => Ok(sample),
        }
    }

    fn check(&self) -> Result<()> {
        check_probability("grid-mask: p", self.p)?;
        check_pair("grid-mask: unit", self.unit, 0.01..=10.0)?;
        check_range("grid-mask: ratio", self.ratio, 0.0..=1.0)?;
        check_fill("grid-mask: value", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    #[test]
    fn squares_repeat_in_every_direction() {
        let image = Image::from_u8(Size::new(1, 8), 1, vec![1; 8]).unwrap();
        let levels = |left| {
            let grid = Grid { unit: 4, square: 3, top: 0, left };
            grid.erase(image.clone(), 0.0).pixels().clone()
        };
        assert_eq!(levels(0), Pixels::U8(vec![0, 0, 0, 1, 0, 0, 0, 1]));
        assert_eq!(levels(1), Pixels::U8(vec![1, 0, 0, 0, 1, 0, 0, 0]));
        assert_eq!(levels(3), Pixels::U8(vec![0, 0, 1, 0, 0, 0, 1, 0]));
        assert_eq!(levels(7), levels(3));
    }

    #[test]
    fn the_kept_share_is_the_papers() {
        let transform = GridMask::new(1.0).unit([0.1, 0.1]);
        let image = Image::from_u8(Size::new(100, 100), 1, vec![9; 10_000]).unwrap();
        for seed in 0..10 {
            let grid = transform.draw(image.size(), Key::new(seed)).unwrap();
            let Pixels::U8(levels) = grid.erase(image.clone(), 0.0).pixels().clone() else {
                panic!("8 bits")
            };
            assert_eq!(levels.iter().filter(|&&level| level == 9).count(), 8_400);
        }
        assert!(transform.draw(Size::new(1, 1), Key::new(1)).is_some());
        assert!(GridMask::new(0.5).ratio(1.5).check().is_err());
    }
}
