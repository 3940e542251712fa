//! Forward convolution and input gradient as one implicit matrix product over rows of pixels.
//!
//! Both sum, for each output pixel, over taps: the pixel under the tap, times the tap's matrix of channels. They
//! differ in which taps reach which pixels ([`Side`]) and in how the weights are read ([`Direction`]). The gradient of
//! a strided convolution falls into phases: the input pixels of one phase (row and column modulo the stride) see the
//! same taps, so each phase is a convolution of stride one with some of the taps.
//! Where an image has few channels, it is copied once with its padding, so that the taps of one kernel row become
//! one contiguous segment.

mod pieces;

use std::ops::Range;

use super::Geometry;
use super::padding::{self, pad};
use super::panels::{Direction, Panels};
use super::pass::Epilogue;
use crate::Result;
use crate::gemm::patches::{Placement, Taps};
use crate::gemm::target::Target;
use crate::ops::activation::Activation;
use crate::ops::window::Window;
use crate::simd::{self, Level};

/// Images with fewer channels than this are copied with their padding: the taps of a kernel row, read as one
/// segment, are then long enough to amortise the look-up of where they start.
const FEW_CHANNELS: usize = 16;

/// See [`super::forward`]. Pixels of the input begin `pixel` numbers apart, the first at the start of `x`; the target
/// holds all output pixels.
pub(super) fn forward(
    geometry: &Geometry,
    (x, pixel): (&[f32], usize),
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    target: Target<'_>,
) -> Result<()> {
    let convolution = Convolution {
        weight,
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.in_h, geometry.in_w, geometry.in_c],
        output: [geometry.out_h, geometry.out_w, geometry.out_c],
        direction: Direction::Forward,
        kernel_w: geometry.horizontal.kernel,
        bias,
        activation,
        level: simd::active()?,
    };
    let phase = Phase {
        vertical: Side::of_outputs(&geometry.vertical, geometry.out_h),
        horizontal: Side::of_outputs(&geometry.horizontal, geometry.out_w),
    };
    convolution.run(&[phase], &Images { data: x, size: convolution.input, pixel }, target)
}

/// See [`super::transposed`].
pub(super) fn grad_input(
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    end: Epilogue<'_>,
    target: &mut [f32],
) -> Result<()> {
    let convolution = Convolution {
        weight,
        batch: geometry.batch,
        groups: geometry.groups,
        input: [geometry.out_h, geometry.out_w, geometry.out_c],
        output: [geometry.in_h, geometry.in_w, geometry.in_c],
        direction: Direction::Input,
        kernel_w: geometry.horizontal.kernel,
        bias: end.bias,
        activation: end.activation,
        level: simd::active()?,
    };
    let rows = Side::of_inputs(&geometry.vertical, geometry.in_h);
    let columns = Side::of_inputs(&geometry.horizontal, geometry.in_w);
    let phases: Vec<_> = rows
        .iter()
        .flat_map(|vertical| {
            columns
                .iter()
                .map(|horizontal| Phase { vertical: vertical.clone(), horizontal: horizontal.clone() })
        })
        .collect();
    let images = Images { data: grad, size: convolution.input, pixel: geometry.out_c };
    let target = Target::new(target, geometry.batch * geometry.in_h * geometry.in_w, geometry.in_c);
    convolution.run(&phases, &images, target)
}

/// The taps that reach the elements of one side of an image: element `first + j * step` of the output sums, over the
/// taps, the input's element `j * stride + shift`.
#[derive(Clone)]
struct Side {
    /// Index of the tap in the kernel, and its shift, shifts ascending.
    taps: Vec<(usize, isize)>,
    stride: usize,
    outputs: usize,
    step: usize,
    first: usize,
}

impl Side {
    /// The one phase of a forward convolution.
    fn of_outputs(window: &Window, outputs: usize) -> Self {
        let shift = |tap: usize| signed(tap * window.dilation) - signed(window.before);
        let taps = (0..window.kernel).map(|tap| (tap, shift(tap))).collect();
        Self { taps, stride: window.stride, outputs, step: 1, first: 0 }
    }

    /// For each residue of the input's index modulo the stride: the taps whose gradient reaches it.
    fn of_inputs(window: &Window, inputs: usize) -> Vec<Self> {
        let stride = signed(window.stride);
        (0..window.stride.min(inputs))
            .map(|first| {
                // Output o reaches input o * stride - before + tap * dilation.
                let reach = |tap: usize| signed(first + window.before) - signed(tap * window.dilation);
                let mut taps: Vec<_> = (0..window.kernel)
                    .filter(|&tap| reach(tap).rem_euclid(stride) == 0)
                    .map(|tap| (tap, reach(tap).div_euclid(stride)))
                    .collect();
                taps.reverse();
                let outputs = (inputs - first).div_ceil(window.stride);
                Self { taps, stride: 1, outputs, step: window.stride, first }
            })
            .collect()
    }

