//! Rotation about the middle: torchvision's `rotate` and `RandomRotation`.

use cnn_tensor::random::Key;
use serde::{Deserialize, Serialize};

use super::angles::Angles;
use super::warp::{Interpolation, Sampling};
use crate::image::Size;
use crate::transform::arguments::{between, check_fill, check_point, setters};
use crate::transform::{Affine, Motion, Transform};
use crate::{Error, Result, Sample};

/// A turn about the middle of a picture of a size by an angle in degrees, counter-clockwise as seen, into a picture that
/// has room for all of it: the map, and the size of that picture.
pub fn expanded_rotation(size: Size, degrees: f32) -> (Affine, Size) {
    let turn = Affine::rotation(-degrees);
    let half = [size.width as f64 / 2.0, size.height as f64 / 2.0];
    let side = |[p, q, _]: [f32; 3], half_side: f64| {
        let reach = f64::from(p.abs()) * half[0] + f64::from(q.abs()) * half[1];
        if p == 0.0 || q == 0.0 {
            // A quarter turn exchanges height and width or leaves them.
            return 2.0 * reach;
        }
        // What the sine of a right angle lacks by rounding makes no row or column.
        let cut = |v: f64| (v * 1e4).trunc() / 1e4;
        cut(reach + half_side).ceil() - cut(half_side - reach).floor()
    };
    let to = Size::new(side(turn.y, half[1]) as usize, side(turn.x, half[0]) as usize);
    let map = Affine::translation(-half[0] as f32, -half[1] as f32)
        .then(&turn)
        .then(&Affine::translation(to.width as f32 / 2.0, to.height as f32 / 2.0));
    (map, to)
}

/// Rotates about the middle of the picture.
///
/// ```
/// use cnn_data::transform::{Interpolation, RandomRotation};
/// let upright = RandomRotation::new(10.0).interpolation(Interpolation::Bilinear).fill(0.5);
/// let any = RandomRotation::new([0.0, 360.0]).expand();
/// # assert!(any.expand);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomRotation {
    /// Angles in degrees, counter-clockwise as seen; one number is either way.
    pub degrees: Angles,
    /// How levels between pixels are made.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Whether the picture grows until all of the old one is in it; otherwise its size stays.
    #[serde(default)]
    pub expand: bool,
    /// The fixed point: x and y in pixels; the middle where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<[f32; 2]>,
    /// Level where nothing came from, as a share of white.
    #[serde(default)]
    pub fill: f32,
}

impl RandomRotation {
    /// Rotation by these angles in degrees, either way (`10.0`) or in a range (`[0.0, 90.0]`); each pixel takes the
    /// nearest level, black where nothing came from.
    pub fn new(degrees: impl Into<Angles>) -> Self {
        Self {
            degrees: degrees.into(),
            interpolation: Interpolation::default(),
            expand: false,
            center: None,
            fill: 0.0,
        }
    }

    /// The picture grows until all of the old one is in it.
    #[must_use]
    pub fn expand(self) -> Self {
        Self { expand: true, ..self }
    }

    /// The fixed point: x and y in pixels.
    #[must_use]
    pub fn center(self, center: [f32; 2]) -> Self {
        Self { center: Some(center), ..self }
    }

    /// The map that a key draws for pictures of a size, and the size of the picture that results.
    pub fn draw(&self, size: Size, key: Key) -> (Affine, Size) {
        let angle = between(key, 0, self.degrees.range());
        if self.expand {
            return expanded_rotation(size, angle);
        }
        let middle = [size.width as f32 / 2.0, size.height as f32 / 2.0];
        (Affine::rotation(-angle).about(self.center.unwrap_or(middle)), size)
    }
}

setters!(RandomRotation {
    /// How levels between pixels are made.
    interpolation: Interpolation,
    /// Level where nothing came from, as a share of white.
    fill: f32,
});

impl Transform for RandomRotation {
    fn apply(&self, sample: Sample, key: Key) -> Result<Sample> {
        let (map, to) = self.draw(sample.image.size(), key);
        let sampling = Sampling { interpolation: self.interpolation, fill: self.fill };
        Ok(Sample { image: map.apply(&sample.image, to, sampling)?, ..sample })
    }

    fn motion(&self, size: Size, key: Key) -> Result<Motion> {
        let (map, to) = self.draw(size, key);
        Ok(Motion::affine(map, to))
    }

    fn check(&self) -> Result<()> {
        self.degrees.check("random-rotation: degrees", 360.0)?;
        check_fill("random-rotation: fill", self.fill)?;
        check_point("random-rotation: center", self.center)?;
        if self.expand && self.center.is_some() {
            let expected = "none where the picture expands, which turns about its middle";
            return Err(Error::argument("random-rotation: center", self.center, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, Pixels, Target};

    #[test]
    fn a_quarter_turn_that_expands_moves_whole_pixels_counter_clockwise() {
        let image = Image::from_u8(Size::new(2, 3), 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let turn = RandomRotation::new([90.0, 90.0]).expand();
        let turned = turn.apply(Sample::new(image, Target::Class(0)), Key::new(1)).unwrap().image;
        assert_eq!(turned.size(), Size::new(3, 2));
        assert_eq!(turned.pixels(), &Pixels::U8(vec![3, 6, 2, 5, 1, 4]));
    }

    #[test]
    fn a_picture_that_expands_has_room_for_every_corner() {
        for degrees in 0..360u16 {
            let size = Size::new(7, 12);
            let (map, to) = expanded_rotation(size, f32::from(degrees));
            for corner in [[0.0, 0.0], [12.0, 0.0], [0.0, 7.0], [12.0, 7.0]] {
                let [x, y] = map.point(corner);
                assert!((-1e-3..=to.width as f32 + 1e-3).contains(&x), "{degrees}: {x}");
                assert!((-1e-3..=to.height as f32 + 1e-3).contains(&y), "{degrees}: {y}");
            }
        }
        assert_eq!(expanded_rotation(Size::new(1, 1), 45.0).1, Size::new(3, 3));
        assert!(RandomRotation::new(5.0).expand().center([0.0, 0.0]).check().is_err());
    }
}
