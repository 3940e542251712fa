//! Ranges of angles, as torchvision takes them: one number is either way, two are a range, and shear has four for two
//! directions.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Least and greatest angle in degrees. Made from one number for as much either way, or from two.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Numbers", into = "Numbers")]
pub struct Angles {
    /// Least angle.
    pub least: f32,
    /// Greatest angle.
    pub greatest: f32,
}

/// Angles of shear along x and along y. Made from one or two numbers for x alone, or from four: least and greatest along
/// x, least and greatest along y.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "MoreNumbers", into = "MoreNumbers")]
pub struct Shear {
    /// Angles along x.
    pub x: Angles,
    /// Angles along y.
    pub y: Angles,
}

/// Angles as a configuration writes them.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected an angle in degrees, or the least and the greatest")]
enum Numbers {
    One(f32),
    Two([f32; 2]),
}

/// Shear as a configuration writes it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected an angle in degrees, two (along x) or four (along x and along y)")]
enum MoreNumbers {
    One(f32),
    Two([f32; 2]),
    Four([f32; 4]),
}

impl Angles {
    /// As numbers, the least first.
    pub(super) fn range(self) -> [f32; 2] {
        [self.least, self.greatest]
    }

    pub(super) fn check(self, name: &'static str, most: f32) -> Result<()> {
        if self.least <= self.greatest && self.least >= -most && self.greatest <= most {
            return Ok(());
        }
        let expected =
            format!("an angle up to {most} degrees, or two from -{most} to {most}, the smaller first");
        Err(Error::argument(name, self.range(), expected))
    }
}

impl From<f32> for Angles {
    fn from(angle: f32) -> Self {
        Self { least: -angle, greatest: angle }
    }
}

impl From<[f32; 2]> for Angles {
    fn from([least, greatest]: [f32; 2]) -> Self {
        Self { least, greatest }
    }
}

impl From<Numbers> for Angles {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::One(angle) => angle.into(),
            Numbers::Two(pair) => pair.into(),
        }
    }
}

impl From<Angles> for Numbers {
    fn from(angles: Angles) -> Self {
        if angles.least == -angles.greatest { Self::One(angles.greatest) } else { Self::Two(angles.range()) }
    }
}

impl From<f32> for Shear {
    fn from(angle: f32) -> Self {
        Self { x: angle.into(), y: Angles::default() }
    }
}

impl From<[f32; 2]> for Shear {
    fn from(pair: [f32; 2]) -> Self {
        Self { x: pair.into(), y: Angles::default() }
    }
}

impl From<[f32; 4]> for Shear {
    fn from([a, b, c, d]: [f32; 4]) -> Self {
        Self { x: [a, b].into(), y: [c, d].into() }
    }
}

impl From<MoreNumbers> for Shear {
    fn from(numbers: MoreNumbers) -> Self {
        match numbers {
            MoreNumbers::One(angle) => angle.into(),
            MoreNumbers::Two(pair) => pair.into(),
            MoreNumbers::Four(four) => four.into(),
        }
    }
}

impl From<Shear> for MoreNumbers {
    fn from(Shear { x, y }: Shear) -> Self {
        match [x, y] {
            [x, y] if y != Angles::default() => Self::Four([x.least, x.greatest, y.least, y.greatest]),
            [x, _] if x.least == -x.greatest => Self::One(x.greatest),
            [x, _] => Self::Two(x.range()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_torchvision_reads_them() {
        let angles = |text| serde_json::from_str::<Angles>(text).map(Angles::range);
        assert_eq!(angles("10").unwrap(), [-10.0, 10.0]);
        assert_eq!(angles("[0, 90.5]").unwrap(), [0.0, 90.5]);
        assert!(angles("[1, 2, 3]").unwrap_err().to_string().contains("an angle in degrees"));
        let shear = |text| serde_json::from_str::<Shear>(text).unwrap();
        assert_eq!(shear("5"), Shear { x: 5.0.into(), y: 0.0.into() });
        assert_eq!(shear("[1, 2, 3, 4]"), Shear { x: [1.0, 2.0].into(), y: [3.0, 4.0].into() });
        for text in ["5.0", "[1.0,2.0]", "[1.0,2.0,3.0,4.0]"] {
            assert_eq!(serde_json::to_string(&shear(text)).unwrap(), text);
        }
    }

    #[test]
    fn ranges_are_in_order_and_finite() {
        assert!(Angles::from(180.0).check("a", 180.0).is_ok());
        for wrong in [[2.0, 1.0], [-181.0, 0.0], [f32::NAN, 0.0], [0.0, f32::INFINITY]] {
            assert!(Angles::from(wrong).check("a", 180.0).is_err(), "{wrong:?}");
        }
        assert!(Angles::from(-5.0).check("a", 180.0).is_err());
    }
}