    /// Elements to add before and after a side of `size` elements so that every tap of every output is inside.
    fn padding(&self, size: usize) -> Range<usize> {
        let (Some(first), Some(last)) = (self.taps.first(), self.taps.last()) else { return 0..0 };
        let end = signed((self.outputs - 1) * self.stride) + last.1 + 1;
        usize::try_from(-first.1).unwrap_or(0)..usize::try_from(end - signed(size)).unwrap_or(0)
    }

    /// Whether neighbouring taps read neighbouring elements.
    fn is_contiguous(&self) -> bool {
        self.taps.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1)
    }

    /// As the kernel takes them, over the side with `before` elements of padding added to it, `size` in all.
    fn within(&self, before: usize, size: usize) -> Result<Taps> {
        Taps::new(self.taps.iter().map(|&(_, shift)| shift + signed(before)), self.stride, self.outputs, size)
    }
}

/// The output pixels that see the same taps.
struct Phase {
    vertical: Side,
    horizontal: Side,
}

/// A convolution in either direction: sizes are `[height, width, channels]`.
struct Convolution<'a> {
    weight: &'a [f32],
    batch: usize,
    groups: usize,
    input: [usize; 3],
    output: [usize; 3],
    direction: Direction,
    kernel_w: usize,
    /// Added to the sums.
    bias: Option<&'a [f32]>,
    /// Applied after it.
    activation: Activation,
    level: Level,
}

/// Images as the kernel reads them.
struct Images<'a> {
    data: &'a [f32],
    /// `[height, width, channels]`.
    size: [usize; 3],
    /// Numbers between neighbouring pixels.
    pixel: usize,
}

/// One phase, ready to run.
struct Plan<'a> {
    vertical: Taps,
    horizontal: Taps,
    /// Numbers in a segment.
    depth: usize,
    panels: Panels<'a>,
    placement: Placement,
}

impl<'a> Convolution<'a> {
    fn run(&self, phases: &[Phase], images: &Images<'_>, target: Target<'_>) -> Result<()> {
        let [in_h, in_w, in_c] = self.input;
        if let [phase] = phases
            && self.groups == 1
            && in_c < FEW_CHANNELS
            && in_c == images.pixel
            && phase.horizontal.is_contiguous()
        {
            let (rows, columns) = (phase.vertical.padding(in_h), phase.horizontal.padding(in_w));
            if (rows.clone(), columns.clone()) == (0..0, 0..0) {
                let plan = self.plan_segments(phase, [0, 0], self.input)?;
                return self.execute(&[plan], images, target);
            }
            if padding::is_small(self.input, &rows, &columns) {
                let before = [rows.start, columns.start];
                let (padded, size) = pad(images.data, self.input, rows, columns)?;
                let plan = self.plan_segments(phase, before, size)?;
                let images = Images { data: padded.as_slice()?, size, pixel: in_c };
                return self.execute(&[plan], &images, target);
            }
        }
        let plans = phases
            .iter()
            .map(|phase| {
                let (vertical, horizontal) =
                    (phase.vertical.within(0, in_h)?, phase.horizontal.within(0, in_w)?);
                Ok(self.plan(phase, vertical, horizontal, in_c / self.groups))
            })
            .collect::<Result<Vec<_>>>()?;
        self.execute(&plans, images, target)
    }

    /// The pixels under one kernel row are one segment of an image that has its padding around it.
    fn plan_segments(
        &self,
        phase: &Phase,
        before: [usize; 2],
        [height, width, in_c]: [usize; 3],
    ) -> Result<Plan<'a>> {
        let span = phase.horizontal.taps.len();
        let first =
            Side { taps: phase.horizontal.taps.iter().take(1).copied().collect(), ..phase.horizontal };
        // A segment begins where all of it lies inside the row.
        let horizontal = first.within(before[1], (width + 1).saturating_sub(span))?;
        Ok(self.plan(phase, phase.vertical.within(before[0], height)?, horizontal, span * in_c))
    }

    fn plan(&self, phase: &Phase, vertical: Taps, horizontal: Taps, depth: usize) -> Plan<'a> {
        let placement = Placement {
            first: [phase.vertical.first, phase.horizontal.first],
            step: [phase.vertical.step, phase.horizontal.step],
            width: self.output[1],
        };
        let taps = (phase.vertical.taps.iter())
            .flat_map(|&(y, _)| phase.horizontal.taps.iter().map(move |&(x, _)| y * self.kernel_w + x))
            .collect();
        let panels = Panels {
            weight: self.weight,
            taps,
            direction: self.direction,
            groups: self.groups,
            channels: [self.input[2] / self.groups, self.output[2] / self.groups],
            level: self.level,
        };
        Plan { vertical, horizontal, depth, panels, placement }
    }
}

/// Sizes of tensors fit `isize`: [`crate::Shape`] has checked it.
fn signed(size: usize) -> isize {
    size as isize
}
