//! The picture seen from another side: torchvision's `perspective` and `RandomPerspective`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::warp::{BLOCK, Interpolation, Map, Sampling, warped};
use crate::image::{Image, Size};
use crate::transform::arguments::{check_fill, check_probability, check_range, setters};
use crate::transform::{Motion, Transform};
use crate::{Error, Result, Sample};

/// How often corners are drawn before the picture is left as it is.
const ATTEMPTS: u64 = 10;

/// A map of the plane that keeps straight lines straight: rows of a matrix that takes `(x, y, 1)` to `(x w, y w, w)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perspective {
    /// The matrix by rows.
    pub rows: [[f64; 3]; 3],
}

impl Perspective {
    /// The map that takes four points to four others.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is none, as with three points on a line.
    pub fn between(start: [[f32; 2]; 4], end: [[f32; 2]; 4]) -> Result<Self> {
        // For each point two equations in the eight unknown numbers of the matrix, the ninth being 1.
        let mut equations = [[0.0; 9]; 8];
        for (pair, (start, end)) in equations.chunks_exact_mut(2).zip(start.iter().zip(&end)) {
            let ([x, y], [u, v]) = (start.map(f64::from), end.map(f64::from));
            pair[0] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            pair[1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        let found = solve(equations)
            .map(|[a, b, c, d, e, f, g, h]| Self { rows: [[a, b, c], [d, e, f], [g, h, 1.0]] });
        found.filter(|map| map.inverse().is_some()).ok_or_else(|| {
            let expected = "corners of which no three lie on a line";
            Error::argument("perspective: points", (start, end), expected)
        })
    }

    /// Where a point goes; not finite where there is no place for it.
    pub fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [x, y] = [f64::from(x), f64::from(y)];
        let [along, down, w] = self.rows.map(|[a, b, c]| a * x + b * y + c);
        [along / w, down / w].map(|v| v as f32)
    }

    /// The map back; `None` where the plane is folded onto a line.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, c], [d, e, f], [g, h, i]] = self.rows;
        let adjugate = [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ];
        let determinant = a * adjugate[0][0] + b * adjugate[1][0] + c * adjugate[2][0];
        // The terms that the determinant is the sum of: one that is only their rounding is none.
        let terms = [a * adjugate[0][0], b * adjugate[1][0], c * adjugate[2][0]].map(f64::abs);
        let whole = determinant.is_normal() && determinant.abs() > 1e-12 * (terms[0] + terms[1] + terms[2]);
        whole.then(|| Self { rows: adjugate.map(|row| row.map(|v| v / determinant)) })
    }

    /// A picture of size `to` of which every point came from where this map says it came.
    ///
    /// # Errors
    /// [`Error::Argument`] where the map has no way back; [`Error::Image`] over 2^28 pixels.
    pub fn apply(&self, image: &Image, to: Size, sampling: Sampling) -> Result<Image> {
        let Some(inverse) = self.inverse() else {
            return Err(Error::argument("perspective", self, "a map with an inverse"));
        };
        warped("perspective", image, to, &inverse, sampling)
    }
}

impl Map for Perspective {
    #[inline(always)]
    fn places(&self, row: usize, column: usize) -> [[f32; BLOCK]; 2] {
        let (first, y) = (column as f32 + 0.5, row as f64 + 0.5);
        let [x, y, w] = self.rows.map(|[p, q, r]| [p as f32, (q * y + r) as f32]);
        let along = |at: usize, [step, start]: [f32; 2]| step * (first + at as i32 as f32) + start;
        [x, y].map(|row| std::array::from_fn(|at| along(at, row) / along(at, w)))
    }
}

/// Gaussian elimination with the largest pivot of each column; `None` where a column has none.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let pivot = (column..8).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let chosen = rows[column];
        if !chosen[column].is_finite() || chosen[column].abs() <= 1e-9 {
            return None;
        }
        for row in (0..8).filter(|&row| row != column) {
            let factor = rows[row][column] / chosen[column];
            for (value, pivot) in rows[row].iter_mut().zip(&chosen) {
                *value -= factor * pivot;
            }
        }
    }
    Some(std::array::from_fn(|at| rows[at][8] / rows[at][at]))
}

/// Draws the four corners inwards, with a probability, and warps the picture to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomPerspective {
    /// How far corners may be drawn in: as a share of half the width and of half the height.
    pub distortion_scale: f32,
    /// How probable the warp is.
    pub p: f32,
    /// How levels between pixels are made.
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for RandomPerspective {
    fn default() -> Self {
        Self { distortion_scale: 0.5, p: 0.5, interpolation: Interpolation::Bilinear, fill: 0.0 }
    }
}

