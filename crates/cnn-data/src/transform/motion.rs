//! [`Motion`]: where the points of a picture go when the picture is transformed, so that boxes, masks and points
//! can go with it.
//!
//! Coordinates are those of torchvision: x to the right, y down, the first pixel's centre at (0.5, 0.5).

use super::{Affine, Perspective};
use crate::image::Size;

/// How the points of a picture move.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    size: Size,
    steps: Vec<Step>,
}

/// One after the other; every map takes points of one picture to points of the next.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Affine(Affine),
    Projective(Perspective),
    /// A point moves by the displacement of the pixel that it lies in: `[dx, dy]` by rows.
    Displaced {
        width: usize,
        by: Vec<[f32; 2]>,
    },
}

impl Motion {
    /// Every point of a picture of this size stays.
    pub fn still(size: Size) -> Self {
        Self { size, steps: Vec::new() }
    }

    /// Points move as an affine map says, into a picture of this size.
    pub fn affine(map: Affine, size: Size) -> Self {
        Self { size, steps: vec![Step::Affine(map)] }
    }

    /// Points move as a projective map says, into a picture of this size.
    pub fn projective(map: Perspective, size: Size) -> Self {
        Self { size, steps: vec![Step::Projective(map)] }
    }

    /// The point in each pixel of a picture moves by `[dx, dy]` pixels, one pair a pixel by rows; points outside move
    /// as the nearest inside. Pairs that are missing at the end are zero.
    pub fn displaced(size: Size, by: Vec<[f32; 2]>) -> Self {
        Self { size, steps: vec![Step::Displaced { width: size.width, by }] }
    }

    /// This motion, then another of the picture that results.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        Self { size: next.size, ..self }
    }

    /// The size of the picture after it.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether every point stays where it is.
    pub fn is_still(&self) -> bool {
        self.steps.is_empty()
    }

    /// Where a point goes, `[x, y]`; it may be outside the picture. Not finite where a projective map has no place
    /// for it.
    pub fn point(&self, point: [f32; 2]) -> [f32; 2] {
        self.steps.iter().fold(point, |point, step| step.point(point))
    }
}

impl Step {
    fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        match self {
            Self::Affine(map) => map.point([x, y]),
            Self::Projective(map) => map.point([x, y]),
            Self::Displaced { width, by } => {
                let height = by.len() / (*width).max(1);
                let cell = |v: f32, cells: usize| (v.max(0.0) as usize).min(cells.saturating_sub(1));
                let at = cell(y, height) * width + cell(x, *width);
                let [along, down] = by.get(at).copied().unwrap_or_default();
                [x + along, y + down]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motions_follow_each_other() {
        let (first, last) = (Size::new(4, 4), Size::new(8, 8));
        let motion = Motion::affine(Affine::translation(1.0, 0.0), first)
            .then(Motion::affine(Affine::scale(2.0), last))
            .then(Motion::displaced(last, [[0.0, 0.5]; 64].to_vec()));
        assert_eq!(motion.point([1.0, 1.0]), [4.0, 2.5]);
        assert_eq!(motion.size(), last);
        assert!(Motion::still(first).is_still());
    }

    #[test]
    fn a_projective_map_divides() {
        let map = Perspective { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]] };
        let motion = Motion::projective(map, Size::new(4, 4));
        assert_eq!(motion.point([2.0, 3.0]), [1.0, 1.5]);
        assert!(motion.point([-2.0, 3.0])[1].is_infinite());
    }

    #[test]
    fn points_outside_move_as_the_nearest_pixel() {
        let size = Size::new(1, 2);
        let motion = Motion::displaced(size, vec![[1.0, 0.0], [2.0, 0.0]]);
        assert_eq!(motion.point([-3.0, -1.0]), [-2.0, -1.0]);
        assert_eq!(motion.point([9.0, 9.0]), [11.0, 9.0]);
        assert_eq!(motion.point([f32::NAN, 0.0])[1], 0.0);
    }
}
