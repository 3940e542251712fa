//! What the arguments of transforms have in common: checks of their ranges, and methods that set one argument each.

use crate::image::Size;
use crate::resize::LONGEST_SIDE;
use crate::{Error, Result};

/// A probability.
pub(super) fn check_probability(name: &'static str, p: f32) -> Result<()> {
    super::check_range(name, p, 0.0..=1.0)
}

/// A level as a share of white.
pub(super) fn check_fill(name: &'static str, fill: f32) -> Result<()> {
    super::check_range(name, fill, 0.0..=1.0)
}

/// A size that a picture is brought to.
pub(super) fn check_size(name: &'static str, size: Size) -> Result<()> {
    let side = 1..=LONGEST_SIDE;
    if side.contains(&size.height) && side.contains(&size.width) {
        return Ok(());
    }
    Err(Error::argument(name, size, "sides of 1 to 32768 pixels"))
}

/// A point, where one is given: two finite numbers.
pub(super) fn check_point(name: &'static str, point: Option<[f32; 2]>) -> Result<()> {
    match point {
        Some(point) if !point.iter().all(|v| v.abs() < 1e6) => {
            Err(Error::argument(name, point, "two numbers below a million, x and y in pixels"))
        }
        _ => Ok(()),
    }
}

/// Methods that return the transform with one argument set.
macro_rules! setters {
    ($type:ty { $($(#[$doc:meta])* $field:ident: $kind:ty,)* }) => {
        impl $type {
            $($(#[$doc])*
            #[must_use]
            pub fn $field(self, $field: $kind) -> Self {
                Self { $field, ..self }
            })*
        }
    };
}
pub(super) use setters;
