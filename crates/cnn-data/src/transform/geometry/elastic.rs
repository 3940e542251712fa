//! Pixels moved by a smooth random field: torchvision's `elastic` and `ElasticTransform`, after Simard, Steinkraus and
//! Platt, "Best practices for convolutional neural networks applied to visual document analysis" (ICDAR 2003).

use cnn_tensor::random::{Key, unit};
use serde::{Deserialize, Serialize};

use super::warp::{BLOCK, Interpolation, Map, Sampling, warped};
use crate::image::{Image, Size};
use crate::transform::arguments::{check_fill, check_range, setters};
use crate::transform::{Motion, Transform};
use crate::{Error, Result, Sample};

/// Steps that look for the place which a displacement brings to a pixel.
const STEPS: usize = 10;

/// For each pixel of a picture how far from it its level comes, `[dx, dy]` in pixels.
///
/// torchvision counts displacements in halves of the picture: its numbers are these times two, over the width and over
/// the height.
#[derive(Debug, Clone, PartialEq)]
pub struct Displacement {
    size: Size,
    by: Vec<[f32; 2]>,
}

impl Displacement {
    /// A displacement of the pixels of a picture of a size, by rows.
    ///
    /// # Errors
    /// [`Error::Argument`] where there are no pixels, or another number of pairs.
    pub fn new(size: Size, by: Vec<[f32; 2]>) -> Result<Self> {
        if by.is_empty() || size.pixels() != Some(by.len()) {
            let expected = format!("one for each pixel of {size}");
            return Err(Error::argument("number of displacements", by.len(), expected));
        }
        Ok(Self { size, by })
    }

    /// The picture whose every pixel comes from where it is displaced to.
    ///
    /// # Errors
    /// [`Error::Image`] where the picture is of another size, or over 2^28 pixels.
    pub fn apply(&self, image: &Image, sampling: Sampling) -> Result<Image> {
        if image.size() != self.size {
            let problem = format!("a picture of {} pixels, expected {}", image.size(), self.size);
            return Err(Error::image("elastic", problem));
        }
        warped("elastic", image, self.size, self, sampling)
    }

    /// Where points go. A point goes to the place whose displacement leads back to it; that is found by going back
    /// and forth, which comes to rest where the field stretches nothing to twice its length.
    pub fn motion(&self) -> Motion {
        let width = self.size.width;
        let back = (0..self.by.len()).map(|at| {
            let start = [(at % width) as f32, (at / width) as f32];
            let mut moved = [0.0; 2];
            for _ in 0..STEPS {
                moved = self.at([start[0] + moved[0], start[1] + moved[1]]).map(|v| -v);
            }
            moved
        });
        Motion::displaced(self.size, back.collect())
    }

    /// The displacement between pixels, by their indices; bilinear, and that of the rim outside.
    fn at(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let place = |v: f32, side: usize| {
            let v = v.max(0.0).min((side - 1) as f32);
            let first = v as usize;
            (first, (first + 1).min(side - 1), v - first as f32)
        };
        let (left, right, across) = place(x, self.size.width);
        let (above, below, down) = place(y, self.size.height);
        let by = |row: usize, column: usize| self.by[row * self.size.width + column];
        std::array::from_fn(|part| {
            let mix = |row: usize| {
                let [left, right] = [by(row, left)[part], by(row, right)[part]];
                left + (right - left) * across
            };
            let [above, below] = [mix(above), mix(below)];
            above + (below - above) * down
        })
    }
}

impl Map for Displacement {
    #[inline(always)]
    fn places(&self, row: usize, column: usize) -> [[f32; BLOCK]; 2] {
        let mut places = [[0.0; BLOCK]; 2];
        let line = &self.by[row * self.size.width..(row + 1) * self.size.width];
        let y = row as f32 + 0.5;
        for (at, by) in line[column..].iter().take(BLOCK).enumerate() {
            places[0][at] = (column + at) as f32 + 0.5 + by[0];
            places[1][at] = y + by[1];
        }
        places
    }
}

/// Moves every pixel by a field of noise that is smoothed.
///
/// As in torchvision, noise from -1 to 1 is smoothed by a Gaussian and scaled by `alpha` in half pixels. Where the
/// smoothing is wider than the picture, reflection goes on; torchvision refuses such pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticTransform {
    /// Strength.
    pub alpha: f32,
    /// Standard deviation of the smoothing, in pixels; 0 for none.
    pub sigma: f32,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for ElasticTransform {
    fn default() -> Self {
        Self { alpha: 50.0, sigma: 5.0, interpolation: Interpolation::Bilinear, fill: 0.0 }
    }
}

impl ElasticTransform {
    /// A field of this strength and smoothness; torchvision's defaults are 50 and 5.
    pub fn new(alpha: f32, sigma: f32) -> Self {
        Self { alpha, sigma, ..Self::default() }
    }

