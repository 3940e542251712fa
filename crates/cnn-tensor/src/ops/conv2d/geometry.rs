//! The sizes of one convolution, checked once.

use super::{grouped, scatter};
use crate::ops::window::{Padding2d, Rounding, Window};
use crate::{Error, Result};

/// What a convolution does besides its shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dOptions {
    /// Vertical and horizontal distance between windows.
    pub stride: [usize; 2],
    /// Zeros around the image.
    pub padding: Padding2d,
    /// Vertical and horizontal distance between the taps of a window.
    pub dilation: [usize; 2],
    /// Number of groups that input and output channels fall into; each output group sees one input group.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Self { stride: [1, 1], padding: Padding2d::default(), dilation: [1, 1], groups: 1 }
    }
}

/// A validated convolution: what every algorithm receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Images.
    pub(crate) batch: usize,
    /// Rows of the input.
    pub(crate) in_h: usize,
    /// Columns of the input.
    pub(crate) in_w: usize,
    /// Channels of the input.
    pub(crate) in_c: usize,
    /// Rows of the output.
    pub(crate) out_h: usize,
    /// Columns of the output.
    pub(crate) out_w: usize,
    /// Channels of the output.
    pub(crate) out_c: usize,
    /// Groups of channels.
    pub(crate) groups: usize,
    /// The window over rows.
    pub(crate) vertical: Window,
    /// The window over columns.
    pub(crate) horizontal: Window,
}

/// Which family of kernels computes a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Each channel on its own, vectors over channels.
    Depthwise,
    /// Few channels in each group, vectors over several groups.
    Grouped,
    /// Implicit matrix product over rows of pixels, each group in turn.
    Rows,
}

/// Most numbers that an image with its padding may have: a few steps through one, in any direction, then fit a machine
/// word, and the kernels need not check.
const MOST_NUMBERS: usize = isize::MAX as usize >> 6;

impl Geometry {
    /// Checks shapes and options against each other.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Argument`].
    pub fn new(input: &[usize], weight: &[usize], options: &Conv2dOptions) -> Result<Self> {
        const OP: &str = "conv2d";
        let &[batch, in_h, in_w, in_c] = input else {
            return Err(Error::shape(
                OP,
                format!("input {input:?} should be [batch, height, width, channels]"),
            ));
        };
        let &[k_h, k_w, weight_c, out_c] = weight else {
            return Err(Error::shape(
                OP,
                format!(
                    "kernel {weight:?} should be [height, width, input channels / groups, output channels]"
                ),
            ));
        };
        if in_h == 0 || in_w == 0 {
            return Err(Error::shape(
                OP,
                format!("input {input:?} needs rows and columns (only the batch may be empty)"),
            ));
        }
        let groups = options.groups;
        if groups == 0 {
            return Err(Error::argument(OP, "groups", 0, "1 or more"));
        }
        if in_c == 0 || out_c == 0 {
            return Err(Error::shape(OP, format!("input {input:?} and kernel {weight:?} need channels")));
        }
        if weight_c.checked_mul(groups) != Some(in_c) {
            let takes = weight_c.saturating_mul(groups);
            let of_groups = if groups > 1 { format!(" in {groups} groups") } else { String::new() };
            return Err(Error::shape(
                OP,
                format!(
                    "input {input:?} has {in_c} channels, the kernel {weight:?}{of_groups} takes {takes}"
                ),
            ));
        }
        if !out_c.is_multiple_of(groups) {
            return Err(Error::shape(
                OP,
                format!("{groups} groups do not divide the {out_c} output channels of {weight:?}"),
            ));
        }
        let window = |kernel, axis: usize, before: usize, after: usize| Window {
            kernel,
            // A stride beyond the padded input takes no second step, so it may as well be no larger.
            stride: options.stride[axis].min(input[axis + 1].saturating_add(before).saturating_add(after)),
            // A single tap has nothing to be distant from.
            dilation: if kernel == 1 { options.dilation[axis].min(1) } else { options.dilation[axis] },
            before,
            after,
            rounding: Rounding::Floor,
        };
        let vertical = window(k_h, 0, options.padding.top, options.padding.bottom);
        let horizontal = window(k_w, 1, options.padding.left, options.padding.right);
        let out_h = vertical.output_size(OP, in_h)?;
        let out_w = horizontal.output_size(OP, in_w)?;
        // `output_size` has shown that these sums do not overflow.
        let [height, width] =
            [in_h + vertical.before + vertical.after, in_w + horizontal.before + horizontal.after];
        let numbers = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(in_c.max(out_c)));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            return Err(Error::shape(
                OP,
                format!("input {input:?}, padded to {height} by {width}, is larger than any memory"),
            ));
        }
        Ok(Self { batch, in_h, in_w, in_c, out_h, out_w, out_c, groups, vertical, horizontal })
    }

    /// `[batch, out_h, out_w, out_c]`.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.out_h, self.out_w, self.out_c]
    }

    /// Pixels of all outputs.
    pub(crate) fn output_pixels(&self) -> usize {
        self.batch * self.out_h * self.out_w
    }

    /// `[batch, in_h, in_w, in_c]`.
    pub fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.in_h, self.in_w, self.in_c]
    }

    /// `[k_h, k_w, in_c / groups, out_c]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.vertical.kernel, self.horizontal.kernel, self.group_in_c(), self.out_c]
    }

    /// Input channels of one group.
    pub fn group_in_c(&self) -> usize {
        self.in_c / self.groups
    }

    /// Output channels of one group.
    pub fn group_out_c(&self) -> usize {
        self.out_c / self.groups
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.vertical.kernel * self.horizontal.kernel
    }

    /// Multiply-adds of any one of the three passes.
    pub fn multiply_adds(&self) -> u64 {
        [self.batch, self.out_h, self.out_w, self.out_c, self.taps(), self.group_in_c()]
            .iter()
            .fold(1u64, |product, &size| product.saturating_mul(size as u64))
    }

    /// The family of kernels, with vectors of `lanes` numbers: a function of the geometry of one image alone, so that
    /// neither the batch nor the number of threads changes a result.
    pub(crate) fn algorithm(&self, lanes: usize) -> Algorithm {
        if self.groups > 1 && self.groups == self.in_c && self.in_c == self.out_c {
            // One channel in, one out: nothing to share between output channels, so vectors run over channels.
            Algorithm::Depthwise
        } else if grouped::MEMBERS.contains(&self.group_in_c())
            && self.in_c == self.out_c
            && (self.group_in_c() + 1..=self.in_c).contains(&lanes)
        {
            // A product group by group would fill the lanes of a vector in part. Where a group gives more channels than
            // it takes, or fewer, the channels of a vector are not made of a vector of channels.
            Algorithm::Grouped
        } else {
            Algorithm::Rows
        }
    }

    /// Whether the gradient of the input is summed from the products of all taps. Its channels are the columns of the
    /// general matrix product and would fill half a vector at most; `32x8x32x32 -> 32, kernel 3` gains by it, with
    /// half of AVX-512's lanes, and with all of AVX2's it loses. The taps of a row must be neighbours, else what an
    /// output pixel adds to is no run of numbers.
    pub(crate) fn scatters(&self, lanes: usize) -> bool {
        self.groups == 1
            && self.in_c <= lanes / 2
            && self.taps() > 1
            && (self.horizontal.dilation == 1 || self.horizontal.kernel == 1)
            && scatter::fits(self, lanes)
    }
}
