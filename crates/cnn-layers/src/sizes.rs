//! Sizes that a layer takes: one number for both axes, or one for each.

use cnn_tensor::ops::window::{Padding, Padding2d, Same};

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

/// Rows and columns at the sides of an image; one number stands for all sides, two for
/// `[top and bottom, left and right]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides(pub Padding2d);

impl From<usize> for Sides {
    fn from(amount: usize) -> Self {
        Self(Padding2d::all(amount))
    }
}

impl From<[usize; 2]> for Sides {
    fn from([vertical, horizontal]: [usize; 2]) -> Self {
        Self(Padding2d::symmetric(vertical, horizontal))
    }
}

impl From<Padding2d> for Sides {
    fn from(padding: Padding2d) -> Self {
        Self(padding)
    }
}

/// Elements at the ends of a sequence; one number stands for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// In front of the first element.
    pub before: usize,
    /// Behind the last.
    pub after: usize,
}

impl From<usize> for Ends {
    fn from(amount: usize) -> Self {
        Self { before: amount, after: amount }
    }
}

impl From<Ends> for Padding2d {
    /// The ends of an image of one row.
    fn from(ends: Ends) -> Self {
        Self { left: ends.before, right: ends.after, ..Self::default() }
    }
}

/// Padding of windows over images: [`Sides`], or [`Same`], which keeps sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad(pub Padding);

impl From<usize> for Pad {
    fn from(amount: usize) -> Self {
        Padding2d::all(amount).into()
    }
}

impl From<[usize; 2]> for Pad {
    fn from([vertical, horizontal]: [usize; 2]) -> Self {
        Padding2d::symmetric(vertical, horizontal).into()
    }
}

impl From<Padding2d> for Pad {
    fn from(padding: Padding2d) -> Self {
        Self(Padding::Sides(padding))
    }
}

impl From<Same> for Pad {
    fn from(same: Same) -> Self {
        Self(Padding::Same(same))
    }
}

/// Padding of windows over sequences: [`Ends`], or [`Same`], which keeps lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PadEnds(pub(crate) Padding);

impl From<usize> for PadEnds {
    fn from(amount: usize) -> Self {
        Ends::from(amount).into()
    }
}

impl From<Ends> for PadEnds {
    fn from(ends: Ends) -> Self {
        Self(Padding::Sides(ends.into()))
    }
}

impl From<Same> for PadEnds {
    fn from(same: Same) -> Self {
        Self(Padding::Same(same))
    }
}

/// A vertical and a horizontal factor; one number stands for both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Of the height.
    pub vertical: f64,
    /// Of the width.
    pub horizontal: f64,
}

impl From<f64> for Factors {
    fn from(factor: f64) -> Self {
        Self { vertical: factor, horizontal: factor }
    }
}

impl From<[f64; 2]> for Factors {
    fn from([vertical, horizontal]: [f64; 2]) -> Self {
        Self { vertical, horizontal }
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

/// Whether a normalisation learns a scale and a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Affine {
    /// It does.
    With,
    /// It does not.
    Without,
}

/// Whether a normalisation keeps running statistics: PyTorch's `track_running_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tracking {
    /// It does.
    With,
    /// It does not.
    Without,
}

/// Sizes of the last axes; one number stands for the last alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAxes(pub Vec<usize>);

impl From<usize> for LastAxes {
    fn from(size: usize) -> Self {
        Self(vec![size])
    }
}

impl<const N: usize> From<[usize; N]> for LastAxes {
    fn from(sizes: [usize; N]) -> Self {
        Self(sizes.into())
    }
}

impl From<&[usize]> for LastAxes {
    fn from(sizes: &[usize]) -> Self {
        Self(sizes.into())
    }
}
