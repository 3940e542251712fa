//! What an architecture is built for: the images it takes and the classes it tells apart.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The arguments of every architecture. They travel in the model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// Channels of an image: 1 for grey, 3 for colour.
    pub channels: usize,
    /// Classes to tell apart.
    pub classes: usize,
    /// Height of an image.
    pub height: usize,
    /// Width of an image.
    pub width: usize,
}

impl Arguments {
    /// The arguments of MNIST: grey images of 28 by 28, ten classes.
    pub const MNIST: Arguments = Arguments { channels: 1, classes: 10, height: 28, width: 28 };

    /// Channels and classes must be there, and the sides within `smallest` and [`LARGEST_SIDE`].
    pub(crate) fn check(&self, model: &'static str, smallest: usize, expected: &'static str) -> Result<()> {
        let refuse =
            |name, met: usize, expected| Err(Error::Argument { model, name, met: met.to_string(), expected });
        for (name, value) in [("channels", self.channels), ("classes", self.classes)] {
            if !(1..=MOST).contains(&value) {
                return refuse(name, value, "1 to 1,000,000");
            }
        }
        for (name, side) in [("height", self.height), ("width", self.width)] {
            if side < smallest {
                return refuse(name, side, expected);
            }
            if side > LARGEST_SIDE {
                return refuse(name, side, "65,535 or less");
            }
        }
        Ok(())
    }
}

/// Longest side of an image, which is also that of picture files in practice.
const LARGEST_SIDE: usize = 65_535;

/// Most channels and classes.
const MOST: usize = 1_000_000;