    /// The displacement that a key draws for pictures of a size.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size without pixels, and for a strength or a smoothness out of range.
    pub fn draw(&self, size: Size, key: Key) -> Result<Displacement> {
        self.check()?;
        let count = size.pixels().unwrap_or(0);
        let mut fields = [Vec::with_capacity(count), Vec::with_capacity(count)];
        for block in 0..count.div_ceil(2) as u64 {
            let [a, b, c, d] = key.block(block).map(|word| 2.0 * unit(word) - 1.0);
            fields[0].extend([a, c]);
            fields[1].extend([b, d]);
        }
        let [across, down] = fields.map(|mut field| {
            // A pixel too many where their number is odd.
            field.truncate(count);
            smooth(&mut field, size, self.sigma);
            field
        });
        let scale = self.alpha / 2.0;
        Displacement::new(size, across.iter().zip(&down).map(|(dx, dy)| [dx * scale, dy * scale]).collect())
    }
}

/// Smooths a field by a Gaussian that reaches four standard deviations, as torchvision cuts it, reflected at the sides.
fn smooth(field: &mut [f32], size: Size, sigma: f32) {
    if sigma <= 0.0 || field.is_empty() {
        return;
    }
    // An odd number of at least 8 sigma + 1 weights.
    let reach = ((8.0 * sigma + 1.0) as usize) / 2;
    let weight = |at: usize| (-0.5 * ((at as f32 - reach as f32) / sigma).powi(2)).exp();
    let weights: Vec<f32> = (0..=2 * reach).map(weight).collect();
    let total: f32 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|weight| weight / total).collect();
    let reflected = |at: usize, length: usize| {
        let period = (2 * (length - 1)).max(1);
        // `reach` more than the place, made positive by whole periods.
        let at = (at + reach * (period - 1)) % period;
        at.min(period - at)
    };
    let mut wide = vec![0.0; size.width + 2 * reach];
    for line in field.chunks_exact_mut(size.width) {
        for (at, value) in wide.iter_mut().enumerate() {
            *value = line[reflected(at, size.width)];
        }
        add_weighted(line, &weights, |tap| &wide[tap..tap + size.width]);
    }
    let source = field.to_vec();
    for (row, line) in field.chunks_exact_mut(size.width).enumerate() {
        add_weighted(line, &weights, |tap| {
            &source[reflected(row + tap, size.height) * size.width..][..size.width]
        });
    }
}

/// A line as the weighted sum of others.
fn add_weighted<'a>(line: &mut [f32], weights: &[f32], other: impl Fn(usize) -> &'a [f32]) {
    line.fill(0.0);
    for (tap, &weight) in weights.iter().enumerate() {
        for (sum, value) in line.iter_mut().zip(other(tap)) {
            *sum += weight * value;
        }
    }
}

setters!(ElasticTransform {
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

impl Transform for ElasticTransform {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let sampling = Sampling { interpolation: self.interpolation, fill: self.fill };
        let image = self.draw(sample.image.size(), key)?.apply(&sample.image, sampling)?;
        Ok(Sample { image, ..sample })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        Ok(self.draw(size, key)?.motion())
    }

    fn check(&self) -> Result<()> {
        check_range("elastic-transform: alpha", self.alpha, 0.0..=1e4)?;
        check_range("elastic-transform: sigma", self.sigma, 0.0..=100.0)?;
        check_fill("elastic-transform: fill", self.fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    #[test]
    fn levels_come_from_where_pixels_are_displaced_to() {
        let image = Image::from_u8(Size::new(1, 3), 1, vec![10, 20, 30]).unwrap();
        let by = Displacement::new(Size::new(1, 3), vec![[1.0, 0.0], [0.5, 0.0], [0.0, 1.0]]).unwrap();
        let moved = by.apply(&image, Sampling::bilinear().fill(1.0)).unwrap();
        assert_eq!(moved.pixels(), &Pixels::U8(vec![20, 25, 255]));
        assert!(Displacement::new(Size::new(1, 3), vec![[0.0; 2]; 2]).is_err());
        let other = Image::from_u8(Size::new(3, 1), 1, vec![10, 20, 30]).unwrap();
        assert!(by.apply(&other, Sampling::nearest()).unwrap_err().to_string().contains("expected 1x3"));
    }

    #[test]
    fn smoothing_keeps_a_level_field_and_reflects_at_the_sides() {
        for (height, width) in [(1, 1), (2, 3), (30, 50)] {
            let mut field = vec![3.0; height * width];
            smooth(&mut field, Size::new(height, width), 2.0);
            assert!(field.iter().all(|v| (v - 3.0).abs() < 1e-5), "{height}x{width}");
        }
        // A sigma of 0.25 has three weights: w, 1, w over their sum.
        let mut field = vec![1.0, 0.0, 0.0, 2.0];
        smooth(&mut field, Size::new(1, 4), 0.25);
        let w = (-8.0f32).exp();
        let expected = [1.0, w, 2.0 * w, 2.0].map(|v| v / (1.0 + 2.0 * w));
        for (met, expected) in field.iter().zip(expected) {
            assert!((met - expected).abs() < 1e-6, "{field:?}");
        }
    }

    #[test]
    fn the_default_field_moves_pixels_by_a_few_and_neighbours_alike() {
        let size = Size::new(64, 96);
        let field = ElasticTransform::default().draw(size, Key::new(3)).unwrap();
        let most = field.by.iter().flatten().fold(0.0f32, |most, v| most.max(v.abs()));
        assert!((0.5..10.0).contains(&most), "{most}");
        for pair in field.by[..size.width].windows(2) {
            assert!((pair[0][0] - pair[1][0]).abs() < 0.5);
        }
        assert!(ElasticTransform::new(-1.0, 5.0).check().is_err());
    }
}
