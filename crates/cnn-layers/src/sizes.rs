//! Sizes that a layer takes: one number for both axes, or one for each.

use cnn_tensor::ops::window::Padding2d;

/// A vertical and a horizontal size; one number stands for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Along the height.
    pub vertical: usize,
    /// Along the width.
    pub horizontal: usize,
}

impl From<usize> for Pair {
    fn from(size: usize) -> Self {
        Self { vertical: size, horizontal: size }
    }
}

impl From<[usize; 2]> for Pair {
    fn from([vertical, horizontal]: [usize; 2]) -> Self {
        Self { vertical, horizontal }
    }
}

impl From<Pair> for [usize; 2] {
    fn from(pair: Pair) -> Self {
        [pair.vertical, pair.horizontal]
    }
}

/// Padding; one number stands for all sides, two for `[top and bottom, left and right]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad(pub Padding2d);

impl From<usize> for Pad {
    fn from(amount: usize) -> Self {
        Self(Padding2d::all(amount))
    }
}

impl From<[usize; 2]> for Pad {
    fn from([vertical, horizontal]: [usize; 2]) -> Self {
        Self(Padding2d::symmetric(vertical, horizontal))
    }
}

impl From<Padding2d> for Pad {
    fn from(padding: Padding2d) -> Self {
        Self(padding)
    }
}

/// Whether a layer adds a learnt bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Bias {
    /// It does (PyTorch's default).
    #[default]
    With,
    /// It does not, as before a batch norm.
    Without,
}
