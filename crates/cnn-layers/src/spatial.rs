//! What inputs a layer that exists for one and for two spatial axes takes.

use std::fmt::Debug;

/// How many spatial axes an input has: [`OneAxis`] or [`TwoAxes`].
pub trait SpatialAxes: Debug + Clone + Send + Sync + 'static {
    /// Name of the batch norm.
    const BATCH_NORM: &'static str;
    /// Name of the instance norm.
    const INSTANCE_NORM: &'static str;
    /// Number of axes of the input.
    const RANK: usize;
    /// What the input should be.
    const EXPECTED: &'static str;
}

/// Sequences, `[batch, length, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneAxis;

/// Images, `[batch, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoAxes;

impl SpatialAxes for OneAxis {
    const BATCH_NORM: &'static str = "BatchNorm1d";
    const INSTANCE_NORM: &'static str = "InstanceNorm1d";
    const RANK: usize = 3;
    const EXPECTED: &'static str = "[batch, length, channels]";
}

impl SpatialAxes for TwoAxes {
    const BATCH_NORM: &'static str = "BatchNorm2d";
    const INSTANCE_NORM: &'static str = "InstanceNorm2d";
    const RANK: usize = 4;
    const EXPECTED: &'static str = "[batch, height, width, channels]";
}
