//! Blanking a rectangle: random erasing, Zhong, Zheng, Kang, Li and Yang (AAAI 2020), as torchvision's
//! `RandomErasing` draws it.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::{Transform, between, check_pair, check_range};
use crate::image::{Image, Pixels};
use crate::level::Level;
use crate::{Result, Sample};

/// How often a rectangle is drawn before the picture is left as it is.
const ATTEMPTS: u64 = 10;

/// Blanks a rectangle with a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomErasing {
    /// How probable the blanking is.
    pub probability: f32,
    /// Least and greatest area, as a share of the picture's.
    pub area: [f32; 2],
    /// Least and greatest height over width; drawn evenly in its logarithm.
    pub aspect: [f32; 2],
    /// Level of the rectangle, as a share of white.
    pub fill: f32,
}

impl Default for RandomErasing {
    fn default() -> Self {
        Self { probability: 0.5, area: [0.02, 0.33], aspect: [0.3, 3.3], fill: 0.0 }
    }
}

impl Transform for RandomErasing {
    fn apply(&self, mut sample: Sample, key: Key) -> Result<Sample> {
        if key.uniform(0) < self.probability {
            self.erase(&mut sample.image, key);
        }
        Ok(sample)
    }

    fn check(&self) -> Result<()> {
        check_range("random-erasing: probability", self.probability, 0.0..=1.0)?;
        check_pair("random-erasing: area", self.area, 0.0..=1.0)?;
        check_pair("random-erasing: aspect", self.aspect, 0.01..=100.0)?;
        check_range("random-erasing: fill", self.fill, 0.0..=1.0)
    }
}

impl RandomErasing {
    /// Draws rectangles until one fits, then blanks it.
    fn erase(&self, image: &mut Image, key: Key) {
        let (height, width) = (image.height(), image.width());
        for attempt in 0..ATTEMPTS {
            let key = key.fold(attempt);
            let area = between(key, 0, self.area) * (height * width) as f32;
            let aspect = between(key, 1, self.aspect.map(f32::ln)).exp();
            let (rows, columns) =
                ((area * aspect).sqrt().round() as usize, (area / aspect).sqrt().round() as usize);
            if rows < height && columns < width {
                let top = key.below(1, (height - rows) as u64 + 1) as usize;
                let left = key.below(2, (width - columns) as u64 + 1) as usize;
                let channels = image.channels();
                let lines = Lines {
                    row: width * channels,
                    first: left * channels,
                    last: (left + columns) * channels,
                };
                match image.pixels_mut() {
                    Pixels::U8(levels) => lines.blank(levels, top, rows, self.fill),
                    Pixels::U16(levels) => lines.blank(levels, top, rows, self.fill),
                }
                return;
            }
        }
    }
}

/// Which levels of each row a rectangle covers.
struct Lines {
    row: usize,
    first: usize,
    last: usize,
}

impl Lines {
    fn blank<L: Level>(&self, levels: &mut [L], top: usize, rows: usize, fill: f32) {
        for line in levels.chunks_exact_mut(self.row).skip(top).take(rows) {
            line[self.first..self.last].fill(L::from_share(fill));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Size, Target};

    #[test]
    fn the_blank_is_a_rectangle_whose_area_is_in_its_range() {
        let transform = RandomErasing { probability: 1.0, area: [0.1, 0.2], ..RandomErasing::default() };
        for seed in 0..100 {
            let image = Image::from_u8(Size::new(20, 30), 1, vec![9; 600]).unwrap();
            let sample = transform.apply(Sample::new(image, Target::Class(0)), Key::new(seed)).unwrap();
            let Pixels::U8(levels) = sample.image.pixels() else { panic!("8 bits") };
            let blank: Vec<(usize, usize)> =
                (0..600).filter(|&at| levels[at] == 0).map(|at| (at / 30, at % 30)).collect();
            let span = |values: Vec<usize>| 1 + values.iter().max().unwrap() - values.iter().min().unwrap();
            let rows = span(blank.iter().map(|at| at.0).collect());
            let columns = span(blank.iter().map(|at| at.1).collect());
            assert_eq!(blank.len(), rows * columns);
            assert!((45..=140).contains(&blank.len()), "{} pixels", blank.len());
        }
    }
}
