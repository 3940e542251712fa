//! [`Affine`]: the maps of the plane that keep straight lines parallel, of points and of pictures.
//!
//! Coordinates are those of torchvision: x to the right, y down, the first pixel's centre at (0.5, 0.5), positive
//! angles clockwise as seen.

use super::warp::{BLOCK, Map, Sampling, warped};
use crate::image::{Image, Size};
use crate::{Error, Result};

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

    /// A turn about the origin by an angle in degrees; quarter turns are exact.
    pub fn rotation(degrees: f32) -> Self {
        let turn = degrees.rem_euclid(360.0);
        let quarters = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]];
        let [sin, cos] = match quarters.iter().zip(0u8..).find(|(_, at)| turn == f32::from(*at) * 90.0) {
            Some((&exact, _)) => exact,
            None => [f64::from(turn).to_radians().sin() as f32, f64::from(turn).to_radians().cos() as f32],
        };
        Self { x: [cos, -sin, 0.0], y: [sin, cos, 0.0] }
    }

    /// Growth about the origin.
    pub fn scale(factor: f32) -> Self {
        Self::stretch(factor, factor)
    }

    /// Growth about the origin by a factor along x and another along y.
    pub fn stretch(x: f32, y: f32) -> Self {
        Self { x: [x, 0.0, 0.0], y: [0.0, y, 0.0] }
    }

    /// A shear along x by one angle, then along y by another, in degrees.
    pub fn shear(along_x: f32, along_y: f32) -> Self {
        let [along_x, along_y] = [along_x, along_y].map(f32::to_radians);
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

    /// A picture of size `to` of which every point came from where this map says it came.
    ///
    /// # Errors
    /// [`Error::Argument`] where the map has no way back; [`Error::Image`] over 2^28 pixels.
    pub fn apply(&self, image: &Image, to: Size, sampling: Sampling) -> Result<Image> {
        let Some(inverse) = self.inverse() else {
            return Err(Error::argument("affine map", self, "a map with an inverse"));
        };
        warped("affine map", image, to, &inverse, sampling)
    }
}

impl Map for Affine {
    #[inline(always)]
    fn places(&self, row: usize, column: usize) -> [[f32; BLOCK]; 2] {
        let (first, y) = (column as f32 + 0.5, row as f32 + 0.5);
        [self.x, self.y].map(|[p, q, r]| {
            let start = q * y + r;
            std::array::from_fn(|at| p * (first + at as i32 as f32) + start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn levels(image: &Image) -> &[u8] {
        match image.pixels() {
            Pixels::U8(levels) => levels,
            Pixels::U16(_) => panic!("8 bits stay 8 bits"),
        }
    }

    fn moved(map: Affine, image: &Image, fill: f32) -> Image {
        map.apply(image, image.size(), Sampling::bilinear().fill(fill)).unwrap()
    }

    fn close(a: [f32; 2], b: [f32; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-4 && (a[1] - b[1]).abs() < 1e-4
    }

    #[test]
    fn maps_compose_and_go_back() {
        let map = Affine::scale(2.0)
            .then(&Affine::shear(17.0, -11.0))
            .then(&Affine::rotation(57.0))
            .about([3.0, 4.0]);
        let back = map.inverse().unwrap();
        assert!(close(back.point(map.point([1.0, 2.0])), [1.0, 2.0]));
        assert!(close(map.point([3.0, 4.0]), [3.0, 4.0]));
        assert_eq!(Affine::rotation(90.0).point([1.0, 0.0]), [0.0, 1.0]);
        assert_eq!(Affine::rotation(-90.0), Affine::rotation(270.0));
        assert!(Affine::scale(0.0).inverse().is_none());
    }

    #[test]
    fn the_identity_changes_no_pixel() {
        let image = Image::from_u8(Size::new(3, 5), 2, (0..30).collect()).unwrap();
        assert_eq!(moved(Affine::IDENTITY, &image, 1.0), image);
    }

    #[test]
    fn a_quarter_turn_about_the_middle_moves_whole_pixels() {
        let image = Image::from_u8(Size::new(2, 2), 1, vec![1, 2, 3, 4]).unwrap();
        let turned = moved(Affine::rotation(90.0).about([1.0, 1.0]), &image, 0.0);
        assert_eq!(levels(&turned), [3, 1, 4, 2]);
    }

    #[test]
    fn shifting_fills_what_comes_in_and_halves_are_blended() {
        let image = Image::from_u8(Size::new(1, 3), 1, vec![100, 200, 40]).unwrap();
        assert_eq!(levels(&moved(Affine::translation(1.0, 0.0), &image, 1.0)), [255, 100, 200]);
        assert_eq!(levels(&moved(Affine::translation(0.5, 0.0), &image, 0.0)), [50, 150, 120]);
        assert_eq!(levels(&moved(Affine::translation(1e9, -1e9), &image, 0.0)), [0, 0, 0]);
    }
}
