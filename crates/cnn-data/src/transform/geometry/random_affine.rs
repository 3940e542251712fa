//! Rotation, scale, shear and translation about the middle in one pass: torchvision's `affine` and `RandomAffine`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::angles::{Angles, Shear};
use super::warp::{Interpolation, Sampling};
use crate::image::Size;
use crate::transform::arguments::{between, check_fill, check_pair, check_point, check_range, setters};
use crate::transform::{Affine, Motion, Transform};
use crate::{Result, Sample};

/// The parameters of torchvision's `affine`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffineParameters {
    /// Turn in degrees, clockwise as seen.
    pub angle: f32,
    /// Shift to the right and down, in pixels.
    pub translate: [f32; 2],
    /// Growth.
    pub scale: f32,
    /// Shear along x and along y in degrees.
    pub shear: [f32; 2],
}

impl Default for AffineParameters {
    fn default() -> Self {
        Self { angle: 0.0, translate: [0.0; 2], scale: 1.0, shear: [0.0; 2] }
    }
}

impl AffineParameters {
    /// The map: shear along x, then y, scale and rotation about a point, then translation.
    pub fn about(&self, center: [f32; 2]) -> Affine {
        Affine::shear(self.shear[0], self.shear[1])
            .then(&Affine::scale(self.scale))
            .then(&Affine::rotation(self.angle))
            .about(center)
            .then(&Affine::translation(self.translate[0], self.translate[1]))
    }
}

/// Rotates, scales, shears and shifts about the middle of the picture. What is left out changes nothing.
///
/// ```
/// use cnn_data::transform::{Interpolation, RandomAffine};
/// let gentle = RandomAffine::new(10.0).translate([0.1, 0.1]).interpolation(Interpolation::Bilinear);
/// # assert_eq!(gentle.scale, [1.0, 1.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomAffine {
    /// Angles in degrees, clockwise as seen; one number is either way.
    pub degrees: Angles,
    /// Largest shift either way, as a share of the width and of the height; whole pixels are drawn.
    #[serde(default)]
    pub translate: [f32; 2],
    /// Least and greatest factor.
    #[serde(default = "one")]
    pub scale: [f32; 2],
    /// Angles of shear in degrees: one number is either way along x, two are a range along x, four are ranges along x
    /// and along y.
    #[serde(default)]
    pub shear: Shear,
    /// How levels between pixels are made.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    #[serde(default)]
    pub fill: f32,
    /// The fixed point of rotation, scale and shear: x and y in pixels; the middle where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<[f32; 2]>,
}

fn one() -> [f32; 2] {
    [1.0; 2]
}

impl RandomAffine {
    /// Rotation by these angles in degrees, either way (`10.0`) or in a range (`[0.0, 90.0]`); each pixel takes the
    /// nearest level, black where nothing came from.
    pub fn new(degrees: impl Into<Angles>) -> Self {
        Self {
            degrees: degrees.into(),
            translate: [0.0; 2],
            scale: one(),
            shear: Shear::default(),
            interpolation: Interpolation::default(),
            fill: 0.0,
            center: None,
        }
    }

    /// Angles of shear in degrees: either way along x, or two along x, or four along x and along y.
    #[must_use]
    pub fn shear(self, shear: impl Into<Shear>) -> Self {
        Self { shear: shear.into(), ..self }
    }

    /// The fixed point: x and y in pixels.
    #[must_use]
    pub fn center(self, center: [f32; 2]) -> Self {
        Self { center: Some(center), ..self }
    }

    /// The map that a key draws for pictures of a size.
    pub fn draw(&self, size: Size, key: Key) -> Affine {
        let [width, height] = [size.width as f32, size.height as f32];
        let shift = |index: u64, most: f32| between(key, index, [-most, most]).round_ties_even();
        let parameters = AffineParameters {
            angle: between(key, 0, self.degrees.range()),
            translate: [shift(4, self.translate[0] * width), shift(5, self.translate[1] * height)],
            scale: between(key, 3, self.scale),
            shear: [between(key, 1, self.shear.x.range()), between(key, 2, self.shear.y.range())],
        };
        parameters.about(self.center.unwrap_or([width / 2.0, height / 2.0]))
    }
}

setters!(RandomAffine {
    /// Largest shift either way, as a share of the width and of the height.
    translate: [f32; 2],
    /// Least and greatest factor.
    scale: [f32; 2],
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

impl Transform for RandomAffine {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let size = sample.image.size();
        let sampling = Sampling { interpolation: self.interpolation, fill: self.fill };
        Ok(Sample { image: self.draw(size, key).apply(&sample.image, size, sampling)?, ..sample })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        Ok(Motion::affine(self.draw(size, key), size))
    }

    fn check(&self) -> Result<()> {
        self.degrees.check("random-affine: degrees", 360.0)?;
        for share in self.translate {
            check_range("random-affine: translate", share, 0.0..=1.0)?;
        }
        self.shear.x.check("random-affine: shear along x", 80.0)?;
        self.shear.y.check("random-affine: shear along y", 80.0)?;
        check_pair("random-affine: scale", self.scale, 0.01..=100.0)?;
        check_fill("random-affine: fill", self.fill)?;
        check_point("random-affine: center", self.center)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_ranges_and_differ_between_keys() {
        let transform = RandomAffine::new(0.0).translate([0.25, 0.0]);
        let shifts: Vec<f32> = (0..200)
            .map(|seed| transform.draw(Size::new(8, 8), Key::new(seed)).point([4.0, 4.0])[0] - 4.0)
            .collect();
        for step in -2..=2i8 {
            assert!(shifts.contains(&f32::from(step)), "whole pixels, {step} among them");
        }
        assert!(shifts.iter().all(|shift| shift.abs() <= 2.0));
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        assert!(RandomAffine::new(f32::NAN).check().is_err());
        assert!(RandomAffine::new(0.0).scale([1.2, 0.8]).check().is_err());
        assert!(RandomAffine::new(0.0).shear([5.0, 0.0]).check().is_err());
        assert!(RandomAffine::new(0.0).center([f32::INFINITY, 0.0]).check().is_err());
        assert!(RandomAffine::new(0.0).check().is_ok());
    }
}
