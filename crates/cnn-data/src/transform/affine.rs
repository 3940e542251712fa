//! Rotation, scale, shear and translation in one pass: torchvision's `RandomAffine`, with bilinear sampling.
//!
//! [`Affine`] is the map of points, so that boxes and points can move with the picture.
//! Coordinates are those of torchvision: x to the right, y down, the first pixel's centre at (0.5, 0.5), positive
//! angles clockwise as seen.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::warp::warp;
use super::{Transform, between, check_pair, check_range};
use crate::image::{Image, Size};
use crate::level::each_depth;
use crate::{Error, Result, Sample};

/// Most pixels of a picture that is moved: their places are counted in 32 bits.
const MOST_PIXELS: usize = 1 << 28;

/// A map of the plane: `(x, y)` to `(a x + b y + c, d x + e y + f)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// `[a, b, c]`: what gives x.
    pub x: [f32; 3],
    /// `[d, e, f]`: what gives y.
    pub y: [f32; 3],
}

impl Affine {
    /// The map that moves nothing.
    pub const IDENTITY: Self = Self { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, 0.0] };

    /// A turn about the origin by an angle in radians.
    pub fn rotation(angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { x: [cos, -sin, 0.0], y: [sin, cos, 0.0] }
    }

    /// Growth about the origin.
    pub fn scale(factor: f32) -> Self {
        Self { x: [factor, 0.0, 0.0], y: [0.0, factor, 0.0] }
    }

    /// A shear along x by one angle, then along y by another, in radians.
    pub fn shear(along_x: f32, along_y: f32) -> Self {
        let first = Self { x: [1.0, -along_x.tan(), 0.0], ..Self::IDENTITY };
        let second = Self { y: [-along_y.tan(), 1.0, 0.0], ..Self::IDENTITY };
        first.then(&second)
    }

    /// A shift.
    pub fn translation(x: f32, y: f32) -> Self {
        Self { x: [1.0, 0.0, x], y: [0.0, 1.0, y] }
    }

    /// This map, then another.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let row = |[p, q, r]: [f32; 3]| {
            let term = |column: usize| p * self.x[column] + q * self.y[column];
            [term(0), term(1), term(2) + r]
        };
        Self { x: row(next.x), y: row(next.y) }
    }

    /// This map about another fixed point than the origin.
    #[must_use]
    pub fn about(&self, [x, y]: [f32; 2]) -> Self {
        Self::translation(-x, -y).then(self).then(&Self::translation(x, y))
    }

    /// Where a point goes.
    pub fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.x, self.y].map(|[p, q, r]| p * x + q * y + r)
    }

    /// The map back; `None` where the plane is folded onto a line.
    pub fn inverse(&self) -> Option<Self> {
        let ([a, b, c], [d, e, f]) = (self.x, self.y);
        let determinant = a * e - b * d;
        if !determinant.is_normal() {
            return None;
        }
        let linear =
            Self { x: [e, -b, 0.0].map(|v| v / determinant), y: [-d, a, 0.0].map(|v| v / determinant) };
        Some(Self::translation(-c, -f).then(&linear))
    }

    /// The picture after every point of it moved; bilinear, `fill` (a share of white) where nothing came from.
    ///
    /// # Errors
    /// [`Error::Argument`] where the map has no way back; [`Error::Image`] over 2^28 pixels.
    pub fn apply(&self, image: &Image, fill: f32) -> Result<Image> {
        let Some(inverse) = self.inverse() else {
            return Err(Error::argument("affine map", self, "a map with an inverse"));
        };
        let (size, channels) = (image.size(), image.channels());
        if size.pixels().is_none_or(|pixels| pixels > MOST_PIXELS) {
            return Err(Error::image(
                "affine map",
                format!("a picture of {size} pixels, expected at most 2^28"),
            ));
        }
        Image::new(
            size,
            channels,
            each_depth!(image.pixels(), levels => warp(levels, size, channels, &inverse, fill)),
        )
    }
}

/// Rotates, scales, shears and shifts about the middle of the picture. What is left out changes nothing.
///
/// ```
/// use cnn_data::transform::RandomAffine;
/// let gentle = RandomAffine { rotation: 10.0, translation: [0.1, 0.1], ..RandomAffine::default() };
/// # assert_eq!(gentle.scale, [1.0, 1.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomAffine {
    /// Largest angle in degrees, either way.
    pub rotation: f32,
    /// Largest shift either way, as a share of the width and of the height.
    pub translation: [f32; 2],
    /// Least and greatest factor.
    pub scale: [f32; 2],
    /// Largest angle of shear along x and along y in degrees, either way.
    pub shear: [f32; 2],
    /// Level where nothing came from, as a share of white.
    pub fill: f32,
}