impl RandomPerspective {
    /// Corners are drawn in by as much as this share of half the picture, with a probability of 0.5; levels are blended.
    pub fn new(distortion_scale: f32) -> Self {
        Self { distortion_scale, ..Self::default() }
    }

    /// The map that a key draws for pictures of a size; none where the picture stays.
    ///
    /// Corners that bound no convex part, as a scale of 1 may draw, are drawn again, ten times at most. A picture of
    /// one row or column has no corners and stays.
    pub fn draw(&self, size: Size, key: Key) -> Option<Perspective> {
        if key.uniform(0) >= self.p || size.height < 2 || size.width < 2 {
            return None;
        }
        let bound = |side: usize| ((self.distortion_scale * (side / 2) as f32) as u64).saturating_add(1);
        let last = [size.width as f32 - 1.0, size.height as f32 - 1.0];
        let start = [[0.0, 0.0], [last[0], 0.0], last, [0.0, last[1]]];
        (1..=ATTEMPTS).find_map(|attempt| {
            let key = key.fold(attempt);
            let inwards = |index: u64, side: usize| key.below(index, bound(side)) as f32;
            let mut end = start;
            for (corner, index) in end.iter_mut().zip(0..) {
                let [x, y] = [inwards(2 * index, size.width), inwards(2 * index + 1, size.height)];
                *corner = [
                    if corner[0] == 0.0 { x } else { last[0] - x },
                    if corner[1] == 0.0 { y } else { last[1] - y },
                ];
            }
            is_convex(end).then(|| Perspective::between(start, end).ok())?
        })
    }
}

/// Whether a walk around four corners turns right at each.
fn is_convex(corners: [[f32; 2]; 4]) -> bool {
    (0..4).all(|at| {
        let [a, b, c] = [0, 1, 2].map(|step| corners[(at + step) % 4]);
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0.0
    })
}

setters!(RandomPerspective {
    /// How probable the warp is.
    p: f32,
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

impl Transform for RandomPerspective {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let size = sample.image.size();
        let sampling = Sampling { interpolation: self.interpolation, fill: self.fill };
        match self.draw(size, key) {
            Some(map) => Ok(Sample { image: map.apply(&sample.image, size, sampling)?, ..sample }),
            None => Ok(sample),
        }
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        Ok(match self.draw(size, key) {
            Some(map) => Motion::projective(map, size),
            None => Motion::still(size),
        })
    }

    fn check(&self) -> Result<()> {
        check_range("random-perspective: distortion_scale", self.distortion_scale, 0.0..=1.0)?;
        check_probability("random-perspective: p", self.p)?;
        check_fill("random-perspective: fill", self.fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [[f32; 2]; 4] = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]];

    #[test]
    fn corners_go_where_they_were_sent_and_back() {
        let end = [[1.0, 2.0], [8.0, 0.5], [7.0, 9.0], [0.0, 6.0]];
        let map = Perspective::between(SQUARE, end).unwrap();
        let back = map.inverse().unwrap();
        for (start, end) in SQUARE.iter().zip(&end) {
            for (met, expected) in [(map.point(*start), end), (back.point(*end), start)] {
                assert!(
                    (met[0] - expected[0]).abs() < 1e-4 && (met[1] - expected[1]).abs() < 1e-4,
                    "{met:?}"
                );
            }
        }
        let error = Perspective::between(SQUARE, [[1.0, 1.0]; 4]).unwrap_err().to_string();
        assert!(error.contains("no three lie on a line"), "{error}");
        assert!(Perspective::between(SQUARE, [[f32::NAN, 1.0]; 4]).is_err());
    }

    #[test]
    fn the_full_distortion_of_any_size_draws_maps_or_none() {
        let transform = RandomPerspective::new(1.0).p(1.0);
        for (height, width) in [(1, 1), (1, 9), (2, 2), (3, 4), (40, 30)] {
            let image = Image::from_u8(Size::new(height, width), 1, vec![7; height * width]).unwrap();
            for seed in 0..50 {
                let Some(map) = transform.draw(image.size(), Key::new(seed)) else { continue };
                let seen = map.apply(&image, image.size(), Sampling::bilinear()).unwrap();
                assert_eq!(seen.size(), image.size());
            }
        }
        assert!(transform.draw(Size::new(40, 30), Key::new(1)).is_some());
        assert!(RandomPerspective::new(1.5).check().is_err());
    }
}
