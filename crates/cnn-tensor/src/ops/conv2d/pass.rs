//! What the kernels of depthwise and grouped convolution compute: sums over taps, the same for the forward pass and for
//! the gradient of the input.

use super::Geometry;
use super::axis::Axis;
use crate::ops::activation::Activation;

/// What is done to the sums of the gradient of an input, which a transposed convolution gives out as its output.
#[derive(Clone, Copy)]
pub(super) struct Epilogue<'a> {
    /// Added to the sums.
    pub(super) bias: Option<&'a [f32]>,
    /// Applied after it.
    pub(super) activation: Activation,
}

/// A pass over all images.
pub(super) struct Pass<'a> {
    /// Rows of the target and the source.
    pub(super) vertical: Axis,
    /// Columns of the target and the source.
    pub(super) horizontal: Axis,
    /// Rows and columns of the target of one image.
    pub(super) targets: [usize; 2],
    /// Rows and columns of the kernel.
    pub(super) kernel: [usize; 2],
    /// Channels of a group.
    pub(super) members: usize,
    /// Channels.
    pub(super) channels: usize,
    /// All source images.
    pub(super) source: &'a [f32],
    /// `[k_h, k_w, source member, target channel]`.
    pub(super) weight: &'a [f32],
    /// What the sums start from.
    pub(super) bias: Option<&'a [f32]>,
    /// Applied before storing.
    pub(super) activation: Activation,
}

impl<'a> Pass<'a> {
    /// See [`super::forward`].
    pub(super) fn forward(
        geometry: &Geometry,
        x: &'a [f32],
        weight: &'a [f32],
        bias: Option<&'a [f32]>,
        activation: Activation,
    ) -> Self {
        let &Geometry { in_h, in_w, out_h, out_w, in_c: channels, vertical, horizontal, .. } = geometry;
        Self {
            vertical: Axis::forward(&vertical, in_h, out_h),
            horizontal: Axis::forward(&horizontal, in_w, out_w),
            targets: [out_h, out_w],
            kernel: [vertical.kernel, horizontal.kernel],
            members: geometry.group_in_c(),
            channels,
            source: x,
            weight,
            bias,
            activation,
        }
    }

    /// See [`super::transposed`]. The source is the gradient of the output, and `weight` has its members exchanged.
    pub(super) fn grad_input(
        geometry: &Geometry,
        grad: &'a [f32],
        weight: &'a [f32],
        end: Epilogue<'a>,
    ) -> Self {
        let &Geometry { in_h, in_w, out_h, out_w, in_c: channels, vertical, horizontal, .. } = geometry;
        Self {
            vertical: Axis::transposed(&vertical, in_h, out_h),
            horizontal: Axis::transposed(&horizontal, in_w, out_w),
            targets: [in_h, in_w],
            kernel: [vertical.kernel, horizontal.kernel],
            members: geometry.group_in_c(),
            channels,
            source: grad,
            weight,
            bias: end.bias,
            activation: end.activation,
        }
    }
}
