//! What the arguments of transforms have in common: checks of their ranges, and methods that set one argument each.

use std::ops::RangeInclusive;

use cnn_tensor::random::Key;

use crate::image::Size;
use crate::resize::LONGEST_SIDE;
use crate::{Error, Result};

/// Number `index` of a key's stream, uniform between `least` and `most`.
pub(super) fn between(key: Key, index: u64, [least, most]: [f32; 2]) -> f32 {
    least + (most - least) * key.uniform(index)
}

pub(super) fn check_range(name: &'static str, value: f32, range: RangeInclusive<f32>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::argument(name, value, format!("{} to {}", range.start(), range.end())))
}

pub(super) fn check_pair(
    name: &'static str,
    [least, most]: [f32; 2],
    range: RangeInclusive<f32>,
) -> Result<()> {
    if least <= most && range.contains(&least) && range.contains(&most) {
        return Ok(());
    }
    let expected = format!("two numbers from {} to {}, the smaller first", range.start(), range.end());
    Err(Error::argument(name, [least, most], expected))
}

/// A probability.
pub(super) fn check_probability(name: &'static str, p: f32) -> Result<()> {
    check_range(name, p, 0.0..=1.0)
}

/// A level as a share of white.
pub(super) fn check_fill(name: &'static str, fill: f32) -> Result<()> {
    check_range(name, fill, 0.0..=1.0)
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