impl Default for RandomAffine {
    fn default() -> Self {
        Self { rotation: 0.0, translation: [0.0; 2], scale: [1.0; 2], shear: [0.0; 2], fill: 0.0 }
    }
}

impl RandomAffine {
    /// The map that a key draws for pictures of a size: scale, shear along x and y, rotation, translation.
    pub fn draw(&self, size: Size, key: Key) -> Affine {
        let either_way = |index: u64, most: f32| between(key, index, [-most, most]);
        let [width, height] = [size.width as f32, size.height as f32];
        let angle = either_way(0, self.rotation).to_radians();
        let [along_x, along_y] =
            [either_way(1, self.shear[0]), either_way(2, self.shear[1])].map(f32::to_radians);
        let shift = [either_way(4, self.translation[0]) * width, either_way(5, self.translation[1]) * height];
        Affine::scale(between(key, 3, self.scale))
            .then(&Affine::shear(along_x, along_y))
            .then(&Affine::rotation(angle))
            .about([width / 2.0, height / 2.0])
            .then(&Affine::translation(shift[0], shift[1]))
    }
}

impl Transform for RandomAffine {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let image = self.draw(sample.image.size(), key).apply(&sample.image, self.fill)?;
        Ok(Sample { image, ..sample })
    }

    fn check(&self) -> Result<()> {
        check_range("random-affine: rotation", self.rotation, 0.0..=180.0)?;
        for share in self.translation {
            check_range("random-affine: translation", share, 0.0..=1.0)?;
        }
        for angle in self.shear {
            check_range("random-affine: shear", angle, 0.0..=80.0)?;
        }
        check_pair("random-affine: scale", self.scale, 0.01..=100.0)?;
        check_range("random-affine: fill", self.fill, 0.0..=1.0)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;

    use super::*;
    use crate::Pixels;

    fn levels(image: &Image) -> &[u8] {
        match image.pixels() {
            Pixels::U8(levels) => levels,
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        }
    }

    fn close(a: [f32; 2], b: [f32; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-4 && (a[1] - b[1]).abs() < 1e-4
    }

    #[test]
    fn maps_compose_and_go_back() {
        let map =
            Affine::scale(2.0).then(&Affine::shear(0.3, -0.2)).then(&Affine::rotation(1.0)).about([3.0, 4.0]);
        let back = map.inverse().unwrap();
        assert!(close(back.point(map.point([1.0, 2.0])), [1.0, 2.0]));
        assert!(close(map.point([3.0, 4.0]), [3.0, 4.0]));
        assert!(close(Affine::rotation(PI / 2.0).point([1.0, 0.0]), [0.0, 1.0]));
        assert!(Affine::scale(0.0).inverse().is_none());
    }

    #[test]
    fn the_identity_changes_no_pixel() {
        let image = Image::from_u8(Size::new(3, 5), 2, (0..30).collect()).unwrap();
        assert_eq!(Affine::IDENTITY.apply(&image, 1.0).unwrap(), image);
    }

    #[test]
    fn a_quarter_turn_about_the_middle_moves_whole_pixels() {
        let image = Image::from_u8(Size::new(2, 2), 1, vec![1, 2, 3, 4]).unwrap();
        let turned = Affine::rotation(PI / 2.0).about([1.0, 1.0]).apply(&image, 0.0).unwrap();
        assert_eq!(levels(&turned), [3, 1, 4, 2]);
    }

    #[test]
    fn shifting_fills_what_comes_in_and_halves_are_blended() {
        let image = Image::from_u8(Size::new(1, 3), 1, vec![100, 200, 40]).unwrap();
        assert_eq!(levels(&Affine::translation(1.0, 0.0).apply(&image, 1.0).unwrap()), [255, 100, 200]);
        assert_eq!(levels(&Affine::translation(0.5, 0.0).apply(&image, 0.0).unwrap()), [50, 150, 120]);
        assert_eq!(levels(&Affine::translation(1e9, -1e9).apply(&image, 0.0).unwrap()), [0, 0, 0]);
    }

    #[test]
    fn draws_stay_within_their_ranges_and_differ_between_keys() {
        let transform = RandomAffine { translation: [0.25, 0.0], ..RandomAffine::default() };
        let shifts: Vec<f32> = (0..200)
            .map(|seed| transform.draw(Size::new(8, 8), Key::new(seed)).point([4.0, 4.0])[0] - 4.0)
            .collect();
        assert!(shifts.iter().all(|shift| shift.abs() <= 2.001));
        assert!(shifts.iter().any(|&shift| shift > 1.5) && shifts.iter().any(|&shift| shift < -1.5));
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        assert!(RandomAffine { rotation: f32::NAN, ..RandomAffine::default() }.check().is_err());
        assert!(RandomAffine { scale: [1.2, 0.8], ..RandomAffine::default() }.check().is_err());
        assert!(RandomAffine::default().check().is_ok());
    }
}
